"""How pull secrets were left once a plan was carried out, or was not."""

from datetime import timedelta
from typing import Any

import pytest

from models.clusters.pull_secret import Delivery, DeliveryPlan, DeliveryStatus, Due
from models.clusters.pull_secret_plan import conclude_deliveries, plan_deliveries
from models.core.errors import PlanRefused
from models.core.limits import Limits
from models.core.reasons import Reason
from tests.models.clusters.test_pull_secret_plan import (
    LINK,
    OTHER,
    PENDING,
    THERE,
    pending,
    plan,
    planned,
)
from tests.support.access_builders import (
    account,
    cluster,
    cluster_snapshot,
    delivery,
    due,
    labelled,
    secret,
    went,
)
from tests.support.builders import NOW

LATER = NOW + timedelta(minutes=1)


def concluded(found: DeliveryPlan, *outcomes: Any, shall: Due = OTHER) -> tuple[Delivery, ...]:
    return conclude_deliveries(found, outcomes, {"shop": shall}, now=LATER)


def change_both() -> DeliveryPlan:
    return plan(held=secret(), sa=account(linked=False), shall={"shop": OTHER})


def test_delivered_is_on_record() -> None:
    found = change_both()
    left = concluded(found, *(went(change) for change in found.changes))
    assert left == (delivery(logins=OTHER.logins, fingerprint="other", delivered_at=LATER),)


def test_already_so_is_delivered() -> None:
    found = change_both()
    outcomes = (went(change, Reason.ALREADY_SO) for change in found.changes)
    assert concluded(found, *outcomes)[0].status is DeliveryStatus.DELIVERED


def test_a_failed_delivery_holds_what_it_held() -> None:
    found = change_both()
    left = concluded(found, went(found.changes[0], Reason.FORBIDDEN, "no", well=False))
    expected = pending(Reason.FORBIDDEN, THERE).model_copy(update={"message": "no"})
    assert left == (expected,)


def test_a_failed_link_leaves_the_secret_delivered() -> None:
    """An old robot account waits only for pull secrets that still hold it."""
    found = change_both()
    outcomes = (went(found.changes[0]), went(found.changes[1], Reason.FORBIDDEN, "no", well=False))
    told = {"reason": Reason.FORBIDDEN, "message": "no"}
    expected = delivery(
        status=PENDING,
        logins=OTHER.logins,
        fingerprint="other",
        delivered_at=None,
        reason=Reason.FORBIDDEN,
        message="no",
    )
    assert concluded(found, *outcomes) == (expected,)
    again = plan(
        held=secret(fingerprint="other"),
        sa=account(linked=False),
        shall={"shop": OTHER},
        known=(expected,),
    )
    assert again == planned(LINK, states=(pending(Reason.DUE, expected.model_copy(
        update={"message": ""})),))  # fmt: skip
    failed = went(LINK, Reason.FORBIDDEN, "no", well=False)
    assert concluded(again, failed) == (expected.model_copy(update=told),)


def test_a_foreign_secret_that_came_between() -> None:
    found = plan(sa=account(), known=())
    failed = went(found.changes[0], Reason.FOREIGN_SECRET, "theirs", well=False)
    (state,) = concluded(found, failed, shall=due())
    assert (state.reason, state.logins) == (Reason.FOREIGN_SECRET, ())


def test_withdrawn_is_off_the_record() -> None:
    found = plan(held=secret(), sa=account(), shall={})
    outcomes = [went(change) for change in found.changes]
    assert conclude_deliveries(found, outcomes, {}, now=LATER) == ()


@pytest.mark.parametrize("failing", [0, 1])
def test_a_failed_withdrawal_stays_on_record_and_is_planned_again(failing: int) -> None:
    """As one that somebody asked for: the brake is for those that are not on record."""
    found = plan(held=secret(), sa=account(), shall={})
    outcomes = [went(change) for change in found.changes[:failing]]
    outcomes.append(went(found.changes[failing], Reason.FORBIDDEN, "no", well=False))
    told = {"status": PENDING, "reason": Reason.FORBIDDEN, "message": "no"}
    left = conclude_deliveries(found, outcomes, {}, now=LATER)
    assert left == (THERE.model_copy(update=told),)
    again = plan(held=secret(), sa=account(), shall={}, known=left)
    assert again.changes == found.changes
    again.check(Limits(share=0, floor=1))


# The brake on pull secrets that are not on record here.


def _orphans(many: int, on_record: int = 0) -> DeliveryPlan:
    names = [f"n{number:02}" for number in range(many + on_record)]
    look = cluster_snapshot(
        [labelled(name) for name in names], [secret(name) for name in names], []
    )
    known = [delivery(name) for name in names[many:]]
    return plan_deliveries(cluster(), look, {}, known)


@pytest.mark.parametrize(
    ("many", "on_record", "refused"),
    [(0, 50, False), (9, 0, False), (10, 24, False), (10, 23, True), (10, 0, True)],
)
def test_the_brake(many: int, on_record: int, refused: bool) -> None:
    found = _orphans(many, on_record)
    assert (found.ours, len(found.changes)) == (many + on_record, many + on_record)
    if not refused:
        found.check(Limits())
        return
    whole = many + on_record
    with pytest.raises(PlanRefused, match=rf"eu: this would delete {many} of {whole} pull secrets"):
        found.check(Limits())


def test_what_a_refusal_leaves() -> None:
    """Deliveries and unbindings go on; only what is not on record here stays where it is."""
    look = cluster_snapshot(
        [labelled("a"), labelled("b"), labelled("c")],
        [secret("a"), secret("b")],
        [account("a"), account("c")],
    )
    found = plan_deliveries(cluster(), look, {"c": due()}, [delivery("a")])
    assert [one.kind for one in found.changes] == ["unlink", "withdraw", "withdraw", "deliver"]
    left = found.without_removals()
    assert [(one.kind, one.namespace) for one in left.changes] == [
        ("unlink", "a"),
        ("withdraw", "a"),
        ("deliver", "c"),
    ]
    outcomes = [went(change) for change in left.changes]
    kept = conclude_deliveries(left, outcomes, {"c": due()}, now=LATER)
    assert [(one.namespace, one.status) for one in kept] == [("c", DeliveryStatus.DELIVERED)]


def test_a_dry_run_leaves_it_pending() -> None:
    found = change_both()
    assert concluded(found) == found.states
