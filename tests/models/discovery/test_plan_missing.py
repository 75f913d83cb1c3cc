"""Managed Harbors that are made again, go missing, are kept out, or move onto another's address."""

from datetime import timedelta
from typing import Any

import pytest

from models.core.availability import Unseen
from models.core.errors import PlanRefused
from models.core.limits import Limits
from models.core.reasons import Reason
from models.discovery.managed_harbor import Managed, ManagedHarbor, Phase, Standing
from models.discovery.steps import Adopt, DiscoveryPlan, Note, Prove, Retire
from models.discovery.trust import SeenHarbors
from models.discovery.update_rules import secret_ref
from models.registries.registry import BlockRef, Origin, Registry, SecretRef
from tests.models.discovery.test_plan import (
    GRACE,
    PASSWORD,
    adopted,
    harbor,
    place,
    plan,
    registry,
    steps,
)
from tests.support.builders import NOW

AGAIN = "its object was made again"


def test_another_uid_has_to_prove_that_it_is_the_same_harbor() -> None:
    again = harbor(uid="uid-2")
    assert steps(again, known=(adopted(),), registries=(registry(),)) == (
        Prove(harbor=again, registry="prod-hub-main", why=AGAIN),
    )


def test_another_uid_under_another_url_needs_a_person() -> None:
    again = harbor(uid="uid-2", address="https://new.example.com")
    (step,) = steps(again, known=(adopted(),), registries=(registry(),))
    assert isinstance(step, Note)
    found = step.managed
    assert (found.standing, found.registry, found.uid) == (
        Standing.CONFLICT,
        "prod-hub-main",
        "uid-main",
    )
    assert "run update-registry for prod-hub-main with the new address" in found.message
    assert "integrate-managed-harbor" in found.message
    assert steps(again, known=(found,), registries=(registry(),)) == ()


MOVED_TO = place("moved", namespace="other")


def moved(**more: Any) -> ManagedHarbor:
    """The same Harbor, as the chart applied in another namespace shows it."""
    key = PASSWORD.model_copy(update={"namespace": "other"})
    address = "https://main.example.com"
    found: dict[str, Any] = {"place": MOVED_TO, "uid": "uid-moved", "password": key}
    found["address"] = address
    return harbor(**(found | more))


CLAIM = Prove(harbor=moved(), registry="prod-hub-main", why="its Harbor was at prod/hub/main")
LEFT = Managed(place=place(), uid="uid-main", standing=Standing.MOVED, message="moved")
LINKED = adopted(place=MOVED_TO, uid="uid-moved")


@pytest.mark.parametrize("both", [True, False])
def test_another_object_under_the_same_url_has_to_prove_that_it_moved(both: bool) -> None:
    there = (harbor(),) if both else ()
    found = steps(*there, moved(), known=(adopted(),), registries=(registry(),))
    assert found[-1] == CLAIM
    assert [one.kind for one in found] == (["prove"] if both else ["note", "prove"])


def test_it_may_move_to_another_cluster() -> None:
    far = moved(place=MOVED_TO.model_copy(update={"cluster": "us"}))
    found = plan(
        sections={"us": SeenHarbors(items=(far,))}, known=(adopted(),), registries=(registry(),)
    )
    assert found.steps == (CLAIM.model_copy(update={"harbor": far}),)


def test_what_was_left_behind_does_not_take_the_registry_back() -> None:
    """As long as the one that it moved to stands; else an upgrade was rolled back."""
    there = {"known": (LEFT, LINKED), "registries": (registry(credential=None),)}
    assert [one.kind for one in steps(harbor(), moved(), **there)] == ["follow"]
    there["registries"] = (registry(credential=secret_ref(moved())),)
    assert steps(harbor(), moved(), **there) == ()
    stopped = harbor(phase=Phase.STOPPED)
    assert steps(stopped, moved(), **there) == ()
    missing, back = steps(harbor(), **there)
    assert isinstance(missing, Note)
    assert back == Prove(
        harbor=harbor(), registry="prod-hub-main", why="its Harbor was at prod/other/moved"
    )
    (back,) = steps(harbor(), moved(phase=Phase.STOPPED), **there)
    assert isinstance(back, Prove)
    (again,) = steps(harbor(uid="uid-2"), moved(), **there)
    assert isinstance(again, Prove)
    (gone,) = steps(moved(), **there)
    assert gone == Retire(place=place(), registry="")


@pytest.mark.parametrize(
    "there",
    [
        registry(address="http://main.example.com"),
        registry(credential=BlockRef(name="x"), address="http://main.example.com"),
    ],
)
def test_another_scheme_needs_a_person_too(there: Registry) -> None:
    found = steps(moved(), known=(adopted(),), registries=(there,))
    assert [one.kind for one in found] == ["note", "note"]


def test_what_a_person_integrated_is_not_claimed() -> None:
    there = registry(origin=Origin.EXTERNAL)
    for harbors in ((moved(),), (harbor(uid="uid-2"),)):
        found = steps(*harbors, known=(adopted(),), registries=(there,))
        assert {one.kind for one in found} == {"note"}


