"""Managed Harbors that are recreated, missing, excluded, or moved to another one's address."""

import re
from datetime import timedelta
from typing import Any

import pytest

from models.core.availability import Unavailable
from models.core.limits import ChangeLimits
from models.core.reasons import Reason
from models.discovery.managed_harbor import (
    AdoptionState,
    HarborPhase,
    ManagedHarbor,
    ManagedHarborRecord,
)
from models.discovery.observation import ClusterHarbors, UnavailableHarbors
from models.discovery.steps import Adopt, ConfirmIdentity, DiscoveryPlan, Forget, SetState
from models.discovery.update_rules import secret_ref
from models.registries.registry import BlockRef, Registry, RegistryOrigin, SecretRef
from tests.models.discovery.test_plan import (
    GRACE,
    PASSWORD,
    adopted_harbor,
    harbor,
    harbor_ref,
    plan,
    registry,
    steps,
)
from tests.support.builders import NOW, exceeded_message

AGAIN = "its object was recreated"


def test_another_uid_has_to_prove_that_it_is_the_same_harbor() -> None:
    recreated = harbor(uid="uid-2")
    assert steps(recreated, adopted_harbors=(adopted_harbor(),), registries=(registry(),)) == (
        ConfirmIdentity(harbor=recreated, registry="prod-hub-main", reason=AGAIN),
    )


def test_another_uid_under_another_url_needs_a_person() -> None:
    recreated = harbor(uid="uid-2", address="https://new.example.com")
    (step,) = steps(recreated, adopted_harbors=(adopted_harbor(),), registries=(registry(),))
    assert isinstance(step, SetState)
    managed = step.record
    assert (managed.state, managed.registry, managed.uid) == (
        AdoptionState.CONFLICT,
        "prod-hub-main",
        "uid-main",
    )
    assert "run update-registry for prod-hub-main with the new address" in managed.message
    assert "integrate-managed-harbor" in managed.message
    assert steps(recreated, adopted_harbors=(managed,), registries=(registry(),)) == ()


MOVED_TO = harbor_ref("moved", namespace="other")


def moved_harbor(**overrides: Any) -> ManagedHarbor:
    """The same Harbor after its chart was applied in another namespace."""
    key = PASSWORD.model_copy(update={"namespace": "other"})
    address = "https://main.example.com"
    fields: dict[str, Any] = {"ref": MOVED_TO, "uid": "uid-moved", "password": key}
    fields["address"] = address
    return harbor(**(fields | overrides))


CLAIM = ConfirmIdentity(
    harbor=moved_harbor(), registry="prod-hub-main", reason="the Harbor on record is prod/hub/main"
)
LEFT_BEHIND = ManagedHarborRecord(
    ref=harbor_ref(), uid="uid-main", state=AdoptionState.MOVED, message="moved"
)
LINKED = adopted_harbor(ref=MOVED_TO, uid="uid-moved")


@pytest.mark.parametrize("both", [True, False])
def test_another_object_under_the_same_url_has_to_prove_that_it_moved(both: bool) -> None:
    harbors = (harbor(),) if both else ()
    claim_steps = steps(
        *harbors, moved_harbor(), adopted_harbors=(adopted_harbor(),), registries=(registry(),)
    )
    assert claim_steps[-1] == CLAIM
    assert [step.kind for step in claim_steps] == (["prove"] if both else ["note", "prove"])


def test_it_may_move_to_another_cluster() -> None:
    far_harbor = moved_harbor(ref=MOVED_TO.model_copy(update={"cluster": "us"}))
    discovery_plan = plan(
        sections={"us": ClusterHarbors(items=(far_harbor,))},
        adopted_harbors=(adopted_harbor(),),
        registries=(registry(),),
    )
    assert discovery_plan.steps == (CLAIM.model_copy(update={"harbor": far_harbor}),)


