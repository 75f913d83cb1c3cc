"""The statuses of pull secrets after a plan was applied or failed."""

import re
from datetime import timedelta
from typing import Any

import pytest

from models.clusters.pull_secret import (
    DesiredPullSecret,
    PullSecretPlan,
    PullSecretState,
    PullSecretStatus,
)
from models.clusters.pull_secret_plan import plan_pull_secrets
from models.clusters.pull_secret_status import update_statuses
from models.core.limits import ChangeLimits
from models.core.reasons import Reason
from tests.models.clusters.test_pull_secret_plan import (
    CURRENT_STATUS,
    LINK,
    OTHER_SECRET,
    PENDING,
    expected_plan,
    pending_status,
    plan,
)
from tests.support.access_builders import (
    cluster,
    cluster_result,
    cluster_snapshot,
    desired_pull_secret,
    observed_namespace,
    pull_secret_status,
    secret,
    service_account,
)
from tests.support.builders import NOW, exceeded_message

LATER = NOW + timedelta(minutes=1)


def final_statuses(
    secret_plan: PullSecretPlan, *outcomes: Any, desired: DesiredPullSecret = OTHER_SECRET
) -> tuple[PullSecretStatus, ...]:
    return update_statuses(secret_plan, outcomes, {"shop": desired}, now=LATER)


def plan_both_changes() -> PullSecretPlan:
    return plan(secret=secret(), sa=service_account(linked=False), desired={"shop": OTHER_SECRET})


def test_delivered_is_on_record() -> None:
    secret_plan = plan_both_changes()
    statuses = final_statuses(
        secret_plan, *(cluster_result(change) for change in secret_plan.changes)
    )
    assert statuses == (
        pull_secret_status(
            logins=OTHER_SECRET.logins, fingerprint="other", delivered_at=LATER, links=("default",)
        ),
    )


def test_already_so_is_delivered() -> None:
    secret_plan = plan_both_changes()
    outcomes = (cluster_result(change, Reason.UNCHANGED) for change in secret_plan.changes)
    assert final_statuses(secret_plan, *outcomes)[0].status is PullSecretState.DELIVERED


def test_a_failed_delivery_holds_what_it_held() -> None:
    secret_plan = plan_both_changes()
    statuses = final_statuses(
        secret_plan, cluster_result(secret_plan.changes[0], Reason.FORBIDDEN, "no", is_done=False)
    )
    expected = pending_status(Reason.FORBIDDEN, CURRENT_STATUS).model_copy(update={"message": "no"})
    assert statuses == (expected,)


def test_a_failed_link_leaves_the_secret_delivered() -> None:
    """A superseded robot account is kept only while pull secrets contain its login."""
    secret_plan = plan_both_changes()
    outcomes = (
        cluster_result(secret_plan.changes[0]),
        cluster_result(secret_plan.changes[1], Reason.FORBIDDEN, "no", is_done=False),
    )
    update = {"reason": Reason.FORBIDDEN, "message": "no"}
    expected = pull_secret_status(
        status=PENDING,
        logins=OTHER_SECRET.logins,
        fingerprint="other",
        delivered_at=None,
        reason=Reason.FORBIDDEN,
        message="no",
    )
    assert final_statuses(secret_plan, *outcomes) == (expected,)
    next_plan = plan(
        secret=secret(fingerprint="other"),
        sa=service_account(linked=False),
        desired={"shop": OTHER_SECRET},
        statuses=(expected,),
    )
    pending = pending_status(Reason.MISSING, expected.model_copy(update={"message": ""}))
    assert next_plan == expected_plan(LINK, states=(pending,))
    failed = cluster_result(LINK, Reason.FORBIDDEN, "no", is_done=False)
    assert final_statuses(next_plan, failed) == (expected.model_copy(update=update),)


def test_a_foreign_secret_that_came_between() -> None:
    secret_plan = plan(sa=service_account(), statuses=())
    failed = cluster_result(secret_plan.changes[0], Reason.FOREIGN_SECRET, "theirs", is_done=False)
    (state,) = final_statuses(secret_plan, failed, desired=desired_pull_secret())
    assert (state.reason, state.logins) == (Reason.FOREIGN_SECRET, ())


