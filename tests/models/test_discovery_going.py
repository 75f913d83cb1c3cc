"""Managed Harbors that are made again, go missing, are kept out, or move onto another's address."""

from datetime import timedelta

import pytest

from models.discovery_plan import Adopt, DiscoveryPlan, Note, Replace, Retire
from models.errors import PlanRefused
from models.following import secret_ref
from models.managed import Phase, Standing
from models.plan import Limits
from models.reason import Reason
from models.registry import Origin, SecretRef
from models.snapshot import Unseen
from models.trust import SeenHarbors
from tests.builders import NOW
from tests.models.test_discovery import GRACE, adopted, harbor, place, plan, registry, steps


def test_another_uid_is_another_harbor() -> None:
    again = harbor(uid="uid-2")
    assert steps(again, known=(adopted(),), registries=(registry(),)) == (
        Replace(harbor=again, registry="prod-hub-main"),
    )


def test_another_uid_that_is_not_ready_waits_and_keeps_the_old_identity() -> None:
    again = harbor(uid="uid-2", phase=Phase.PROVISIONING)
    (step,) = steps(again, known=(adopted(),), registries=(registry(),))
    assert isinstance(step, Note)
    assert (step.managed.uid, step.managed.standing) == ("uid-main", Standing.WAITING)
    ready = harbor(uid="uid-2")
    assert steps(ready, known=(step.managed,), registries=(registry(),)) == (
        Replace(harbor=ready, registry="prod-hub-main"),
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
