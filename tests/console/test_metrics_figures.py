"""Each figure of a snapshot is shown under its own name; all of them differ."""

from datetime import timedelta

from prometheus_client.parser import text_string_to_metric_families

from deployments.console.metrics import render_metrics
from models.clusters.pull_secret import PullSecretState
from models.core.reasons import Reason
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
        )
    ).decode()
    shown = {
        sample.name.removeprefix("registry_integration_") + sample.labels.get("visibility", ""): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
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
    }
    assert {key: shown[key] for key in expected} == expected


def test_a_quota_without_limit_is_no_sample() -> None:
    statistics = RegistryStatistics(
        record=registry_record(), totals=SpaceTotals(storage_limit=UNLIMITED)
    )
    snapshot = MetricsSnapshot(overview=Overview(at=NOW, registries=(statistics,)))
    assert b"storage_limit_bytes{" not in render_metrics(snapshot)