def test_withdrawn_is_off_the_record() -> None:
    secret_plan = plan(secret=secret(), sa=service_account(), desired={})
    outcomes = [cluster_result(change) for change in secret_plan.changes]
    assert update_statuses(secret_plan, outcomes, {}, now=LATER) == ()


@pytest.mark.parametrize("failing", [0, 1])
def test_a_failed_withdrawal_stays_on_record_and_is_planned_again(failing: int) -> None:
    """Like a requested deletion: the safety limits apply only to orphaned pull secrets."""
    secret_plan = plan(secret=secret(), sa=service_account(), desired={})
    outcomes = [cluster_result(change) for change in secret_plan.changes[:failing]]
    outcomes.append(
        cluster_result(secret_plan.changes[failing], Reason.FORBIDDEN, "no", is_done=False)
    )
    update = {"status": PENDING, "reason": Reason.FORBIDDEN, "message": "no"}
    statuses = update_statuses(secret_plan, outcomes, {}, now=LATER)
    assert statuses == (CURRENT_STATUS.model_copy(update=update),)
    next_plan = plan(secret=secret(), sa=service_account(), desired={}, statuses=statuses)
    assert next_plan.changes == secret_plan.changes
    assert next_plan.exceeded_limit(ChangeLimits(max_share=0, min_count=1)) is None


# The safety limits for orphaned pull secrets.


def _orphans(orphan_count: int, recorded_count: int = 0) -> PullSecretPlan:
    names = [f"n{number:02}" for number in range(orphan_count + recorded_count)]
    observation = cluster_snapshot(
        [observed_namespace(name) for name in names], [secret(name) for name in names], []
    )
    statuses = [pull_secret_status(name) for name in names[orphan_count:]]
    return plan_pull_secrets(cluster(), observation, {}, statuses)


@pytest.mark.parametrize(
    ("orphan_count", "recorded_count", "refused"),
    [(0, 50, False), (9, 0, False), (10, 24, False), (10, 23, True), (10, 0, True)],
)
def test_the_brake(orphan_count: int, recorded_count: int, refused: bool) -> None:
    secret_plan = _orphans(orphan_count, recorded_count)
    assert (secret_plan.owned_count, len(secret_plan.changes)) == (
        orphan_count + recorded_count,
        orphan_count + recorded_count,
    )
    if not refused:
        assert secret_plan.exceeded_limit(ChangeLimits()) is None
        return
    total = orphan_count + recorded_count
    assert re.search(
        rf"eu: this would delete {orphan_count} of {total} pull secrets",
        exceeded_message(secret_plan.exceeded_limit(ChangeLimits())),
    )


def test_what_a_refusal_leaves() -> None:
    """Writing and unbinding continue; only orphaned pull secrets are kept."""
    observation = cluster_snapshot(
        [observed_namespace("a"), observed_namespace("b"), observed_namespace("c")],
        [secret("a"), secret("b")],
        [service_account("a"), service_account("c")],
    )
    secret_plan = plan_pull_secrets(
        cluster(), observation, {"c": desired_pull_secret()}, [pull_secret_status("a")]
    )
    assert [change.kind for change in secret_plan.changes] == [
        "unlink",
        "withdraw",
        "withdraw",
        "deliver",
    ]
    safe_plan = secret_plan.without_removals()
    assert [(change.kind, change.namespace) for change in safe_plan.changes] == [
        ("unlink", "a"),
        ("withdraw", "a"),
        ("deliver", "c"),
    ]
    outcomes = [cluster_result(change) for change in safe_plan.changes]
    statuses = update_statuses(safe_plan, outcomes, {"c": desired_pull_secret()}, now=LATER)
    assert [(status.namespace, status.status) for status in statuses] == [
        ("c", PullSecretState.DELIVERED)
    ]


def test_a_dry_run_leaves_it_pending() -> None:
    secret_plan = plan_both_changes()
    assert final_statuses(secret_plan) == secret_plan.statuses
