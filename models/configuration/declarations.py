"""What documents declare, thing by thing; patterns of bindings are expanded."""

import fnmatch
import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from models.configuration.parse import ParsedDocument
from models.configuration.plan import Notice, NoticeKind
from models.configuration.positions import DocumentError, Position, check_no_errors
from models.configuration.things import (
    DROPPED,
    BindingSpec,
    Declaration,
    SpaceSpec,
    Spec,
    ThingKey,
    ThingKind,
    World,
)

MAX_BINDINGS = 500_000
"""How many bindings the files of one run may declare, also those that are declared twice."""

_MAX_COMPARISONS = 20_000_000

_SpaceNames = Mapping[str, frozenset[str]]


def declare(documents: Iterable[ParsedDocument]) -> dict[ThingKey, Declaration]:
    """Return everything that documents declare by its name: all but bindings.

    Raises:
        InvalidRequest: two files declare one thing; a thing has one owner.
    """
    declared: dict[ThingKey, Declaration] = {}
    errors = []
    for document in documents:
        for key, spec, path in _named_things(document):
            position = document.position(*path)
            if key in declared:
                message = f"{key} is declared at {declared[key].position} already: remove one"
                errors.append(DocumentError(position=position, message=message))
            else:
                declared[key] = Declaration(key, spec, position)
    check_no_errors(errors)
    return declared


def _named_things(parsed: ParsedDocument) -> Iterator[tuple[ThingKey, Spec, tuple[str, ...]]]:
    document = parsed.document
    for name, registry in document.registries.items():
        yield ThingKey(ThingKind.REGISTRY, name), registry, ("registries", name)
    for name, cluster in document.clusters.items():
        yield ThingKey(ThingKind.CLUSTER, name), cluster, ("clusters", name)
    for name, workspace in document.workspaces.items():
        yield ThingKey(ThingKind.WORKSPACE, name), workspace, ("workspaces", name)
    for registry_name, spaces in document.spaces.items():
        for name, visibility in spaces.items():
            key = ThingKey(ThingKind.SPACE, name, registry_name)
            yield key, SpaceSpec(visibility=visibility), ("spaces", registry_name, name)


def declare_bindings(
    documents: Sequence[ParsedDocument], declared: Iterable[ThingKey], world: World
) -> tuple[dict[ThingKey, Declaration], tuple[Notice, ...]]:
    """Return each declared binding, and what its patterns do not match.

    A pattern also selects existing bindings, so that a missing space removes none.

    Args:
        documents: the documents.
        declared: keys of the declared spaces; other keys are ignored.
        world: what is on record.
    """
    names = _space_names(declared, world)
    _check_expansion(documents, names)
    bound_names = _bound_space_names(world)
    bindings: dict[ThingKey, Declaration] = {}
    notices: list[Notice] = []
    pairs = 0
    for document in documents:
        for index, entry in enumerate(document.document.bindings):
            registry_names = names.get(entry.registry, frozenset())
            for number, pattern in enumerate(entry.spaces):
                position = document.position("bindings", index, "spaces", number)
                current = _match(pattern, registry_names)
                for workspace in entry.workspaces:
                    former = bound_names[entry.registry, workspace] - registry_names
                    matches = sorted([*current, *_match(pattern, former)])
                    pairs += len(matches)
                    _check_size(pairs, position)
                    for space in matches:
                        key = ThingKey(ThingKind.BINDING, space, entry.registry, workspace)
                        _add(bindings, notices, Declaration(key, BindingSpec(), position))
                    if not matches:
                        key = ThingKey(ThingKind.BINDING, pattern, entry.registry, workspace)
                        declaration = Declaration(key, BindingSpec(), position)
                        notices.append(_unmatched(declaration, world))
    return bindings, tuple(notices)


def _check_expansion(documents: Iterable[ParsedDocument], names: _SpaceNames) -> None:
    """Check, before anything is expanded, that a small document does not ask for a huge plan."""
    pairs = comparisons = 0
    for document in documents:
        for index, entry in enumerate(document.document.bindings):
            pairs += len(entry.spaces) * len(entry.workspaces)
            patterns = sum(_is_pattern(space) for space in entry.spaces)
            comparisons += patterns * len(names.get(entry.registry, ()))
            _check_size(pairs, document.position("bindings", index))
            if comparisons > _MAX_COMPARISONS:
                message = "too many patterns for so many spaces: name the spaces, or split it"
                position = document.position("bindings", index)
                check_no_errors([DocumentError(position=position, message=message)])


def _check_size(pairs: int, position: Position) -> None:
    if pairs > MAX_BINDINGS:
        message = f"more than {MAX_BINDINGS:,} bindings in one run: split the files"
        check_no_errors([DocumentError(position=position, message=message)])


def _add(
    bindings: dict[ThingKey, Declaration], notices: list[Notice], declaration: Declaration
) -> None:
    first = bindings.setdefault(declaration.key, declaration)
    if first.position.file != declaration.position.file:
        message = f"it is declared at {first.position} already: one file can own it, remove one"
        notices.append(Notice.of(NoticeKind.BLOCKED, declaration, message))


def _unmatched(declaration: Declaration, world: World) -> Notice:
    key = declaration.key
    if _is_pattern(key.name) or key.registry not in world.read_registries:
        message = "no space matches it yet; it is tried again each time"
        return Notice.of(NoticeKind.PENDING, declaration, message)
    message = (
        f"{key.registry} has no space {key.name!r}: check the spelling, or declare it under spaces"
    )
    return Notice.of(NoticeKind.BLOCKED, declaration, message)


def _is_pattern(text: str) -> bool:
    return any(mark in text for mark in "*?")


def _match(pattern: str, names: Collection[str]) -> list[str]:
    if _is_pattern(pattern):
        return sorted(fnmatch.filter(names, pattern))  # [ is not allowed in patterns
    return [pattern] if pattern in names else []


def _space_names(declared: Iterable[ThingKey], world: World) -> _SpaceNames:
    names: dict[str, set[str]] = defaultdict(set)
    for registry, spaces in world.spaces.items():
        names[registry].update(spaces)
    for key in declared:
        if key.kind is ThingKind.SPACE:
            names[key.registry].add(key.name)
    return {registry: frozenset(registry_names) for registry, registry_names in names.items()}


def _bound_space_names(world: World) -> Mapping[tuple[str, str], frozenset[str]]:
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    # While a pattern selects a dropped binding, it stays dropped, whether its space exists or not.
    dropped = (key for key, mark in world.marks.items() if mark.digest == DROPPED)
    for key in itertools.chain(world.things, dropped):
        if key.kind is ThingKind.BINDING:
            names[key.registry, key.workspace].add(key.name)
    sets = {group: frozenset(spaces) for group, spaces in names.items()}
    return defaultdict(frozenset, sets)
