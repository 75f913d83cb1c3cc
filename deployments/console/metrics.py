"""The metrics page: figures of the database in the text format of Prometheus.

Names and units: https://prometheus.io/docs/practices/naming/. All figures are read from the
database at each scrape, so several consoles show the same; docs/metrics.md lists them.
"""

import asyncio
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlmodel import Session

from models.core.errors import IntegrationError
from models.core.runs.counters import (
    CHANGE_ACTIONS,
    DRIFT_ACTIONS,
    CounterKey,
    CounterName,
    Counters,
    RequestOutcome,
    RunOutcome,
)
from models.core.settings import get_settings
from models.overview.metrics import BindingCounts, MetricsSnapshot
from models.overview.overview import RegistryStatistics
from models.registries.condition import Health
from models.registries.observation import UNLIMITED
from tasks import clock
from tasks.store.lists.metrics import load_metrics
from tasks.store.schema_revision import HEAD_REVISION
from tasks.store.session import in_snapshot

PREFIX = "registry_integration"
_KEPT_SECONDS = 15.0
_MAX_SECONDS = 8.0  # Prometheus waits for 10 seconds by default

_Sample = tuple[Sequence[str], float | datetime | None]


class MetricsUnavailable(IntegrationError):
    """The figures cannot be read; the message says why, and is kept as long as a page is."""


