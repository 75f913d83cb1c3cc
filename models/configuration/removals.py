"""Decide what is removed: only what is owned, not used by others, and within the safety limits."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from models.configuration.document import WorkspaceEntry
from models.configuration.plan import ChangeKind, ConfigurationChange, Notice, NoticeKind
from models.configuration.positions import Position
from models.configuration.scope import Scope
from models.configuration.things import Declaration, ThingKey, ThingKind, World
from models.core.limits import ChangeLimits, exceeded_limit

_Declared = Mapping[ThingKey, Declaration]
_Group = tuple[ThingKind, str]
"""A kind of things, and their registry; empty for all of the kind. Each group has its limit."""


class Removals(NamedTuple):
    """What is removed, what is not and why, and the marks that are not needed any more."""

    changes: tuple[ConfigurationChange, ...]
    notices: tuple[Notice, ...]
    unused_marks: tuple[ThingKey, ...]


def plan_removals(
    declared: _Declared, world: World, scope: Scope, limits: ChangeLimits | None, *, prune: bool
) -> Removals:
    """Return what files own and declare no more.

    Args:
        declared: everything that the files declare.
        world: what is on record.
        scope: the files.
        limits: the safety limits; None if a person lifted them.
        prune: whether to remove it.
    """
    orphans = [
        key
        for key, mark in world.marks.items()
        if scope.contains(mark.file) and key not in declared
    ]
    unused = tuple(key for key in orphans if key not in world.things)
    candidates = [key for key in orphans if key in world.things]
    if not prune:
        message = "not in the file any more; it is kept, unless prune is on"
        notices = [_notice(NoticeKind.KEPT, key, world, message) for key in candidates]
        return Removals((), tuple(notices), unused)
    keys, notices = _apply_limits(candidates, world, limits)
    for kind in _USERS:
        for key in [key for key in keys if key.kind is kind]:
            if users := _USERS[kind](key, declared, world, keys):
                message = f"not removed, it is used by {users}"
                notices.append(_notice(NoticeKind.BLOCKED, key, world, message))
                keys.remove(key)
    changes = [
        ConfigurationChange(ChangeKind.REMOVE, key, before=world.things[key].spec) for key in keys
    ]
    return Removals(tuple(changes), tuple(notices), unused)


def _notice(kind: NoticeKind, key: ThingKey, world: World, message: str) -> Notice:
    mark = world.marks[key]
    return Notice(kind, key, message, Position(file=mark.file, line=mark.line, column=1))


def _apply_limits(
    candidates: Sequence[ThingKey], world: World, limits: ChangeLimits | None
) -> tuple[list[ThingKey], list[Notice]]:
    groups: dict[_Group, list[ThingKey]] = defaultdict(list)
    for key in candidates:
        groups[key.kind, key.registry].append(key)
    for key in [key for keys in [*groups.values()] for key in keys if key.registry]:
        groups[key.kind, ""].append(key)  # many small removals are a large one
    totals = Counter((key.kind, key.registry) for key in world.things)
    totals.update((key.kind, "") for key in world.things if key.registry)
    messages: dict[ThingKey, str] = {}
    for group, keys in groups.items():
        kind, registry = group
        exceeded = limits and exceeded_limit(
            registry or "configuration", len(keys), totals[group], "remove", limits, f"{kind}s"
        )
        if exceeded:
            messages |= {key: messages.get(key, exceeded.message) for key in keys}
    kept = {key.name for key in messages if key.kind is ThingKind.REGISTRY}
    for key in candidates:
        if key.registry in kept and key not in messages:
            messages[key] = f"not removed, as the removal of {key.registry} is withheld"
    notices = [
        _notice(NoticeKind.WITHHELD, key, world, message) for key, message in messages.items()
    ]
    return [key for key in candidates if key not in messages], notices


def _users_of_registry(
    key: ThingKey, declared: _Declared, world: World, removed: Iterable[ThingKey]
) -> str:
    """Return what uses a registry: bindings that stay, and what any file declares in it."""
    others = [
        other for other in world.things if other.kind is ThingKind.BINDING or other in world.marks
    ]
    users = [*declared, *others]
    return _first_user(users, lambda other: other.registry == key.name, removed)


def _users_of_workspace(
    key: ThingKey, declared: _Declared, world: World, removed: Iterable[ThingKey]
) -> str:
    users = [*declared, *world.things]
    return _first_user(users, lambda other: other.workspace == key.name, removed)


def _users_of_cluster(
    key: ThingKey, declared: _Declared, world: World, removed: Iterable[ThingKey]
) -> str:
    if key.name in world.secret_clusters:
        return "the managed Harbors whose password is stored in it"
    specs = {other: thing.spec for other, thing in world.things.items()}
    specs |= {other: declaration.spec for other, declaration in declared.items()}
    users = [
        other
        for other, spec in specs.items()
        if isinstance(spec, WorkspaceEntry) and key.name in spec.cluster_names
    ]
    return _first_user(users, lambda _: True, removed)


def _first_user(
    users: Iterable[ThingKey], uses: Callable[[ThingKey], bool], removed: Iterable[ThingKey]
) -> str:
    others = set(removed)
    return next((str(user) for user in users if uses(user) and user not in others), "")


_USERS: Mapping[ThingKind, Callable[[ThingKey, _Declared, World, Iterable[ThingKey]], str]] = {
    ThingKind.REGISTRY: _users_of_registry,
    ThingKind.WORKSPACE: _users_of_workspace,
    ThingKind.CLUSTER: _users_of_cluster,
}
"""What may use a thing, in the order in which things are removed."""