def test_missing_with_bindings_is_never_forgotten_and_says_how_many() -> None:
    long_ago = NOW - GRACE - timedelta(days=1)
    missing = adopted(standing=Standing.MISSING, missing_since=long_ago)
    bound = {"prod-hub-main": 1}
    (step,) = steps(known=(missing,), registries=(registry(),), bindings=bound)
    assert isinstance(step, Note)
    assert "kept, because it has 1 binding" in step.managed.message
    assert "run remove-registry for prod-hub-main" in step.managed.message
    assert step.managed.missing_since == long_ago
    assert steps(known=(step.managed,), registries=(registry(),), bindings=bound) == ()
    assert steps(known=(step.managed,), registries=(registry(),)) == (
        Retire(place=place(), registry="prod-hub-main"),
    )


def test_what_is_claimed_is_not_forgotten_in_the_same_run() -> None:
    long_ago = NOW - GRACE - timedelta(days=1)
    missing = adopted(standing=Standing.MISSING, missing_since=long_ago)
    assert steps(moved(), known=(missing,), registries=(registry(),)) == (CLAIM,)


def test_another_uid_that_is_not_ready_waits_and_keeps_the_old_identity() -> None:
    again = harbor(uid="uid-2", phase=Phase.PROVISIONING)
    (step,) = steps(again, known=(adopted(),), registries=(registry(),))
    assert isinstance(step, Note)
    assert (step.managed.uid, step.managed.standing) == ("uid-main", Standing.WAITING)
    ready = harbor(uid="uid-2")
    assert steps(ready, known=(step.managed,), registries=(registry(),)) == (
        Prove(harbor=ready, registry="prod-hub-main", why=AGAIN),
    )


def test_missing_is_kept_through_a_grace_and_then_forgotten() -> None:
    (first,) = steps(known=(adopted(),), registries=(registry(),))
    assert isinstance(first, Note)
    missing = first.managed
    assert (missing.standing, missing.missing_since) == (Standing.MISSING, NOW)
    soon, late = NOW + timedelta(hours=1), NOW + GRACE + timedelta(seconds=1)
    assert steps(known=(missing,), registries=(registry(),), now=soon) == ()
    assert steps(known=(missing,), registries=(registry(),), now=late) == (
        Retire(place=place(), registry="prod-hub-main"),
    )
    assert steps(harbor(), known=(missing,), registries=(registry(),)) == (Note(managed=adopted()),)


def test_what_was_never_adopted_is_forgotten_at_once() -> None:
    waiting = adopted(standing=Standing.WAITING, registry="")
    assert steps(known=(waiting,)) == (Retire(place=place(), registry=""),)


def test_a_cluster_out_of_reach_changes_nothing() -> None:
    unseen = Unseen(reason=Reason.TIMED_OUT, message="no answer")
    found = plan(sections={"prod": unseen}, known=(adopted(),), registries=(registry(),))
    assert found == DiscoveryPlan(adopted=1, unseen={"prod": "no answer"})
    assert plan(sections={"other": SeenHarbors(items=())}, known=(adopted(),)).steps == ()


def test_one_that_somebody_removed_stays_out() -> None:
    out = adopted(standing=Standing.KEPT_OUT, registry="")
    assert steps(harbor(), known=(out,)) == ()
    assert steps(harbor(address="https://new.example.com"), known=(out,)) == ()
    again = harbor(uid="uid-2")
    assert steps(again, known=(out,)) == (Adopt(harbor=again, registry="prod-hub-main"),)


def test_one_whose_registry_vanished_is_adopted_again() -> None:
    assert steps(harbor(), known=(adopted(),)) == (
        Adopt(harbor=harbor(), registry="prod-hub-main"),
    )


def test_forgetting_many_at_once_is_refused_with_a_way_out() -> None:
    long_ago = NOW - GRACE - timedelta(days=1)
    known = tuple(
        adopted(f"h{n}", standing=Standing.MISSING, missing_since=long_ago) for n in range(12)
    )
    found = plan(known=known, registries=tuple(registry(f"h{n}") for n in range(12)))
    with pytest.raises(PlanRefused, match=r"forget 12 of 12 managed Harbors"):
        found.check(Limits())
    assert found.without_retirements().steps == ()


def test_the_password_is_referred_to_and_never_copied() -> None:
    assert secret_ref(harbor()) == SecretRef(
        cluster="prod", namespace="hub", name="admin", key="secret"
    )


def test_one_that_moves_to_a_taken_address_stays_where_it_was_and_says_so() -> None:
    there = registry("other").model_copy(update={"origin": Origin.EXTERNAL})
    moved = harbor(address="https://other.example.com")
    (step,) = steps(moved, known=(adopted(),), registries=(registry(), there))
    assert isinstance(step, Note)
    assert (step.managed.standing, step.managed.registry) == (Standing.CONFLICT, "prod-hub-main")
    assert steps(harbor(), known=(step.managed,), registries=(registry(), there)) == (
        Note(managed=adopted()),
    )
