"""Plan changes of bindings from a request and the records."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session

from models.access.binding import Binding
from models.access.requests import match_spaces
from models.clusters.membership import Namespace
from models.core.base import FrozenModel
from models.registries.registry import Capabilities
from tasks.store.access import bindings, clusters, workspaces
from tasks.store.registries import registries, spaces


class BindingChange(FrozenModel):
    """A planned change of bindings.

    Attributes:
        capabilities: capabilities of the registry.
        bindings: bindings to add or remove, without those that need no change.
        namespaces: namespaces of the requested workspaces.
        total_count: number of bindings the registry has now.
        held_count: number of other held bindings of the registry.
    """

    capabilities: Capabilities
    bindings: tuple[Binding, ...]
    namespaces: tuple[Namespace, ...]
    total_count: int
    held_count: int = 0


def plan_bind(
    session: Session,
    registry: str,
    patterns: Sequence[str],
    names: Sequence[str],
    at: datetime,
) -> BindingChange:
    """Return the requested bindings that are not in force: missing ones and held ones.

    Raises:
        InvalidRequest: the registry, a space or a workspace does not exist.
    """
    capabilities = registries.get_registry(session, registry).registry.capabilities
    workspaces.ensure_exist(session, names)
    space_names = (space.name for space in spaces.list_spaces(session, registry))
    matches = match_spaces(registry, space_names, patterns)
    spaces_by_workspace = bindings.spaces_by_workspace(session, registry)
    active_spaces = {
        workspace: frozenset(bound_spaces)
        for workspace, bound_spaces in spaces_by_workspace.items()
    }
    missing = tuple(
        Binding(registry=registry, space=space, workspace=workspace, bound_at=at)
        for workspace in sorted(set(names))
        for space in matches
        if space not in active_spaces.get(workspace, ())
    )
    return _binding_change(session, registry, capabilities, missing, names)


def plan_unbind(
    session: Session, registry: str, patterns: Sequence[str], names: Sequence[str]
) -> BindingChange:
    """Return the requested bindings that exist, including held ones and those of missing spaces.

    Raises:
        InvalidRequest: the registry, a space or a workspace does not exist.
    """
    capabilities = registries.get_registry(session, registry).registry.capabilities
    workspaces.ensure_exist(session, names)
    current_bindings = bindings.list_bindings(session, registry=registry)
    space_names = {space.name for space in spaces.list_spaces(session, registry)}
    space_names |= {binding.space for binding in current_bindings}
    matches = set(match_spaces(registry, space_names, patterns))
    removals = tuple(
        binding
        for binding in current_bindings
        if binding.space in matches and binding.workspace in set(names)
    )
    return _binding_change(session, registry, capabilities, removals, names)


def select_held_bindings(
    session: Session, registry: str, patterns: Sequence[str], names: Sequence[str]
) -> BindingChange:
    """Return held bindings of a registry.

    Args:
        session: the transaction.
        registry: name of the registry.
        patterns: names and patterns of spaces; empty for all.
        names: names of workspaces; empty for all.

    Raises:
        InvalidRequest: the registry, a space or a workspace does not exist.
    """
    capabilities = registries.get_registry(session, registry).registry.capabilities
    workspaces.ensure_exist(session, names)
    current_bindings = bindings.list_bindings(session, registry=registry)
    held_bindings = [
        binding
        for binding in current_bindings
        if binding.is_held and (not names or binding.workspace in names)
    ]
    if patterns:
        matches = set(
            match_spaces(registry, {binding.space for binding in current_bindings}, patterns)
        )
        held_bindings = [binding for binding in held_bindings if binding.space in matches]
    workspace_names = sorted({binding.workspace for binding in held_bindings})
    return _binding_change(session, registry, capabilities, tuple(held_bindings), workspace_names)


def restorable_bindings(
    session: Session, registry: str, bindings: Iterable[Binding]
) -> tuple[Binding, ...]:
    """Return the bindings whose space is on record."""
    # Restoring another one would grant access to whatever space gets that name later.
    space_names = {space.name for space in spaces.list_spaces(session, registry)}
    return tuple(binding for binding in bindings if binding.space in space_names)


def _binding_change(
    session: Session,
    registry: str,
    capabilities: Capabilities,
    affected_bindings: tuple[Binding, ...],
    names: Sequence[str],
) -> BindingChange:
    all_namespaces = clusters.list_namespaces(session)
    current_bindings = bindings.list_bindings(session, registry=registry)
    keys = {(binding.space, binding.workspace) for binding in affected_bindings}
    return BindingChange(
        capabilities=capabilities,
        bindings=affected_bindings,
        namespaces=tuple(
            namespace for namespace in all_namespaces if namespace.workspace in set(names)
        ),
        total_count=len(current_bindings),
        held_count=sum(
            binding.is_held and (binding.space, binding.workspace) not in keys
            for binding in current_bindings
        ),
    )
