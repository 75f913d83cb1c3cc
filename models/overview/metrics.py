"""The figures that the metrics page shows, as they were at one moment."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from models.clusters.pull_secret import PullSecretState
from models.core.base import FrozenModel
from models.core.reasons import Reason
from models.core.runs.counters import CounterKey
from models.overview.cluster_list import ClusterItem
from models.overview.overview import Overview


class BindingCounts(NamedTuple):
    """The bindings of one registry.

    Attributes:
        total: all, including pending and held ones.
        pending: those that are not in force, without held ones.
        held: those that wait for a person's decision.
    """

    total: int = 0
    pending: int = 0
    held: int = 0


class PullSecretGroup(NamedTuple):
    """Pull secrets of one cluster in the same state for the same reason."""

    cluster: str
    state: PullSecretState
    reason: Reason


class MetricsSnapshot(FrozenModel):
    """What is known at one moment.

    Attributes:
        bindings: counts by registry, without registries that have none.
        pull_secrets: number of namespaces by cluster, state and reason.
        full_spaces: number of spaces that use 90 % of their quota or more, by registry.
        oldest_robot_secrets: when the oldest robot account secret of a workspace was created (UTC),
            by registry. The observer's is not rotated by age.
        rotation: age at which these secrets are rotated; None if they are not.
        counters: what all runs have counted.
    """

    overview: Overview
    bindings: Mapping[str, BindingCounts] = {}
    clusters: tuple[ClusterItem, ...] = ()
    pull_secrets: Mapping[PullSecretGroup, int] = {}
    full_spaces: Mapping[str, int] = {}
    oldest_robot_secrets: Mapping[str, datetime] = {}
    rotation: timedelta | None = None
    counters: Mapping[CounterKey, float] = {}