def test_what_was_left_behind_does_not_take_the_registry_back() -> None:
    """Only while the new object exists; otherwise the upgrade was rolled back."""
    arguments = {
        "adopted_harbors": (LEFT_BEHIND, LINKED),
        "registries": (registry(credential=None),),
    }
    assert [step.kind for step in steps(harbor(), moved_harbor(), **arguments)] == ["follow"]
    arguments["registries"] = (registry(credential=secret_ref(moved_harbor())),)
    assert steps(harbor(), moved_harbor(), **arguments) == ()
    stopped = harbor(phase=HarborPhase.STOPPED)
    assert steps(stopped, moved_harbor(), **arguments) == ()
    missing, claim_step = steps(harbor(), **arguments)
    assert isinstance(missing, SetState)
    assert claim_step == ConfirmIdentity(
        harbor=harbor(), registry="prod-hub-main", reason="the Harbor on record is prod/other/moved"
    )
    (claim_step,) = steps(harbor(), moved_harbor(phase=HarborPhase.STOPPED), **arguments)
    assert isinstance(claim_step, ConfirmIdentity)
    (recreated_step,) = steps(harbor(uid="uid-2"), moved_harbor(), **arguments)
    assert isinstance(recreated_step, ConfirmIdentity)
    (retire_step,) = steps(moved_harbor(), **arguments)
    assert retire_step == Forget(ref=harbor_ref(), registry="")


@pytest.mark.parametrize(
    "saved_registry",
    [
        registry(address="http://main.example.com"),
        registry(credential=BlockRef(name="x"), address="http://main.example.com"),
    ],
)
def test_another_scheme_needs_a_person_too(saved_registry: Registry) -> None:
    note_steps = steps(
        moved_harbor(), adopted_harbors=(adopted_harbor(),), registries=(saved_registry,)
    )
    assert [step.kind for step in note_steps] == ["note", "note"]


def test_what_a_person_integrated_is_not_claimed() -> None:
    saved_registry = registry(origin=RegistryOrigin.EXTERNAL)
    for harbors in ((moved_harbor(),), (harbor(uid="uid-2"),)):
        note_steps = steps(
            *harbors, adopted_harbors=(adopted_harbor(),), registries=(saved_registry,)
        )
        assert {step.kind for step in note_steps} == {"note"}


def test_missing_with_bindings_is_never_forgotten_and_says_how_many() -> None:
    long_ago = NOW - GRACE - timedelta(days=1)
    missing = adopted_harbor(state=AdoptionState.MISSING, missing_since=long_ago)
    bound = {"prod-hub-main": 1}
    (step,) = steps(adopted_harbors=(missing,), registries=(registry(),), bindings=bound)
    assert isinstance(step, SetState)
    assert "kept, because it has 1 binding" in step.record.message
    assert "run remove-registry for prod-hub-main" in step.record.message
    assert step.record.missing_since == long_ago
    assert steps(adopted_harbors=(step.record,), registries=(registry(),), bindings=bound) == ()
    assert steps(adopted_harbors=(step.record,), registries=(registry(),)) == (
        Forget(ref=harbor_ref(), registry="prod-hub-main"),
    )


def test_what_is_claimed_is_not_forgotten_in_the_same_run() -> None:
    long_ago = NOW - GRACE - timedelta(days=1)
    missing = adopted_harbor(state=AdoptionState.MISSING, missing_since=long_ago)
    assert steps(moved_harbor(), adopted_harbors=(missing,), registries=(registry(),)) == (CLAIM,)


def test_another_uid_that_is_not_ready_waits_and_keeps_the_old_identity() -> None:
    recreated = harbor(uid="uid-2", phase=HarborPhase.PROVISIONING)
    (step,) = steps(recreated, adopted_harbors=(adopted_harbor(),), registries=(registry(),))
    assert isinstance(step, SetState)
    assert (step.record.uid, step.record.state) == ("uid-main", AdoptionState.WAITING)
    ready = harbor(uid="uid-2")
    assert steps(ready, adopted_harbors=(step.record,), registries=(registry(),)) == (
        ConfirmIdentity(harbor=ready, registry="prod-hub-main", reason=AGAIN),
    )


def test_missing_is_kept_through_a_grace_and_then_forgotten() -> None:
    (first,) = steps(adopted_harbors=(adopted_harbor(),), registries=(registry(),))
    assert isinstance(first, SetState)
    missing = first.record
    assert (missing.state, missing.missing_since) == (AdoptionState.MISSING, NOW)
    soon, late = NOW + timedelta(hours=1), NOW + GRACE + timedelta(seconds=1)
    assert steps(adopted_harbors=(missing,), registries=(registry(),), now=soon) == ()
    assert steps(adopted_harbors=(missing,), registries=(registry(),), now=late) == (
        Forget(ref=harbor_ref(), registry="prod-hub-main"),
    )
    assert steps(harbor(), adopted_harbors=(missing,), registries=(registry(),)) == (
        SetState(record=adopted_harbor()),
    )


