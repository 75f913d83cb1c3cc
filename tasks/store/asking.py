"""What somebody asks to be bound or unbound, checked against what is on record."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from models.access import Binding
from models.base import Value
from models.membership import Namespace
from models.registry import Kind
from models.wishes import matching
from tasks.store import bindings, clusters, registries, spaces, workspaces


class Asked(Value):
    """A change of bindings, as it would be made now.

    Attributes:
        kind: the registry's.
        bindings: those that would come or go; what is so already is left out.
        namespaces: those of the workspaces that were named.
        whole: how many bindings the registry has.
    """

    kind: Kind
    bindings: tuple[Binding, ...]
    namespaces: tuple[Namespace, ...]
    whole: int


def to_bind(
    session: Session,
    registry: str,
    patterns: Sequence[str],
    names: Sequence[str],
    at: datetime,
) -> Asked:
    """Return the bindings that are not there yet.

    Raises:
        InputRefused: the registry, a space or a workspace is not known.
    """
    kind = registries.dossier(session, registry).registry.kind
    workspaces.check_known(session, names)
    known = (space.name for space in spaces.spaces(session, registry))
    wanted = matching(registry, known, patterns)
    bound = bindings.bound(session, registry)
    held = {workspace: set(each) for workspace, each in bound.items()}
    missing = tuple(
        Binding(registry=registry, space=space, workspace=workspace, bound_at=at)
        for workspace in sorted(set(names))
        for space in wanted
        if space not in held.get(workspace, ())
    )
    return _asked(session, kind, missing, names, bound)


def to_unbind(
    session: Session, registry: str, patterns: Sequence[str], names: Sequence[str]
) -> Asked:
    """Return the bindings that are there; a space may be gone from the registry by now.

    Raises:
        InputRefused: the registry, a space or a workspace is not known.
    """
    kind = registries.dossier(session, registry).registry.kind
    workspaces.check_known(session, names)
    there = bindings.bindings(session, registry=registry)
    known = {space.name for space in spaces.spaces(session, registry)}
    meant = set(matching(registry, known | {one.space for one in there}, patterns))
    unwanted = tuple(one for one in there if one.space in meant and one.workspace in set(names))
    return _asked(session, kind, unwanted, names, bindings.bound(session, registry))


def _asked(
    session: Session,
    kind: Kind,
    concerned: tuple[Binding, ...],
    names: Sequence[str],
    bound: dict[str, tuple[str, ...]],
) -> Asked:
    members = clusters.namespaces(session)
    return Asked(
        kind=kind,
        bindings=concerned,
        namespaces=tuple(one for one in members if one.workspace in set(names)),
        whole=sum(len(each) for each in bound.values()),
    )
