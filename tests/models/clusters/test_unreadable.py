"""A namespace that could not be read keeps its state, and hides no other namespace."""

from typing import Any

import pytest

from models.clusters.cluster import (
    ClusterSnapshot,
    ClusterStatus,
    UnreadableNamespace,
    next_cluster_status,
)
from models.clusters.membership import Namespace, departures_by_workspace, keep_unreadable
from models.clusters.pull_secret import (
    DesiredPullSecret,
    LoginKey,
    PullSecretPlan,
    PullSecretState,
    PullSecretStatus,
)
from models.clusters.pull_secret_plan import plan_pull_secrets
from models.core.reasons import Reason
from tests.support.access_builders import (
    cluster,
    cluster_snapshot,
    desired_pull_secret,
    namespace,
    observed_namespace,
    pull_secret_status,
    secret,
    service_account,
)

DESIRED = {name: desired_pull_secret(fingerprint="new") for name in ("shop", "till")}
RECORDED = (pull_secret_status("shop", links=("default", "web")), pull_secret_status("till"))


def snapshot(*names: str, unreadable: str = "shop") -> ClusterSnapshot:
    """An observation in which a namespace is left out, though parts of it may be listed."""
    observed = cluster_snapshot(
        [observed_namespace(name) for name in names],
        [secret(name) for name in names],
        [service_account(name) for name in names],
    )
    left_out = UnreadableNamespace(name=unreadable, message="more than 10,000 objects")
    return observed.model_copy(update={"unreadable": (left_out,)})


def plan(
    observed: ClusterSnapshot,
    desired: dict[str, DesiredPullSecret],
    statuses: tuple[PullSecretStatus, ...] = RECORDED,
) -> PullSecretPlan:
    return plan_pull_secrets(cluster(), observed, desired, statuses)


@pytest.mark.parametrize("names", [("shop", "till"), ("till",)], ids=["in part", "not at all"])
@pytest.mark.parametrize("desired", [DESIRED, {"till": DESIRED["till"]}], ids=["bound", "unbound"])
def test_it_keeps_its_state_with_the_reason(
    names: tuple[str, ...], desired: dict[str, DesiredPullSecret]
) -> None:
    result = plan(snapshot(*names), desired)
    assert [change.namespace for change in result.changes] == ["till"]
    statuses = {status.namespace: status for status in result.statuses}
    assert set(statuses) == {"shop", "till"}
    message = "the namespace could not be read and is not changed: more than 10,000 objects"
    assert statuses["shop"] == RECORDED[0].model_copy(
        update={
            "status": PullSecretState.PENDING,
            "reason": Reason.NAMESPACE_UNREADABLE,
            "message": message,
        }
    )


@pytest.mark.parametrize(
    "known",
    [
        {"desired": DESIRED},
        {"desired": {"till": DESIRED["till"]}, "unresolved": {"shop": "why"}},
        {"desired": {"till": DESIRED["till"]}, "entitled": {"shop": {("prod", 1)}, "web": ()}},
    ],
    ids=["desired", "unresolved", "entitled"],
)
def test_a_new_one_is_pending_without_logins(known: dict[str, Any]) -> None:
    result = plan_pull_secrets(cluster(), snapshot("shop", "till"), pull_secrets=(), **known)
    (status,) = (status for status in result.statuses if status.namespace == "shop")
    assert (status.reason, status.logins, status.links) == (Reason.NAMESPACE_UNREADABLE, (), ())
    assert [change.namespace for change in result.changes] == ["till"]


@pytest.mark.parametrize(
    ("entitled", "left_behind"),
    [
        ({"shop": {("prod", 1)}}, ()),
        ({"shop": {("prod", 1), ("other", None)}, "till": set()}, ()),
        ({"shop": {("prod", 2), ("other", None)}}, ("shop",)),
        ({"shop": set()}, ("shop",)),
        ({}, ("shop",)),
    ],
)
def test_a_login_that_it_may_no_longer_have_is_named(
    entitled: dict[str, set[LoginKey]], left_behind: tuple[str, ...]
) -> None:
    observed = snapshot("shop", "till")
    result = plan_pull_secrets(cluster(), observed, DESIRED, RECORDED, entitled=entitled)
    assert result.left_behind == left_behind
    without = (RECORDED[0].model_copy(update={"logins": ()}),)
    result = plan_pull_secrets(cluster(), observed, DESIRED, without, entitled=entitled)
    assert result.left_behind == ()


def test_a_foreign_namespace_is_of_no_concern() -> None:
    result = plan(snapshot("shop", "till", unreadable="theirs"), DESIRED)
    assert {status.namespace for status in result.statuses} == {"shop", "till"}
    assert {change.namespace for change in result.changes} == {"shop", "till"}


def test_its_orphaned_secret_is_not_deleted() -> None:
    assert plan(snapshot("shop", "till"), {}, ()).changes == plan(snapshot("till"), {}, ()).changes


SHOP, TILL = namespace("shop"), namespace("till")


@pytest.mark.parametrize(
    ("after", "unreadable", "expected"),
    [
        ([TILL], ["shop"], (SHOP, TILL)),
        ([TILL], [], (TILL,)),
        ([SHOP, TILL], ["shop"], (SHOP, TILL)),
        ([TILL], ["new"], (TILL,)),
    ],
    ids=["not listed", "deleted", "listed", "not on record"],
)
def test_it_stays_in_its_workspace(
    after: list[Namespace], unreadable: list[str], expected: tuple[Namespace, ...]
) -> None:
    result = keep_unreadable([SHOP, TILL], after, unreadable)
    assert result == expected
    departed = departures_by_workspace([SHOP, TILL], result)
    assert ("team-a" in departed) is (SHOP not in expected)


def test_the_status_of_the_cluster_names_it() -> None:
    status = next_cluster_status(ClusterStatus(), snapshot("till"))
    assert (status.reachable, status.reason) == (True, Reason.CONNECTED)
    assert status.message == (
        "all lists were read; namespace shop is left out: more than 10,000 objects"
    )
