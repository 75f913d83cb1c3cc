"""Each figure of a snapshot is shown under its own name; all of them differ."""

from datetime import timedelta

from prometheus_client.parser import text_string_to_metric_families

from deployments.console.metrics import render_metrics
from models.clusters.pull_secret import PullSecretState
from models.core.reasons import Reason
from models.core.runs.counters import CounterKey, CounterName
from models.overview.metrics import BindingCounts, MetricsSnapshot, PullSecretGroup
from models.overview.overview import Overview, RegistryStatistics, SpaceTotals
from models.registries.observation import UNLIMITED
from tests.support.builders import NOW, registry_record


def test_every_figure_is_shown_under_its_own_name() -> None:
    totals = SpaceTotals(
        public_count=2,
        private_count=3,
        missing_count=4,
        drifted_count=5,
        repository_count=6,
        storage_used=7,
        storage_limit=8,
    )
    record = registry_record()
    name = record.registry.name
    text = render_metrics(
        MetricsSnapshot(
            overview=Overview(
                at=NOW, registries=(RegistryStatistics(record=record, totals=totals),)
            ),
            bindings={name: BindingCounts(total=9, pending=10, held=11)},
            pull_secrets={PullSecretGroup("eu", PullSecretState.REFUSED, Reason.CONTESTED): 12},
            full_spaces={name: 13},
            oldest_robot_secrets={name: NOW},
            rotation=timedelta(days=14),
            counters={
                CounterKey(CounterName.FLOW_RUNS, "update-registry", "failed"): 15,
                CounterKey(CounterName.REQUESTS, "no_response"): 16,
                CounterKey(CounterName.REQUEST_SECONDS, "no_response"): 17.5,
                CounterKey(CounterName.AUDIT, "grant.made"): 18,
                CounterKey(CounterName.AUDIT, "space.visibility-drifted"): 19,
            },
        )
    )
    shown = {
        sample.name.removeprefix("registry_integration_") + sample.labels.get("visibility", ""): (
            sample.value
        )
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if not sample.name.endswith("_total") or sample.value
    }
    expected = {
        "spacespublic": 2,
        "spacesprivate": 3,
        "spaces_missing": 4,
        "spaces_drifted": 5,
        "repositories": 6,
        "storage_used_bytes": 7,
        "storage_limit_bytes": 8,
        "bindings": 9,
        "bindings_pending": 10,
        "bindings_held": 11,
        "pull_secrets": 12,
        "spaces_nearly_full": 13,
        "robot_secret_rotation_seconds": 14 * 86400,
        "oldest_robot_secret_timestamp_seconds": NOW.timestamp(),
        "flow_runs_total": 15,
        "registry_requests_total": 16,
        "registry_request_seconds_total": 17.5,
        "changes_total": 18,
        "drifts_total": 19,
    }
    assert {key: shown[key] for key in expected} == expected
    assert b'flow_runs_total{flow="update-registry",outcome="completed"} 0.0' in text
    assert b'changes_total{kind="space.bound"} 0.0' in text


def test_a_quota_without_limit_is_no_sample() -> None:
    statistics = RegistryStatistics(
        record=registry_record(), totals=SpaceTotals(storage_limit=UNLIMITED)
    )
    snapshot = MetricsSnapshot(overview=Overview(at=NOW, registries=(statistics,)))
    assert b"storage_limit_bytes{" not in render_metrics(snapshot)
