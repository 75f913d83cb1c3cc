"""Put together what pages tell of access, from what is on record."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import TypeVar

from models.access.binding_status import Waiting
from models.overview.views import (
    BoundRegistry,
    BoundSpace,
    Facts,
    Member,
    RegistryAccess,
    Share,
    WorkspaceView,
)

T = TypeVar("T")


def bound_spaces(facts: Facts) -> tuple[BoundSpace, ...]:
    """Say of every binding whether it is in force, and what it waits for."""
    waiting = Waiting(
        {one.registry.name: one for one in facts.dossiers},
        facts.grants,
        facts.namespaces,
        facts.deliveries,
        facts.clusters,
        facts.failures,
    )
    found = []
    for one in facts.bindings:
        space = facts.spaces.get((one.registry, one.space))
        said = waiting.of(one, space)
        found.append(BoundSpace(binding=one, space=space, waiting=said))
    return tuple(found)


def workspace_views(facts: Facts) -> tuple[WorkspaceView, ...]:
    """Return one view for each workspace that is asked about."""
    spaces = _sorted_by(bound_spaces(facts), lambda one: one.binding.workspace)
    members = _sorted_by(facts.namespaces, lambda one: one.workspace or "")
    left = {(one.cluster, one.namespace): one for one in facts.deliveries}
    return tuple(
        WorkspaceView(
            at=facts.at,
            workspace=one,
            spaces=tuple(spaces[one.name]),
            registries=_bound_registries(facts, one.name, spaces[one.name]),
            members=tuple(
                Member(namespace=each, delivery=left.get((each.cluster, each.name)))
                for each in members[one.name]
            ),
            history=facts.history.get(one.name, ()),
        )
        for one in facts.workspaces
    )


def _bound_registries(
    facts: Facts, workspace: str, spaces: Iterable[BoundSpace]
) -> tuple[BoundRegistry, ...]:
    """List registries that a workspace is bound to, or still has a robot account on."""
    many = Counter(one.binding.registry for one in spaces)
    grants = _sorted_by(
        (one for one in facts.grants if one.workspace == workspace), lambda one: one.registry
    )
    return tuple(
        BoundRegistry(registry=one.registry, spaces=many[name], grants=tuple(grants[name]))
        for one in facts.dossiers
        if (name := one.registry.name) in many or name in grants
    )


def registry_accesses(facts: Facts, names: Iterable[str]) -> dict[str, RegistryAccess]:
    """Return for each of some registries who may pull from it."""
    spaces = _sorted_by(bound_spaces(facts), lambda one: one.binding.registry)
    return {name: _access(facts, name, spaces[name]) for name in names}


def _access(facts: Facts, name: str, bound: Sequence[BoundSpace]) -> RegistryAccess:
    spaces = [one for one in bound if not one.binding.is_held]
    took = [one.seconds for one in spaces if one.seconds is not None]
    grants = [one for one in facts.grants if one.registry == name]
    by_workspace = _sorted_by(spaces, lambda one: one.binding.workspace)
    return RegistryAccess(
        at=facts.at,
        shares=tuple(
            Share(
                workspace=workspace,
                spaces=len(by_workspace[workspace]),
                grants=tuple(one for one in grants if one.workspace == workspace),
                waiting=sum(bool(one.waiting) for one in by_workspace[workspace]),
                why=next((one.waiting for one in by_workspace[workspace] if one.waiting), ""),
            )
            for workspace in sorted(
                by_workspace.keys() | {one.workspace for one in grants if one.workspace}
            )
        ),
        held=tuple(one.binding for one in bound if one.binding.is_held),
        in_force=len(took),
        median=median(took) if took else None,
        worst=max(took, default=None),
        observer=next((one for one in grants if not one.workspace), None),
    )


def _sorted_by(items: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return found
