"""How pull secrets were left once a plan was carried out, or was not."""

from datetime import timedelta
from typing import Any

from models.delivering import conclude_deliveries
from models.delivery import Delivery, DeliveryPlan, DeliveryStatus, Due
from models.reason import Reason
from tests.access_builders import account, delivery, due, secret, went
from tests.builders import NOW
from tests.models.test_delivering import LINK, OTHER, PENDING, THERE, pending, plan, planned

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


def test_a_failed_withdrawal_is_planned_again() -> None:
    found = plan(held=secret(), sa=account(linked=False), shall={})
    assert conclude_deliveries(found, [went(found.changes[0], well=False)], {}, now=LATER) == ()
    assert plan(held=secret(), sa=account(linked=False), shall={}, known=()) == found


def test_a_dry_run_leaves_it_pending() -> None:
    found = change_both()
    assert concluded(found) == found.states
