"""What somebody asks to be bound or unbound, checked against what is on record."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session

from models.access.binding import Binding
from models.access.requests import matching
from models.clusters.membership import Namespace
from models.core.base import Value
from models.registries.registry import Kind
from tasks.store.access import bindings, clusters, workspaces
from tasks.store.registries import registries, spaces


class Asked(Value):
    """A change of bindings, as it would be made now.

    Attributes:
        kind: the registry's.
        bindings: those that would come or go; what is so already is left out.
        namespaces: those of the workspaces that were named.
        whole: how many bindings the registry has.
        held: how many others of the registry are held.
    """

    kind: Kind
    bindings: tuple[Binding, ...]
    namespaces: tuple[Namespace, ...]
    whole: int
    held: int = 0


def to_bind(
    session: Session,
    registry: str,
    patterns: Sequence[str],
    names: Sequence[str],
    at: datetime,
) -> Asked:
    """Return the bindings that are not in force: those not there yet, and held ones.

    Raises:
        InputRefused: the registry, a space or a workspace is not known.
    """
    kind = registries.dossier(session, registry).registry.kind
    workspaces.check_known(session, names)
    known = (space.name for space in spaces.spaces(session, registry))
    wanted = matching(registry, known, patterns)
    bound = bindings.bound(session, registry)
    in_force = {workspace: frozenset(each) for workspace, each in bound.items()}
    missing = tuple(
        Binding(registry=registry, space=space, workspace=workspace, bound_at=at)
        for workspace in sorted(set(names))
        for space in wanted
        if space not in in_force.get(workspace, ())
    )
    return _asked(session, registry, kind, missing, names)


def to_unbind(
    session: Session, registry: str, patterns: Sequence[str], names: Sequence[str]
) -> Asked:
    """Return the bindings that are there, held ones too; a space may be gone from the registry.

    Raises:
        InputRefused: the registry, a space or a workspace is not known.
    """
    kind = registries.dossier(session, registry).registry.kind
    workspaces.check_known(session, names)
    there = bindings.bindings(session, registry=registry)
    known = {space.name for space in spaces.spaces(session, registry)}
    meant = set(matching(registry, known | {one.space for one in there}, patterns))
    unwanted = tuple(one for one in there if one.space in meant and one.workspace in set(names))
    return _asked(session, registry, kind, unwanted, names)


def held(session: Session, registry: str, patterns: Sequence[str], names: Sequence[str]) -> Asked:
    """Return held bindings of a registry.

    Args:
        patterns: names and patterns of their spaces; none for all.
        names: their workspaces; none for all.

    Raises:
        InputRefused: the registry, a space or a workspace is not known.
    """
    kind = registries.dossier(session, registry).registry.kind
    workspaces.check_known(session, names)
    there = bindings.bindings(session, registry=registry)
    affected = [one for one in there if one.is_held and (not names or one.workspace in names)]
    if patterns:
        meant = set(matching(registry, {one.space for one in there}, patterns))
        affected = [one for one in affected if one.space in meant]
    bound_to = sorted({one.workspace for one in affected})
    return _asked(session, registry, kind, tuple(affected), bound_to)


def restorable(session: Session, registry: str, bindings: Iterable[Binding]) -> tuple[Binding, ...]:
    """Return the bindings whose space is on record.

    A binding of a space that nobody can see would wait for whoever takes its name.
    """
    known = {space.name for space in spaces.spaces(session, registry)}
    return tuple(one for one in bindings if one.space in known)


def _asked(
    session: Session,
    registry: str,
    kind: Kind,
    concerned: tuple[Binding, ...],
    names: Sequence[str],
) -> Asked:
    members = clusters.namespaces(session)
    there = bindings.bindings(session, registry=registry)
    keys = {(one.space, one.workspace) for one in concerned}
    return Asked(
        kind=kind,
        bindings=concerned,
        namespaces=tuple(one for one in members if one.workspace in set(names)),
        whole=len(there),
        held=sum(one.is_held and (one.space, one.workspace) not in keys for one in there),
    )