class MetricsPage:
    """The text of the page, kept for some seconds: scrapes at the same time share one reading."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._result: bytes | str = ""
        self._expires_at = 0.0

    async def get(self) -> bytes:
        """Return the page.

        Raises:
            MetricsUnavailable: the database cannot be read, or not in time.
        """
        async with self._lock:
            if time.monotonic() >= self._expires_at:
                self._result = await _read_page()
                self._expires_at = time.monotonic() + _KEPT_SECONDS
            if isinstance(self._result, str):
                raise MetricsUnavailable(self._result)
            return self._result


async def _read_page() -> bytes | str:
    """Return the page, or why there is none."""
    try:
        async with asyncio.timeout(_MAX_SECONDS):
            return await in_snapshot(_load_text, clock.now())
    except TimeoutError:
        return f"did not answer within {_MAX_SECONDS:.0f} s"
    except IntegrationError as error:
        return str(error)
    except Exception as error:  # the text could contain a password
        return f"cannot be read ({type(error).__name__})"


def _load_text(session: Session, now: datetime) -> bytes:
    settings = get_settings()
    return render_metrics(load_metrics(session, settings.poll_policy, settings.rotation_age, now))


def render_metrics(snapshot: MetricsSnapshot) -> bytes:
    """Return a snapshot in the text format."""
    collectors = CollectorRegistry()
    collectors.register(_SnapshotCollector(snapshot))
    return generate_latest(collectors)


class _SnapshotCollector(Collector):
    def __init__(self, snapshot: MetricsSnapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        yield _gauge(
            "build_info",
            "The revision of the database schema; always 1.",
            ("schema",),
            [((HEAD_REVISION,), 1)],
        )
        yield from _registry_families(self._snapshot.overview.registries)
        yield from _content_families(self._snapshot)
        yield from _storage_families(self._snapshot)
        yield from _access_families(self._snapshot)
        yield from _cluster_families(self._snapshot)
        yield from _counter_families(self._snapshot.counters)


def _gauge(
    name: str, text: str, labels: Sequence[str], samples: Iterable[_Sample]
) -> GaugeMetricFamily:
    """Return a gauge; samples without a value are left out, because unknown is not zero."""
    family = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=labels)
    for values, value in samples:
        if value is not None:
            number = value.timestamp() if isinstance(value, datetime) else value
            family.add_metric(list(values), number)
    return family


def _registry_families(registries: Sequence[RegistryStatistics]) -> Iterator[GaugeMetricFamily]:
    records = [item.record for item in registries]
    yield _gauge(
        "registry_info",
        "A registry that is integrated; always 1.",
        ("registry", "type", "origin"),
        (((item.registry.name, item.registry.kind, item.registry.origin), 1) for item in records),
    )
    yield _gauge(
        "registry_health",
        "1 for the health that the registry has, 0 for the others.",
        ("registry", "health"),
        (
            ((item.registry.name, health), item.health_summary.health is health)
            for item in records
            for health in Health
        ),
    )
    yield _gauge(
        "registry_condition",
        "The status of a condition and its reason; always 1.",
        ("registry", "condition", "status", "reason"),
        (
            ((item.registry.name, condition.type, condition.status, condition.reason), 1)
            for item in records
            for condition in item.conditions
        ),
    )
    yield _gauge(
        "registry_last_observation_timestamp_seconds",
        "When the last observation of the registry began, whether it succeeded or not.",
        ("registry",),
        (((item.registry.name,), item.poll_history.observed_at) for item in records),
    )
    yield _gauge(
        "registry_last_complete_list_timestamp_seconds",
        "When all spaces of the registry could last be read.",
        ("registry",),
        (((item.registry.name,), item.spaces_read_at) for item in records),
    )
    yield _gauge(
        "registry_failed_observations",
        "Consecutive observations of the registry that failed.",
        ("registry",),
        (((item.registry.name,), item.poll_history.failures) for item in records),
    )


def _content_families(snapshot: MetricsSnapshot) -> Iterator[GaugeMetricFamily]:
    registries = snapshot.overview.registries
    yield _gauge(
        "spaces",
        "Image spaces of the registry, without missing ones.",
        ("registry", "visibility"),
        (
            sample
            for item in registries
            for sample in (
                ((item.name, "public"), item.totals.public_count),
                ((item.name, "private"), item.totals.private_count),
            )
        ),
    )
    yield _gauge(
        "spaces_missing",
        "Spaces on record that are not in the registry any more.",
        ("registry",),
        (((item.name,), item.totals.missing_count) for item in registries),
    )
    yield _gauge(
        "spaces_drifted",
        "Spaces whose visibility in the registry is not the desired one.",
        ("registry",),
        (((item.name,), item.totals.drifted_count) for item in registries),
    )
    yield _gauge(
        "repositories",
        "Repositories in spaces whose number is known.",
        ("registry",),
        (((item.name,), item.totals.repository_count) for item in registries),
    )


def _storage_families(snapshot: MetricsSnapshot) -> Iterator[GaugeMetricFamily]:
    registries = snapshot.overview.registries
    yield _gauge(
        "storage_used_bytes",
        "Storage in use; no sample if it is unknown.",
        ("registry",),
        (((item.name,), item.storage_used) for item in registries),
    )
    yield _gauge(
        "spaces_nearly_full",
        "Spaces that use 90 % of their quota or more.",
        ("registry",),
        (((item.name,), snapshot.full_spaces.get(item.name, 0)) for item in registries),
    )
    yield _gauge(
        "storage_limit_bytes",
        "Sum of the quotas of all spaces; no sample if a space has none.",
        ("registry",),
        (
            ((item.name,), None if limit == UNLIMITED else limit)
            for item in registries
            for limit in (item.totals.storage_limit,)
        ),
    )
    yield _gauge(
        "storage_coverage_ratio",
        "Share of the tags that storage_used_bytes counts; no sample if the registry reports it.",
        ("registry",),
        (
            ((item.name,), coverage.counted / coverage.total if coverage.total else 1)
            for item in registries
            if (coverage := item.record.storage_coverage) is not None
        ),
    )


def _access_families(snapshot: MetricsSnapshot) -> Iterator[GaugeMetricFamily]:
    names = [item.name for item in snapshot.overview.registries]
    counts = {name: snapshot.bindings.get(name, BindingCounts()) for name in names}
    yield _gauge(
        "bindings",
        "Bindings of spaces to workspaces.",
        ("registry",),
        (((name,), count.total) for name, count in counts.items()),
    )
    yield _gauge(
        "bindings_pending",
        "Bindings that are not in force yet, without held ones.",
        ("registry",),
        (((name,), count.pending) for name, count in counts.items()),
    )
    yield _gauge(
        "bindings_held",
        "Bindings that wait for a person's decision.",
        ("registry",),
        (((name,), count.held) for name, count in counts.items()),
    )
    yield _gauge(
        "oldest_robot_secret_timestamp_seconds",
        "When the oldest robot account secret of a workspace was created.",
        ("registry",),
        (((name,), at) for name, at in snapshot.oldest_robot_secrets.items()),
    )
    rotation = snapshot.rotation.total_seconds() if snapshot.rotation else None
    yield _gauge(
        "robot_secret_rotation_seconds",
        "Age at which robot account secrets are rotated; no sample if they are not.",
        (),
        [((), rotation)],
    )


def _cluster_families(snapshot: MetricsSnapshot) -> Iterator[GaugeMetricFamily]:
    clusters = snapshot.clusters
    yield _gauge(
        "cluster_reachable",
        "1 if the last observation of the cluster succeeded, else 0; no sample before the first.",
        ("cluster",),
        (((item.cluster.name,), item.status.reachable) for item in clusters),
    )
    yield _gauge(
        "cluster_last_success_timestamp_seconds",
        "When the cluster was last observed successfully.",
        ("cluster",),
        (((item.cluster.name,), item.status.seen_at) for item in clusters),
    )
    yield _gauge(
        "cluster_namespaces",
        "Namespaces of the cluster, by whether they belong to a workspace.",
        ("cluster", "in_workspace"),
        (
            sample
            for item in clusters
            for sample in (
                ((item.cluster.name, "true"), item.member_count),
                ((item.cluster.name, "false"), item.namespace_count - item.member_count),
            )
        ),
    )
    yield _gauge(
        "pull_secrets",
        "Namespaces with a pull secret on record, by its state and the reason.",
        ("cluster", "state", "reason"),
        (
            ((group.cluster, group.state, group.reason), count)
            for group, count in snapshot.pull_secrets.items()
        ),
    )


def _counter_families(counters: Counters) -> Iterator[CounterMetricFamily]:
    # With zeros: Prometheus does not see the increase from nothing to a first value.
    flows = sorted({key.label for key in counters if key.name is CounterName.FLOW_RUNS})
    runs = CounterMetricFamily(
        f"{PREFIX}_flow_runs", "Flow runs that ended, by how.", labels=("flow", "outcome")
    )
    for flow, outcome in itertools.product(flows, RunOutcome):
        key = CounterKey(CounterName.FLOW_RUNS, flow, outcome)
        runs.add_metric((flow, outcome), counters.get(key, 0))
    yield runs
    for name, counter, label, values, text in _COUNTERS:
        family = CounterMetricFamily(f"{PREFIX}_{name}", text, labels=(label,))
        for value in sorted(values):
            family.add_metric((value,), counters.get(CounterKey(counter, value), 0))
        yield family


_COUNTERS: tuple[tuple[str, CounterName, str, Iterable[str], str], ...] = (
    (
        "registry_requests",
        CounterName.REQUESTS,
        "outcome",
        RequestOutcome,
        "Requests to registries, each retry too.",
    ),
    (
        "registry_request_seconds",
        CounterName.REQUEST_SECONDS,
        "outcome",
        RequestOutcome,
        "Time until the complete responses to requests to registries.",
    ),
    (
        "changes",
        CounterName.AUDIT,
        "kind",
        CHANGE_ACTIONS,
        "Audit entries about changes, failures and transitions.",
    ),
    (
        "drifts",
        CounterName.AUDIT,
        "kind",
        DRIFT_ACTIONS,
        "Audit entries about what others changed in registries and clusters.",
    ),
)
"""Name of the metric, counter, its label with all values, and help text."""
