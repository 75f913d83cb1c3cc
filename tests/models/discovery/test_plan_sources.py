"""One source of a cluster fails: its Harbors keep their state, those of the other are planned."""

from datetime import timedelta
from typing import Any

import pytest

from models.core.availability import Unavailable
from models.core.reasons import Reason
from models.discovery.managed_harbor import (
    AdoptionState,
    HarborRef,
    HarborSourceKind,
    ManagedHarbor,
    ManagedHarborRecord,
)
from models.discovery.observation import ClusterHarbors
from models.discovery.plan import plan_discovery
from models.discovery.steps import Adopt, ConfirmIdentity, DiscoveryPlan, Forget, SetState
from models.discovery.trust import DiscoveryTrust, TrustedObject
from models.registries.registry import Registry
from tests.models.discovery.test_plan import (
    EVERYWHERE,
    GRACE,
    adopted_harbor,
    harbor,
    harbor_ref,
    registry,
)
from tests.support.builders import NOW

LATE = NOW + GRACE + timedelta(days=1)
OPERATOR, HELM = HarborSourceKind.OPERATOR, HarborSourceKind.HELM
DOWN = Unavailable(reason=Reason.SERVER_BROKEN, message="the conversion webhook is down")


def helm_ref(name: str = "release") -> HarborRef:
    return harbor_ref(name).model_copy(update={"kind": HELM})


def section(*harbors: ManagedHarbor, failed: HarborSourceKind = OPERATOR) -> ClusterHarbors:
    return ClusterHarbors(items=harbors, namespaces=frozenset({"hub"}), unavailable={failed: DOWN})


def plan(
    cluster_section: ClusterHarbors,
    *records: ManagedHarborRecord,
    registries: tuple[Registry, ...] = (registry(),),
    **overrides: Any,
) -> DiscoveryPlan:
    arguments: dict[str, Any] = {"trust": EVERYWHERE, "now": NOW, "grace": GRACE} | overrides
    return plan_discovery({"prod": cluster_section}, records, registries, **arguments)


def test_a_new_harbor_of_the_other_source_is_adopted() -> None:
    released = harbor(ref=helm_ref(), address="https://release.example.com")
    discovery_plan = plan(section(released), adopted_harbor())
    assert discovery_plan.steps == (Adopt(harbor=released, registry="prod-hub-release"),)
    (failure,) = discovery_plan.unavailable
    assert str(failure) == ("cluster prod, source harbor-operator: the conversion webhook is down")


@pytest.mark.parametrize("missing_since", [None, NOW - GRACE - timedelta(days=1)])
@pytest.mark.parametrize("trust", [EVERYWHERE, DiscoveryTrust()])
def test_harbors_of_the_failed_source_are_neither_missing_nor_forgotten(
    missing_since: Any, trust: DiscoveryTrust
) -> None:
    state = AdoptionState.MISSING if missing_since else AdoptionState.ADOPTED
    record = adopted_harbor(state=state, missing_since=missing_since)
    assert plan(section(), record, now=LATE, trust=trust).steps == ()
    (step, *_) = plan(section(failed=HELM), record, now=LATE).steps
    assert isinstance(step, Forget if missing_since else SetState)


def test_a_record_without_a_registry_is_kept_too() -> None:
    waiting = adopted_harbor(state=AdoptionState.WAITING, registry="")
    assert plan(section(), waiting).steps == ()


def test_the_same_address_in_the_other_source_does_not_take_the_registry() -> None:
    twin = harbor(ref=helm_ref(), uid="uid-helm")
    (step,) = plan(section(twin), adopted_harbor()).steps
    assert isinstance(step, SetState)
    assert (step.record.state, step.record.registry) == (AdoptionState.WAITING, "")
    assert "prod/hub/main, harbor-operator) still exists is unknown" in step.record.message
    assert DOWN.message in step.record.message
    assert plan(section(twin), adopted_harbor(), step.record).steps == ()
    complete = ClusterHarbors(items=(twin,))
    gone, claim = plan(complete, adopted_harbor(), step.record).steps
    assert isinstance(gone, SetState)
    assert isinstance(claim, ConfirmIdentity)


@pytest.mark.parametrize(
    "state", [AdoptionState.UNCONFIRMED, AdoptionState.MOVED, AdoptionState.CONFLICT]
)
def test_an_earlier_decision_about_the_twin_stays(state: AdoptionState) -> None:
    twin = harbor(ref=helm_ref(), uid="uid-helm")
    record = ManagedHarborRecord(
        ref=twin.ref, uid=twin.uid, state=state, refusals=3, refused_at=NOW - timedelta(days=1)
    )
    assert plan(section(twin), adopted_harbor(), record).steps == ()


def test_a_name_without_a_uid_is_not_pinned_while_another_source_may_have_it() -> None:
    named = TrustedObject(cluster="prod", namespace="hub", name="main", trusted_at=NOW)
    trust = DiscoveryTrust(objects=(named,))
    helm_twin = harbor(ref=helm_ref("main"), uid="uid-helm")
    candidates = section(helm_twin).unambiguous_items
    assert trust.with_pinned_objects(candidates, NOW).objects == ()
    pinned = trust.with_pinned_objects(ClusterHarbors(items=(helm_twin,)).unambiguous_items, NOW)
    assert [trusted.uid for trusted in pinned.objects] == ["uid-helm"]
