"""What becomes of an object's claim to a Harbor on record: only what is inside counts."""

from datetime import timedelta

import pytest

from models.core.availability import Seen, Unseen
from models.core.limits import Cadence
from models.core.reasons import Reason
from models.discovery.claims import retry_at, settle_claim
from models.discovery.managed_harbor import Managed, Standing
from models.discovery.steps import Note, Prove, Relocate, Replace
from models.registries.robots import Grant, ObservedRobot
from tests.models.discovery.test_identity import LATER, recorded, shown
from tests.models.discovery.test_plan import adopted, harbor, place, registry, steps
from tests.support.access_builders import robots
from tests.support.builders import NOW, unseen

NAME = "prod-hub-main"
AGAIN = Prove(harbor=harbor(uid="uid-2"), registry=NAME, why="made again")
ELSEWHERE = place("main", namespace="new")
MOVED = Prove(harbor=harbor(place=ELSEWHERE, uid="uid-9"), registry=NAME, why="moved")
REFUSED = unseen(message="the password is not accepted")
THREE = recorded(1, 2, 3, registry=NAME)


def settled(
    there: Seen[ObservedRobot] | Unseen,
    grants: tuple[Grant, ...] = THREE,
    *,
    claim: Prove = AGAIN,
    bindings: int = 2,
    holder: Managed | None = None,
    known: Managed | None = None,
) -> Relocate | Replace | Note:
    held = holder or adopted()
    return settle_claim(claim, there, grants, now=NOW, bindings=bindings, holder=held, known=known)


@pytest.mark.parametrize("claim", [AGAIN, MOVED])
@pytest.mark.parametrize("bindings", [0, 2])
@pytest.mark.parametrize(
    ("there", "grants", "kind"),
    [
        (robots(*shown(1, 2, 3)), THREE, "relocate"),
        (robots(*shown(1, 2, 8)), THREE, "relocate"),  # one was deleted by hand
        (robots(), THREE, "replace"),
        (robots(*shown(7, 8)), THREE, "replace"),
        (robots(*shown(1, 2, 3, at=LATER)), THREE, "replace"),  # a fake with all our names and ids
        (robots(*shown(1)), THREE, "note"),  # neither most of them nor none
        (robots(*shown(1)), recorded(1, dated=False), "note"),
        (REFUSED, THREE, "note"),
        (REFUSED, (), "note"),
    ],
)
def test_what_is_inside_decides(
    there: Seen[ObservedRobot] | Unseen,
    grants: tuple[Grant, ...],
    kind: str,
    claim: Prove,
    bindings: int,
) -> None:
    found = settled(there, grants, claim=claim, bindings=bindings)
    assert found.kind == kind
    if isinstance(found, Relocate | Replace):
        assert (found.harbor, found.registry, found.holder) == (claim.harbor, NAME, adopted())


def test_without_a_record_and_without_a_binding_there_is_nothing_to_protect() -> None:
    assert isinstance(settled(robots(), (), bindings=0), Replace)
    found = settled(robots(), (), bindings=1)
    assert isinstance(found, Note)
    assert "no robot account of it is on record" in found.managed.message
    assert "it has 1 binding" in found.managed.message


def test_what_is_not_proved_changes_nothing_and_says_what_to_do() -> None:
    found = settled(REFUSED)
    assert isinstance(found, Note)
    standing = found.managed
    assert (standing.standing, standing.registry) == (Standing.UNPROVED, NAME)
    assert standing.uid == "uid-main"  # so that it has to be proved the next time too
    assert "the password is not accepted" in standing.message
    assert f"run update-registry for {NAME}" in standing.message


def test_nor_does_it_for_an_object_elsewhere() -> None:
    found = settled(REFUSED, claim=MOVED)
    assert isinstance(found, Note)
    assert found.managed.model_dump(include={"place", "uid", "registry", "standing"}) == {
        "place": ELSEWHERE.model_dump(),
        "uid": "uid-9",
        "registry": "",
        "standing": Standing.UNPROVED,
    }
    few = settled(robots(*shown(1)), claim=MOVED)
    assert isinstance(few, Note)
    assert "only 1 of the 3 robot accounts on record" in few.managed.message


def test_a_refused_password_is_tried_ever_less_often() -> None:
    refused, known, waits = unseen(Reason.BAD_CREDENTIALS), adopted(), []
    for _ in range(7):
        found = settled(refused, known=known)
        assert isinstance(found, Note)
        known = found.managed
        at = retry_at(known, Cadence())
        assert at is not None
        waits.append((at - NOW) // timedelta(minutes=1))
    assert waits == [1, 2, 4, 8, 15, 15, 15]
    assert "run integrate-managed-harbor" in known.message


@pytest.mark.parametrize("there", [unseen(Reason.TIMED_OUT), robots(*shown(1))])
def test_what_else_is_not_proved_is_checked_each_time(
    there: Seen[ObservedRobot] | Unseen,
) -> None:
    before = adopted().model_copy(update={"refusals": 3, "refused_at": NOW})
    found = settled(there, known=before)
    assert isinstance(found, Note)
    assert retry_at(found.managed, Cadence()) is None


@pytest.mark.parametrize(
    ("seconds", "by_a_person", "tried"),
    [(59, False, False), (60, False, True), (59, True, True)],
)
def test_discovery_waits_before_it_tries_again(
    seconds: int, by_a_person: bool, tried: bool
) -> None:
    before = adopted().model_copy(
        update={"standing": Standing.UNPROVED, "refusals": 1, "refused_at": NOW}
    )
    again = harbor(uid="uid-2")
    made = steps(
        again,
        known=(before,),
        registries=(registry(),),
        now=NOW + timedelta(seconds=seconds),
        at_once=(again.place,) if by_a_person else (),
    )
    assert [step.kind for step in made] == (["prove"] if tried else [])
