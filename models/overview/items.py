"""The rows of the lists of spaces and workspaces."""

from models.access.binding import Workspace
from models.core.base import FrozenModel
from models.overview.lists import ListPage, SpaceState
from models.overview.overview import SpaceStatistics
from models.overview.views import WorkspaceAccess
from models.registries.space import Space


class SpaceItem(FrozenModel):
    """A space of a registry.

    Attributes:
        binding_count: number of its bindings, including held ones.
    """

    statistics: SpaceStatistics
    binding_count: int = 0

    @property
    def state(self) -> SpaceState:
        """Its visibility compared with the desired one."""
        return space_state(self.statistics.space)


def space_state(space: Space) -> SpaceState:
    """Return the state of a space."""
    if space.missing_since is not None:
        return SpaceState.MISSING
    if space.declared:
        return SpaceState.NOT_CREATED
    if space.desired is None:
        return SpaceState.NOT_MANAGED
    is_drifted = space.observed is not None and space.observed is not space.desired
    return SpaceState.DRIFTED if is_drifted else SpaceState.IN_SYNC


class BindingTotals(FrozenModel):
    """Figures of some bindings; held ones are only in `held_count`.

    Attributes:
        pending_count: number of bindings that are not in force.
        effective_count: number of bindings that were rolled out to all namespaces.
        median_seconds, max_seconds: seconds from binding to roll-out; None without a roll-out.
    """

    binding_count: int = 0
    pending_count: int = 0
    held_count: int = 0
    effective_count: int = 0
    median_seconds: float | None = None
    max_seconds: float | None = None


class RegistryAccess(FrozenModel):
    """Who can pull from a registry.

    Attributes:
        totals: figures of all its bindings.
        workspaces: workspaces with bindings or robot accounts, those that wait first.
    """

    totals: BindingTotals
    workspaces: ListPage[WorkspaceAccess]


class WorkspaceItem(FrozenModel):
    """A workspace with the size of its access.

    Attributes:
        namespace_count: number of its namespaces, in `cluster_count` clusters.
        space_count: number of its bindings, including held ones, in `registry_count` registries.
        pending_count: how many of them are not in force, including held ones.
    """

    workspace: Workspace
    namespace_count: int = 0
    cluster_count: int = 0
    space_count: int = 0
    registry_count: int = 0
    pending_count: int = 0
