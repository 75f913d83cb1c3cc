"""Plan changes of bindings from a request and the records."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import product

from pydantic import Field

from models.access.binding import Binding
from models.access.requests import check_workspaces_exist, match_spaces
from models.clusters.membership import Namespace
from models.core.base import FrozenModel
from models.registries.registry import Capabilities


class BindingRecords(FrozenModel):
    """What is on record about the bindings of one registry.

    Attributes:
        registry: name of the registry.
        capabilities: capabilities of the registry.
        spaces: names of its spaces.
        bindings: its bindings, including held ones.
        workspaces: names of all workspaces.
        namespaces: namespaces of all clusters.
        key_check: text that the key of the stored secrets decrypts; empty if there is none yet.
    """

    registry: str
    capabilities: Capabilities
    spaces: tuple[str, ...]
    bindings: tuple[Binding, ...]
    workspaces: tuple[str, ...]
    namespaces: tuple[Namespace, ...]
    key_check: str = Field(default="", repr=False)


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
    records: BindingRecords, patterns: Sequence[str], names: Sequence[str], now: datetime
) -> BindingChange:
    """Return the requested bindings that are not in force: missing ones and held ones.

    Args:
        records: the records of the registry.
        patterns: names and patterns of spaces.
        names: names of workspaces.
        now: time of the new bindings.

    Raises:
        InvalidRequest: a space or a workspace does not exist.
    """
    check_workspaces_exist(names, records.workspaces)
    matches = match_spaces(records.registry, records.spaces, patterns)
    active = {
        (binding.space, binding.workspace) for binding in records.bindings if not binding.is_held
    }
    missing = tuple(
        Binding(registry=records.registry, space=space, workspace=workspace, bound_at=now)
        for workspace in sorted(set(names))
        for space in matches
        if (space, workspace) not in active
    )
    return _binding_change(records, missing, names)


def requested_keys(
    registry: str, space_names: Iterable[str], patterns: Sequence[str], names: Sequence[str]
) -> frozenset[tuple[str, str]]:
    """Return the space and workspace of each requested binding, including those that exist.

    Args:
        registry: name of the registry.
        space_names: names of its spaces.
        patterns: names and patterns of spaces.
        names: names of workspaces.

    Raises:
        InvalidRequest: a pattern matches no space.
    """
    return frozenset(product(match_spaces(registry, space_names, patterns), names))


def plan_unbind(
    records: BindingRecords, patterns: Sequence[str], names: Sequence[str]
) -> BindingChange:
    """Return the requested bindings that exist, including held ones and those of missing spaces.

    Args:
        records: the records of the registry.
        patterns: names and patterns of spaces.
        names: names of workspaces.

    Raises:
        InvalidRequest: a space or a workspace does not exist.
    """
    check_workspaces_exist(names, records.workspaces)
    space_names = {*records.spaces, *(binding.space for binding in records.bindings)}
    matches = set(match_spaces(records.registry, space_names, patterns))
    removals = tuple(
        binding
        for binding in records.bindings
        if binding.space in matches and binding.workspace in set(names)
    )
    return _binding_change(records, removals, names)


def select_held_bindings(
    records: BindingRecords, patterns: Sequence[str], names: Sequence[str]
) -> BindingChange:
    """Return held bindings of a registry.

    Args:
        records: the records of the registry.
        patterns: names and patterns of spaces; empty for all.
        names: names of workspaces; empty for all.

    Raises:
        InvalidRequest: a space or a workspace does not exist.
    """
    check_workspaces_exist(names, records.workspaces)
    held_bindings = [
        binding
        for binding in records.bindings
        if binding.is_held and (not names or binding.workspace in names)
    ]
    if patterns:
        space_names = {binding.space for binding in records.bindings}
        matches = set(match_spaces(records.registry, space_names, patterns))
        held_bindings = [binding for binding in held_bindings if binding.space in matches]
    workspace_names = sorted({binding.workspace for binding in held_bindings})
    return _binding_change(records, tuple(held_bindings), workspace_names)


def restorable_bindings(
    records: BindingRecords, bindings: Iterable[Binding]
) -> tuple[Binding, ...]:
    """Return the bindings whose space is on record."""
    # Restoring another one would grant access to whatever space gets that name later.
    space_names = set(records.spaces)
    return tuple(binding for binding in bindings if binding.space in space_names)


def _binding_change(
    records: BindingRecords, affected_bindings: tuple[Binding, ...], names: Sequence[str]
) -> BindingChange:
    keys = {(binding.space, binding.workspace) for binding in affected_bindings}
    return BindingChange(
        capabilities=records.capabilities,
        bindings=affected_bindings,
        namespaces=tuple(
            namespace for namespace in records.namespaces if namespace.workspace in set(names)
        ),
        total_count=len(records.bindings),
        held_count=sum(
            binding.is_held and (binding.space, binding.workspace) not in keys
            for binding in records.bindings
        ),
    )
