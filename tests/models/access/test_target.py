"""How a run on one registry or cluster ended, from its observation, plan and results."""

from typing import Any

import pytest

from models.access.target import (
    TargetKind,
    TargetState,
    cluster_target,
    first_left_behind,
    first_undelivered,
    locked_target,
    registry_target,
)
from models.clusters.pull_secret import (
    ClusterChangeResult,
    DeleteSecret,
    PullSecretState,
)
from models.core.reasons import Reason
from models.core.runs.counts import ChangeCounts, count_changes
from models.core.runs.lease import LeaseConflict
from models.registries.condition import ConditionStatus, ConditionType
from models.registries.observation import Snapshot
from tests.support.access_builders import namespace, pull_secret_status
from tests.support.builders import (
    check_result,
    failure,
    narrow,
    observed_space,
    snapshot,
    success,
    unavailable,
)

READ_ONLY = check_result(
    ConditionType.WRITABLE, ConditionStatus.FALSE, Reason.READ_ONLY, "Harbor is read-only"
)
OBSERVED = snapshot(observed_space())


def read_only_snapshot() -> Snapshot:
    return snapshot(observed_space(), verdicts=[READ_ONLY])


REGISTRY_CASES: list[tuple[dict[str, Any], TargetState, str]] = [
    ({}, TargetState.UNCHANGED, ""),
    ({"results": (success(narrow("a")),)}, TargetState.CHANGED, ""),
    ({"snapshot": read_only_snapshot()}, TargetState.UNCHANGED, ""),
    (
        {
            "snapshot": read_only_snapshot(),
            "unsafe_reason": "Harbor is read-only (1 change not made)",
        },
        TargetState.READ_ONLY,
        "prod: Harbor is read-only (1 change not made)",
    ),
    (
        {"results": (failure(narrow("a"), Reason.READ_ONLY, "read only"),)},
        TargetState.READ_ONLY,
        "prod: 1 of 1 changes failed (a: read only)",
    ),
    (
        {
            "results": (
                failure(narrow("a"), Reason.READ_ONLY, "read only"),
                failure(narrow("b"), Reason.FORBIDDEN, "answered 403"),
            )
        },
        TargetState.CHANGES_FAILED,
        "prod: 2 of 2 changes failed (a: read only)",
    ),
    (
        {"results": (success(narrow("a")), failure(narrow("b"), Reason.FORBIDDEN, "answered 403"))},
        TargetState.CHANGES_FAILED,
        "prod: 1 of 2 changes failed (b: answered 403)",
    ),
    (
        {"snapshot": snapshot(instead=unavailable(message="answered 503"))},
        TargetState.UNREACHABLE,
        "prod: answered 503",
    ),
    ({"unsafe_reason": "prod: this would"}, TargetState.UNSAFE, "prod: this would"),
]


@pytest.mark.parametrize(("facts", "state", "reason"), REGISTRY_CASES)
def test_registry(facts: dict[str, Any], state: TargetState, reason: str) -> None:
    results = facts.get("results", ())
    target = registry_target(
        "prod",
        facts.get("snapshot", OBSERVED),
        results,
        facts.get("unsafe_reason", ""),
        count_changes(results, results),
    )
    assert target.state is state
    assert target.in_force == (reason == "")
    assert reason in ("", target.reason)


def cluster_change(*, succeeded: bool) -> ClusterChangeResult:
    change = DeleteSecret(namespace="shop", uid="1", resource_version="1", before="")
    return ClusterChangeResult(
        change=change, succeeded=succeeded, reason=Reason.DONE, message="answered 403"
    )


CLUSTER_CASES: list[tuple[dict[str, Any], TargetState, str]] = [
    ({}, TargetState.UNCHANGED, ""),
    ({"results": (cluster_change(succeeded=True),)}, TargetState.CHANGED, ""),
    (
        {"results": (cluster_change(succeeded=False),), "unsafe_reason": "this would"},
        TargetState.CHANGES_FAILED,
        "cluster eu: 1 of 2 changes failed, 1 skipped (shop: answered 403)",
    ),
    ({"run_error": "cluster eu: no key"}, TargetState.FAILED, "cluster eu: no key"),
    (
        {"unavailable_reason": "cluster eu: answered 503"},
        TargetState.UNREACHABLE,
        "cluster eu: answered 503",
    ),
    ({"unsafe_reason": "this would"}, TargetState.UNSAFE, "cluster eu: this would"),
    ({"undelivered": "namespace shop"}, TargetState.INCOMPLETE, "cluster eu: namespace shop"),
]


@pytest.mark.parametrize(("facts", "state", "reason"), CLUSTER_CASES)
def test_cluster(facts: dict[str, Any], state: TargetState, reason: str) -> None:
    results = facts.pop("results", ())
    counts = ChangeCounts(failed=1, skipped=1)
    target = cluster_target("eu", results, counts, **facts)
    assert target.state is state
    assert target.in_force == (reason == "")
    assert reason in ("", target.reason)


@pytest.mark.parametrize(
    ("conflict", "state", "reason"),
    [
        (LeaseConflict(), TargetState.BUSY, "cluster eu: another run holds its lease"),
        (
            LeaseConflict(flow_run="0f6d"),
            TargetState.BUSY,
            "cluster eu: another run (flow run 0f6d) holds its lease",
        ),
        (
            LeaseConflict(flow_run="0f6d", is_lost=True),
            TargetState.LEASE_LOST,
            "cluster eu: this run lost its lease to another run (flow run 0f6d)",
        ),
    ],
)
def test_lease(conflict: LeaseConflict, state: TargetState, reason: str) -> None:
    target = locked_target(TargetKind.CLUSTER, "eu", conflict)
    assert (target.state, target.reason, target.in_force) == (state, reason, False)


def test_a_namespace_without_its_pull_secret() -> None:
    foreign = pull_secret_status(status=PullSecretState.REFUSED, reason=Reason.FOREIGN_SECRET)
    members = [namespace()]
    workspace = members[0].workspace or ""
    assert "ForeignSecret" in first_undelivered(members, [foreign], [workspace])
    assert first_undelivered(members, [foreign], []) == ""
    assert first_undelivered(members, [pull_secret_status()], [workspace]) == ""
    terminating = [namespace().model_copy(update={"terminating": True})]
    assert first_undelivered(terminating, [foreign], [workspace]) == ""


def test_a_namespace_with_a_login_to_be_taken_away() -> None:
    secrets = [
        pull_secret_status(name, PullSecretState.PENDING, Reason.NAMESPACE_UNREADABLE, "large")
        for name in ("lab", "shop")
    ]
    assert first_left_behind(secrets, ()) == ""
    assert first_left_behind(secrets, ("shop",)) == (
        "namespace shop: NamespaceUnreadable large; it keeps a login that it may no longer have"
    )
    assert "namespace lab (and 1 more)" in first_left_behind(secrets, ("lab", "shop"))
