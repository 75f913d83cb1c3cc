"""Claims to a Harbor on record are resolved by its robot accounts only."""

from datetime import timedelta

import pytest

from models.core.availability import Complete, Unavailable
from models.core.limits import PollPolicy
from models.core.reasons import Reason
from models.discovery.claims import next_password_attempt, resolve_claim
from models.discovery.managed_harbor import AdoptionState, ManagedHarborRecord
from models.discovery.steps import ConfirmIdentity, Relocate, Replace, SetState
from models.registries.robots import ObservedRobot, RobotAccount
from tests.models.discovery.test_identity import LATER, accounts_on_record, robots_in_harbor
from tests.models.discovery.test_plan import adopted_harbor, harbor, harbor_ref, registry, steps
from tests.support.access_builders import robots
from tests.support.builders import NOW, unavailable

NAME = "prod-hub-main"
RECREATED_CLAIM = ConfirmIdentity(harbor=harbor(uid="uid-2"), registry=NAME, reason="made again")
ELSEWHERE = harbor_ref("main", namespace="new")
MOVED_CLAIM = ConfirmIdentity(
    harbor=harbor(ref=ELSEWHERE, uid="uid-9"), registry=NAME, reason="moved"
)
UNREADABLE = unavailable(message="the password is not accepted")
THREE_ACCOUNTS = accounts_on_record(1, 2, 3, registry=NAME)


def settle(
    observed_robots: Complete[ObservedRobot] | Unavailable,
    grants: tuple[RobotAccount, ...] = THREE_ACCOUNTS,
    *,
    claim: ConfirmIdentity = RECREATED_CLAIM,
    active_bindings: int = 2,
    holder: ManagedHarborRecord | None = None,
    record: ManagedHarborRecord | None = None,
) -> Relocate | Replace | SetState:
    current_holder = holder or adopted_harbor()
    return resolve_claim(
        claim,
        observed_robots,
        grants,
        now=NOW,
        active_bindings=active_bindings,
        linked_harbor=current_holder,
        record=record,
    )


@pytest.mark.parametrize("claim", [RECREATED_CLAIM, MOVED_CLAIM])
@pytest.mark.parametrize("active_bindings", [0, 2])
@pytest.mark.parametrize(
    ("observed_robots", "grants", "kind"),
    [
        (robots(*robots_in_harbor(1, 2, 3)), THREE_ACCOUNTS, "relocate"),
        (
            robots(*robots_in_harbor(1, 2, 8)),
            THREE_ACCOUNTS,
            "relocate",
        ),  # one was deleted manually
        (robots(), THREE_ACCOUNTS, "replace"),
        (robots(*robots_in_harbor(7, 8)), THREE_ACCOUNTS, "replace"),
        (
            robots(*robots_in_harbor(1, 2, 3, created_at=LATER)),
            THREE_ACCOUNTS,
            "replace",
        ),  # a fake with equal names and ids
        (robots(*robots_in_harbor(1)), THREE_ACCOUNTS, "note"),  # some, but not most
        (robots(*robots_in_harbor(1)), accounts_on_record(1, dated=False), "note"),
        (UNREADABLE, THREE_ACCOUNTS, "note"),
        (UNREADABLE, (), "note"),
    ],
)
def test_what_is_inside_decides(
    observed_robots: Complete[ObservedRobot] | Unavailable,
    grants: tuple[RobotAccount, ...],
    kind: str,
    claim: ConfirmIdentity,
    active_bindings: int,
) -> None:
    step = settle(observed_robots, grants, claim=claim, active_bindings=active_bindings)
    assert step.kind == kind
    if isinstance(step, Relocate | Replace):
        assert (step.harbor, step.registry, step.previous) == (claim.harbor, NAME, adopted_harbor())


def test_without_a_record_and_without_an_active_binding_there_is_nothing_to_protect() -> None:
    assert isinstance(settle(robots(), (), active_bindings=0), Replace)
    step = settle(robots(), (), active_bindings=1)
    assert isinstance(step, SetState)
    assert "no robot account of it is on record" in step.record.message
    assert "it has 1 active binding" in step.record.message


def test_what_is_not_proved_changes_nothing_and_says_what_to_do() -> None:
    step = settle(UNREADABLE)
    assert isinstance(step, SetState)
    standing = step.record
    assert (standing.state, standing.registry) == (AdoptionState.UNCONFIRMED, NAME)
    assert standing.uid == "uid-main"  # so the next discovery checks it again
    assert "the password is not accepted" in standing.message
    assert f"run update-registry for {NAME}" in standing.message


def test_nor_does_it_for_an_object_elsewhere() -> None:
    step = settle(UNREADABLE, claim=MOVED_CLAIM)
    assert isinstance(step, SetState)
    assert step.record.model_dump(include={"ref", "uid", "registry", "state"}) == {
        "ref": ELSEWHERE.model_dump(),
        "uid": "uid-9",
        "registry": "",
        "state": AdoptionState.UNCONFIRMED,
    }
    partial_step = settle(robots(*robots_in_harbor(1)), claim=MOVED_CLAIM)
    assert isinstance(partial_step, SetState)
    assert "only 1 of the 3 robot accounts on record" in partial_step.record.message


def test_a_refused_password_is_tried_ever_less_often() -> None:
    unreadable, record, waits = unavailable(Reason.BAD_CREDENTIALS), adopted_harbor(), []
    for _ in range(7):
        step = settle(unreadable, record=record)
        assert isinstance(step, SetState)
        record = step.record
        next_try = next_password_attempt(record, PollPolicy())
        assert next_try is not None
        waits.append((next_try - NOW) // timedelta(minutes=1))
    assert waits == [1, 2, 4, 8, 15, 15, 15]
    assert "run integrate-managed-harbor" in record.message


@pytest.mark.parametrize(
    "observed_robots", [unavailable(Reason.TIMED_OUT), robots(*robots_in_harbor(1))]
)
def test_what_else_is_not_proved_is_checked_each_time(
    observed_robots: Complete[ObservedRobot] | Unavailable,
) -> None:
    before = adopted_harbor().model_copy(update={"refusals": 3, "refused_at": NOW})
    step = settle(observed_robots, record=before)
    assert isinstance(step, SetState)
    assert next_password_attempt(step.record, PollPolicy()) is None


@pytest.mark.parametrize(
    ("seconds", "by_a_person", "tried"),
    [(59, False, False), (60, False, True), (59, True, True)],
)
def test_discovery_waits_before_it_tries_again(
    seconds: int, by_a_person: bool, tried: bool
) -> None:
    before = adopted_harbor().model_copy(
        update={"state": AdoptionState.UNCONFIRMED, "refusals": 1, "refused_at": NOW}
    )
    recreated = harbor(uid="uid-2")
    claim_steps = steps(
        recreated,
        adopted_harbors=(before,),
        registries=(registry(),),
        now=NOW + timedelta(seconds=seconds),
        at_once=(recreated.ref,) if by_a_person else (),
    )
    assert [step.kind for step in claim_steps] == (["prove"] if tried else [])
