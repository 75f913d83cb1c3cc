"""The figures of the metrics page: each with numbers that no other one has."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert
from sqlmodel import Session, SQLModel

from models.clusters.pull_secret import PullSecretState
from models.core.limits import PollPolicy
from models.core.reasons import Reason
from models.overview.lists import MAX_ROWS_PER_PAGE
from models.overview.metrics import BindingCounts, MetricsSnapshot, PullSecretGroup
from tasks.store.lists.metrics import load_metrics
from tasks.store.session import run_in_transaction
from tests.support.builders import NOW
from tests.tasks.store.tools import integrate

pytestmark = pytest.mark.usefixtures("database")

Row = dict[str, Any]


def _save(tables: dict[str, list[Row]]) -> None:
    def work(session: Session) -> None:
        for name, rows in tables.items():
            session.connection().execute(insert(SQLModel.metadata.tables[name]), rows)

    run_in_transaction(work)


def _space(number: int, observed: str, used: int, limit: int = 100, **other: Any) -> Row:
    row = {"registry_name": "prod", "name": f"s{number}", "remote_id": number, "declared": False}
    figures = {"storage_used": used, "storage_limit": limit, "missing_since": None}
    return row | figures | {"observed": observed, "desired": None} | other


def _binding(number: int, *, held: bool = False) -> Row:
    return {
        "registry_name": "prod",
        "space": f"s{number}",
        "workspace": "red",
        "bound_at": NOW,
        "held_since": NOW if held else None,
        "held_reason": "recreated" if held else "",
    }


def _robot(robot_id: int, workspace: str, days: int, *spaces: str) -> Row:
    return {
        "registry_name": "prod",
        "robot_id": robot_id,
        "workspace": workspace,
        "login": f"robot$ri-{robot_id}",
        "spaces": list(spaces),
        "made_at": NOW - timedelta(days=days),
        "sealed": "sealed",
    }


def _delivery(namespace: str, status: str, reason: Reason, robot_id: int) -> Row:
    login = {"registry": "prod", "host": "h", "account": "robot$ri", "robot_id": robot_id}
    return {
        "cluster_name": "eu",
        "namespace": namespace,
        "status": status,
        "fingerprint": "print",
        "logins": [login],
        "reason": reason,
        "delivered_at": NOW,
        "links": [],
        "repairs": [],
    }


def _cluster(name: str) -> Row:
    return {"name": name, "reachable": True, "reason": "Connected", "looked_at": NOW}


@pytest.fixture
def snapshot() -> MetricsSnapshot:
    """A registry in which 1 binding is in force, 2 are pending and 3 are held."""
    integrate()
    namespace = {"cluster_name": "eu", "name": "shop", "uid": "1", "workspace": "red"}
    others = [
        _delivery(f"foreign-{number}", "refused", Reason.CONTESTED, 99) for number in range(4)
    ]
    _save(
        {
            "space": [
                _space(1, "public", 89),
                _space(2, "public", 90),
                _space(3, "private", 95),
                _space(4, "private", 10, limit=-1),
                _space(5, "private", 0, limit=0),
                _space(6, "private", 99, missing_since=NOW),
            ],
            "workspace": [{"name": "red", "source": "label", "description": ""}],
            "cluster": [_cluster("eu")],
            "namespace": [namespace | {"source": "label", "terminating": False}],
            "binding": [
                *(_binding(number) for number in (1, 2, 3)),
                *(_binding(number, held=True) for number in (4, 5, 6)),
            ],
            "robot_grant": [
                _robot(7, "red", 10, "s1"),
                _robot(8, "blue", 20),
                _robot(9, "", 200),
            ],
            "delivery": [_delivery("shop", "delivered", Reason.DELIVERED, 7), *others],
        }
    )
    return run_in_transaction(load_metrics, PollPolicy(), timedelta(days=90), NOW)


def test_bindings_in_force_pending_and_held_are_told_apart(snapshot: MetricsSnapshot) -> None:
    assert snapshot.bindings == {"prod": BindingCounts(total=6, pending=2, held=3)}


def test_spaces_are_counted_by_visibility_without_missing_ones(snapshot: MetricsSnapshot) -> None:
    (statistics,) = snapshot.overview.registries
    totals = statistics.totals
    assert (totals.public_count, totals.private_count, totals.missing_count) == (2, 3, 1)


def test_a_space_is_nearly_full_from_90_percent_of_a_quota_on(snapshot: MetricsSnapshot) -> None:
    assert snapshot.full_spaces == {"prod": 2}


def test_namespaces_are_counted_by_state_and_reason(snapshot: MetricsSnapshot) -> None:
    assert snapshot.pull_secrets == {
        PullSecretGroup("eu", PullSecretState.DELIVERED, Reason.DELIVERED): 1,
        PullSecretGroup("eu", PullSecretState.REFUSED, Reason.CONTESTED): 4,
    }


def test_the_oldest_secret_of_a_workspace_counts_not_that_of_the_observer(
    snapshot: MetricsSnapshot,
) -> None:
    assert snapshot.oldest_robot_secrets == {"prod": NOW - timedelta(days=20)}
    assert snapshot.rotation == timedelta(days=90)


def test_clusters_beyond_the_first_page_count_too() -> None:
    names = [f"c-{number:03d}" for number in range(MAX_ROWS_PER_PAGE + 1)]
    _save({"cluster": [_cluster(name) for name in names]})
    loaded = run_in_transaction(load_metrics, PollPolicy(), None, NOW)
    assert [item.cluster.name for item in loaded.clusters] == names
