"""Rows of the list of clusters."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from models.clusters.cluster import Cluster, ClusterStatus
from models.core.base import FrozenModel
from models.core.reasons import Reason
from models.core.runs.schedules import ScheduledFlow
from models.discovery.managed_harbor import AdoptionState
from models.overview.silent_schedules import is_observation_outdated


class ClusterHealth(StrEnum):
    """The status of a cluster in one word."""

    REACHABLE = "reachable"
    RIGHTS_MISSING = "rights missing"
    OTHER_CLUSTER = "another cluster"
    UNREACHABLE = "unreachable"
    OUTDATED = "outdated"
    UNKNOWN = "not observed yet"


class ClusterItem(FrozenModel):
    """A cluster with the figures of its namespaces.

    Attributes:
        namespace_count: observed namespaces; `member_count` of them belong to a workspace, and
            `problem_count` have a problem with that.
        pull_secret_count: pull secrets on record; `delivered_count` of them are delivered, and
            `refused_count` cannot be written.
        harbor_counts: managed Harbors by state.
    """

    cluster: Cluster
    status: ClusterStatus
    namespace_count: int = 0
    member_count: int = 0
    problem_count: int = 0
    pull_secret_count: int = 0
    delivered_count: int = 0
    refused_count: int = 0
    harbor_counts: Mapping[AdoptionState, int] = {}

    def health_at(self, now: datetime) -> ClusterHealth:
        """Return its status in one word."""
        return cluster_health(self.status, now)


def cluster_health(status: ClusterStatus, now: datetime) -> ClusterHealth:
    """Return the status of a cluster in one word.

    A good observation is outdated when sync-namespaces has not observed the cluster for as long as
    makes a schedule silent.
    """
    if status.reachable is None:
        return ClusterHealth.UNKNOWN
    if status.reason in (Reason.CLUSTER_REPLACED, Reason.IDENTITY_UNPROVED):
        return ClusterHealth.OTHER_CLUSTER
    if not status.reachable:
        return ClusterHealth.UNREACHABLE
    if is_observation_outdated(ScheduledFlow.SYNC_NAMESPACES, status.looked_at, now):
        return ClusterHealth.OUTDATED
    return ClusterHealth.RIGHTS_MISSING if status.missing_rights else ClusterHealth.REACHABLE
