"""How a change of access ends: every combination of a registry's and a cluster's result."""

import re
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.access.access_summary import describe_pending, summarize_access
from models.access.target import TargetKind, TargetResult, TargetState

INTERVAL = timedelta(seconds=60)
SEEN = (TargetState.CHANGED, TargetState.UNCHANGED)
ACTION = "2 bindings bound"

REASONS = {
    TargetState.CHANGED: "",
    TargetState.UNCHANGED: "",
    TargetState.BUSY: "another run (flow run 0f6d) holds its lease",
    TargetState.LEASE_LOST: "this run lost its lease to another run",
    TargetState.READ_ONLY: "Harbor is read-only",
    TargetState.UNREACHABLE: "answered 503",
    TargetState.CHANGES_FAILED: "1 of 1 changes failed (red: answered 502)",
    TargetState.UNSAFE: "this would delete 12 of 20 robot accounts",
    TargetState.INCOMPLETE: "namespace shop: ForeignSecret",
    TargetState.FAILED: "unexpected OperationalError, see the run's log",
}


def registry_result(state: TargetState, name: str = "prod") -> TargetResult:
    return TargetResult(kind=TargetKind.REGISTRY, name=name, state=state, message=REASONS[state])


def cluster_result(state: TargetState, name: str = "eu") -> TargetResult:
    return TargetResult(kind=TargetKind.CLUSTER, name=name, state=state, message=REASONS[state])


def claims_in_force(message: str) -> bool:
    return re.search(r"(?<!not )in force", message) is not None


PAIRS = list(product(TargetState, TargetState))


@pytest.mark.parametrize(("registry_state", "cluster_state"), PAIRS)
def test_every_combination(registry_state: TargetState, cluster_state: TargetState) -> None:
    targets = registry_result(registry_state), cluster_result(cluster_state)
    summary = summarize_access(ACTION, targets, INTERVAL, seconds=1.24)
    if registry_state in SEEN and cluster_state in SEEN:
        assert (summary.message, summary.is_failed) == (f"{ACTION}, in force after 1.2 s", False)
        return
    assert summary.message.startswith(f"{ACTION}: saved, not in force yet: ")
    assert not claims_in_force(summary.message)
    assert summary.is_failed == (
        registry_state not in SEEN or cluster_state is not TargetState.UNREACHABLE
    )
    for target in targets:
        assert (f"{target.subject}: {target.message}" in summary.message) == (not target.in_force)
    for subject, state in (("prod", registry_state), ("cluster eu", cluster_state)):
        assert (f"up to date: {subject}" in summary.message) == (state in SEEN)


RETRIED = (
    TargetState.BUSY,
    TargetState.LEASE_LOST,
    TargetState.UNREACHABLE,
    TargetState.CHANGES_FAILED,
    TargetState.FAILED,
)


@pytest.mark.parametrize(("registry_state", "cluster_state"), PAIRS)
def test_what_carries_it_out(registry_state: TargetState, cluster_state: TargetState) -> None:
    targets = registry_result(registry_state), cluster_result(cluster_state)
    message = describe_pending(targets, INTERVAL)
    assert ("reconcile-all (every 60 s)" in message) == (registry_state in RETRIED)
    assert ("sync-namespaces (every 20 s)" in message) == (cluster_state in RETRIED)
    assert "next attempt" not in describe_pending(targets, INTERVAL, is_saved=False)


MESSAGES = [
    (
        (registry_result(TargetState.READ_ONLY), cluster_result(TargetState.UNCHANGED)),
        "2 bindings bound: saved, not in force yet: prod: Harbor is read-only; follows when it is "
        "writable; up to date: cluster eu",
    ),
    (
        (registry_result(TargetState.CHANGED), cluster_result(TargetState.BUSY)),
        "2 bindings bound: saved, not in force yet: cluster eu: another run (flow run 0f6d) holds "
        "its lease; up to date: prod; next attempt: sync-namespaces (every 20 s)",
    ),
    (
        (registry_result(TargetState.BUSY), cluster_result(TargetState.UNREACHABLE)),
        "2 bindings bound: saved, not in force yet: prod: another run (flow run 0f6d) holds its "
        "lease; cluster eu: answered 503; next attempt: reconcile-all (every 60 s) "
        "and sync-namespaces (every 20 s)",
    ),
]


@pytest.mark.parametrize(("targets", "message"), MESSAGES)
def test_messages(targets: tuple[TargetResult, ...], message: str) -> None:
    assert summarize_access(ACTION, targets, INTERVAL, seconds=1).message == message


def test_a_request_that_is_not_saved_promises_nothing() -> None:
    message = summarize_access(
        "new secrets for 0 of 1 robot account in 1 registry",
        [registry_result(TargetState.READ_ONLY)],
        INTERVAL,
        is_saved=False,
    ).message
    assert message == (
        "new secrets for 0 of 1 robot account in 1 registry, not in force yet: prod: Harbor is "
        "read-only"
    )


def test_a_long_poll_interval_is_told() -> None:
    message = describe_pending([registry_result(TargetState.BUSY)], timedelta(minutes=5))
    assert "reconcile-all (every 300 s)" in message


def test_the_reason_names_its_target_once() -> None:
    target = TargetResult(
        kind=TargetKind.CLUSTER,
        name="eu",
        state=TargetState.UNREACHABLE,
        message="cluster eu: answered 503",
    )
    assert target.reason == "cluster eu: answered 503"


TARGETS = st.builds(
    lambda kind, number, state: (
        registry_result(state, f"prod-{number}")
        if kind is TargetKind.REGISTRY
        else cluster_result(state, f"eu-{number}")
    ),
    st.sampled_from(TargetKind),
    st.integers(0, 30),
    st.sampled_from(TargetState),
)


@given(
    st.lists(TARGETS, max_size=30),
    st.booleans(),
    st.one_of(st.none(), st.floats(0, 1000)),
)
def test_in_force_is_claimed_only_if_every_target_was_seen_so(
    targets: list[TargetResult], is_saved: bool, seconds: float | None
) -> None:
    summary = summarize_access(ACTION, targets, INTERVAL, seconds=seconds, is_saved=is_saved)
    is_seen = all(target.state in SEEN for target in targets)
    assert claims_in_force(summary.message) == is_seen
    assert ("not in force" in summary.message) == (not is_seen)
    assert not (summary.is_failed and is_seen)