def test_what_was_never_adopted_is_forgotten_at_once() -> None:
    waiting = adopted_harbor(state=AdoptionState.WAITING, registry="")
    assert steps(adopted_harbors=(waiting,)) == (Forget(ref=harbor_ref(), registry=""),)


def test_a_cluster_out_of_reach_changes_nothing() -> None:
    section = Unavailable(reason=Reason.TIMED_OUT, message="no answer")
    discovery_plan = plan(
        sections={"prod": section}, adopted_harbors=(adopted_harbor(),), registries=(registry(),)
    )
    failure = UnavailableHarbors(cluster="prod", reason=Reason.TIMED_OUT, message="no answer")
    assert discovery_plan == DiscoveryPlan(adopted_count=1, unavailable=(failure,))
    assert str(failure) == "cluster prod: no answer"
    assert (
        plan(
            sections={"other": ClusterHarbors(items=())}, adopted_harbors=(adopted_harbor(),)
        ).steps
        == ()
    )


def test_one_that_somebody_removed_stays_out() -> None:
    out = adopted_harbor(state=AdoptionState.EXCLUDED, registry="")
    assert steps(harbor(), adopted_harbors=(out,)) == ()
    assert steps(harbor(address="https://new.example.com"), adopted_harbors=(out,)) == ()
    assert steps(harbor(uid="uid-2"), adopted_harbors=(out,)) == ()


def test_one_that_somebody_removed_is_forgotten_only_after_the_grace() -> None:
    out = adopted_harbor(state=AdoptionState.EXCLUDED, registry="")
    gone = out.model_copy(update={"missing_since": NOW})
    assert steps(adopted_harbors=(out,)) == (SetState(record=gone),)
    assert steps(adopted_harbors=(gone,)) == ()
    assert steps(harbor(uid="uid-2"), adopted_harbors=(gone,)) == (SetState(record=out),)
    long_gone = out.model_copy(update={"missing_since": NOW - GRACE - timedelta(days=1)})
    assert steps(adopted_harbors=(long_gone,)) == (Forget(ref=out.ref, registry=""),)


def test_one_whose_registry_vanished_is_adopted_again() -> None:
    assert steps(harbor(), adopted_harbors=(adopted_harbor(),)) == (
        Adopt(harbor=harbor(), registry="prod-hub-main"),
    )


def test_forgetting_many_at_once_is_refused_with_a_way_out() -> None:
    long_ago = NOW - GRACE - timedelta(days=1)
    missing_harbors = tuple(
        adopted_harbor(f"h{n}", state=AdoptionState.MISSING, missing_since=long_ago)
        for n in range(12)
    )
    discovery_plan = plan(
        adopted_harbors=missing_harbors, registries=tuple(registry(f"h{n}") for n in range(12))
    )
    assert re.search(
        r"forget 12 of 12 managed Harbors",
        exceeded_message(discovery_plan.exceeded_limit(ChangeLimits())),
    )
    assert discovery_plan.without_removals().steps == ()


def test_the_password_is_referred_to_and_never_copied() -> None:
    assert secret_ref(harbor()) == SecretRef(
        cluster="prod", namespace="hub", name="admin", key="secret"
    )


def test_one_that_moves_to_a_taken_address_stays_where_it_was_and_says_so() -> None:
    other_registry = registry("other").model_copy(update={"origin": RegistryOrigin.EXTERNAL})
    conflicting_harbor = harbor(address="https://other.example.com")
    (step,) = steps(
        conflicting_harbor,
        adopted_harbors=(adopted_harbor(),),
        registries=(registry(), other_registry),
    )
    assert isinstance(step, SetState)
    assert (step.record.state, step.record.registry) == (AdoptionState.CONFLICT, "prod-hub-main")
    assert steps(
        harbor(), adopted_harbors=(step.record,), registries=(registry(), other_registry)
    ) == (SetState(record=adopted_harbor()),)
