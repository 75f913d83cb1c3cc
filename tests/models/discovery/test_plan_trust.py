"""Only trusted namespaces and objects change registries, and never those that a user integrated."""

from datetime import timedelta
from typing import Any

import pytest
import trustme

from models.core.limits import ChangeLimits
from models.core.settings import Settings
from models.discovery.managed_harbor import (
    AdoptionState,
    HarborPhase,
    HarborSourceKind,
    ManagedHarbor,
    SecretKeyRef,
)
from models.discovery.observation import ClusterHarbors
from models.discovery.steps import Adopt, AdoptExisting, Forget, Replace, SetState, UpdateAdopted
from models.discovery.trust import (
    TRUST_PENDING_TIMEOUT,
    DiscoveryTrust,
    TrustedObject,
    pin_trusted_objects,
)
from models.discovery.update_rules import refresh_registry
from models.registries.registry import BlockRef, CustomCA, Kind, Registry, RegistryOrigin
from tests.models.discovery.test_plan import (
    GRACE,
    adopted_harbor,
    harbor,
    harbor_ref,
    plan,
    registry,
    steps,
)
from tests.support.builders import NOW

NOWHERE = DiscoveryTrust()
BLOCK = BlockRef(name="admin")
HAND = registry("main", origin=RegistryOrigin.EXTERNAL, credential=BLOCK).model_copy(
    update={"name": "harbor-prod"}
)


def observe_cluster(
    *harbors: ManagedHarbor, marked: tuple[str, ...] = ()
) -> dict[str, ClusterHarbors]:
    """A cluster with the namespace `hub` and the labeled namespaces."""
    fields = {
        "prod": {"items": harbors, "namespaces": {"hub", *marked}, "marked_namespaces": set(marked)}
    }
    return {name: ClusterHarbors.model_validate(section) for name, section in fields.items()}


def standing(*harbors: ManagedHarbor, **overrides: Any) -> tuple[AdoptionState, str, str]:
    """Return state, registry and message of the only step of a plan."""
    (step,) = steps(*harbors, **overrides)
    assert isinstance(step, SetState)
    return step.record.state, step.record.registry, step.record.message


def by_hand(**overrides: Any) -> dict[str, Any]:
    return {"registries": (HAND.model_copy(update=overrides),)}


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("prod/hub", True),
        ("prod/h*", True),
        ("*/hub", True),
        ("p?od/[gh]ub", True),
        ("prod/hub-*", False),
        ("prod*", False),
        ("prod/*/x", False),
        ("dev/hub", False),
        ("prod/HUB", False),
    ],
)
def test_a_pattern_covers_a_namespace_of_a_cluster(pattern: str, covered: bool) -> None:
    trust = DiscoveryTrust(patterns=("other/none", pattern))
    assert trust.covers(harbor_ref(), "uid-main") is covered
    plan_steps = steps(harbor(), trust=trust)
    assert isinstance(plan_steps[0], Adopt) is covered


def test_patterns_are_checked_when_they_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_MANAGED_NAMESPACES", " prod-eu/harbor-* , */registry")
    assert Settings().trusted_namespace_patterns == ("prod-eu/harbor-*", "*/registry")
    for invalid in ("prod-eu", "/harbor", "prod-eu/", "a/b/c", "*/hub, *"):
        monkeypatch.setenv("REGISTRY_INTEGRATION_MANAGED_NAMESPACES", invalid)
        with pytest.raises(ValueError, match="expected cluster/namespace"):
            Settings()


def test_a_marked_namespace_is_trusted() -> None:
    (step,) = steps(sections=observe_cluster(harbor(), marked=("hub",)), trust=NOWHERE)
    assert step == Adopt(harbor=harbor(), registry="prod-hub-main")


def test_found_elsewhere_is_listed_and_says_what_to_do() -> None:
    result = standing(sections=observe_cluster(harbor()), trust=NOWHERE)
    assert result[:2] == (AdoptionState.UNTRUSTED, "")
    assert "label it registry-integration.io/managed-harbors=true" in result[2]
    assert "integrate-managed-harbor" in result[2]
    (note,) = steps(harbor(), trust=NOWHERE)
    assert isinstance(note, SetState)
    assert steps(harbor(), adopted_harbors=(note.record,), trust=NOWHERE) == ()
    assert steps(adopted_harbors=(note.record,), trust=NOWHERE, sections=observe_cluster()) == (
        Forget(ref=harbor_ref(), registry=""),
    )
    assert steps(harbor(), adopted_harbors=(note.record,)) == (
        Adopt(harbor=harbor(), registry="prod-hub-main"),
    )


@pytest.mark.parametrize("uid", ["uid-main", "uid-2"])
@pytest.mark.parametrize("address", ["https://main.example.com", "http://attacker.example.com"])
@pytest.mark.parametrize("is_present", [True, False])
def test_a_namespace_that_is_not_trusted_any_more_keeps_its_registry_as_it_is(
    uid: str, address: str, is_present: bool
) -> None:
    harbors = [harbor(uid=uid, address=address)] if is_present else []
    adopted_records, registries = (adopted_harbor(),), (registry(),)
    arguments: dict[str, Any] = {"registries": registries, "trust": NOWHERE}
    (note,) = steps(
        sections=observe_cluster(*harbors), adopted_harbors=adopted_records, **arguments
    )
    assert isinstance(note, SetState)
    assert (note.record.state, note.record.registry) == (AdoptionState.UNTRUSTED, "prod-hub-main")
    assert note.record.uid == "uid-main"
    assert "is kept and not updated" in note.record.message
    late = NOW + GRACE * 2
    assert (
        steps(
            sections=observe_cluster(*harbors),
            adopted_harbors=(note.record,),
            now=late,
            **arguments,
        )
        == ()
    )
    trusted = {"adopted_harbors": (note.record,), "registries": registries}
    assert steps(harbor(), **trusted) == (SetState(record=adopted_harbor()),)


def test_a_namespace_that_is_gone_lets_its_harbors_be_missing() -> None:
    sections = {"prod": ClusterHarbors(items=(), namespaces=frozenset({"shop"}))}
    result = standing(
        sections=sections,
        adopted_harbors=(adopted_harbor(),),
        registries=(registry(),),
        trust=NOWHERE,
    )
    assert result[0] is AdoptionState.MISSING


def test_kept_out_stays_out_wherever_it_is() -> None:
    out = adopted_harbor(state=AdoptionState.EXCLUDED, registry="")
    assert steps(harbor(), adopted_harbors=(out,), trust=NOWHERE) == ()
    assert steps(harbor(uid="uid-2"), adopted_harbors=(out,), trust=NOWHERE) == ()


def test_what_comes_and_goes_untrusted_does_not_use_up_the_brakes() -> None:
    untrusted_harbors = tuple(
        adopted_harbor(f"h{n}", state=AdoptionState.UNTRUSTED, registry="") for n in range(12)
    )
    discovery_plan = plan(adopted_harbors=untrusted_harbors, trust=NOWHERE)
    assert discovery_plan.exceeded_limit(ChangeLimits()) is None
    assert len(discovery_plan.steps) == 12


def trusted_object(**overrides: Any) -> TrustedObject:
    fields = {"cluster": "prod", "namespace": "hub", "name": "main", "trusted_at": NOW}
    return TrustedObject.model_validate(fields | overrides)


def test_an_object_that_a_person_named_is_trusted_by_its_uid_alone() -> None:
    trust = DiscoveryTrust(
        objects=(trusted_object(uid="uid-main", kind=HarborSourceKind.OPERATOR),)
    )
    assert isinstance(steps(sections=observe_cluster(harbor()), trust=trust)[0], Adopt)
    for other in (harbor(uid="uid-2"), harbor("other")):
        assert standing(sections=observe_cluster(other), trust=trust)[0] is AdoptionState.UNTRUSTED
    helm = harbor_ref().model_copy(update={"kind": HarborSourceKind.HELM})
    assert not trust.covers(helm, "uid-main")


def test_an_object_that_a_person_named_may_go_missing() -> None:
    trust = DiscoveryTrust(objects=(trusted_object(uid="uid-main"),))
    arguments: dict[str, Any] = {
        "adopted_harbors": (adopted_harbor(),),
        "registries": (registry(),),
        "trust": trust,
    }
    assert standing(sections=observe_cluster(), **arguments)[0] is AdoptionState.MISSING


def test_the_first_object_of_a_name_within_an_hour_is_the_one_that_was_meant() -> None:
    soon, late = NOW + TRUST_PENDING_TIMEOUT, NOW + TRUST_PENDING_TIMEOUT + timedelta(seconds=1)
    pinned = trusted_object(uid="uid-main", kind=HarborSourceKind.OPERATOR)
    assert pin_trusted_objects([trusted_object()], [harbor(), harbor("other")], soon) == (pinned,)
    assert pin_trusted_objects([trusted_object()], [harbor()], late) == ()
    assert pin_trusted_objects([trusted_object()], [], soon) == ()
    assert pin_trusted_objects([pinned], [harbor(uid="uid-2")], soon) == ()


def test_two_objects_of_one_name_leave_open_which_was_meant() -> None:
    helm = harbor(ref=harbor_ref().model_copy(update={"kind": HarborSourceKind.HELM}), uid="uid-2")
    assert pin_trusted_objects([trusted_object()], [harbor(), helm], NOW) == ()


def test_what_was_integrated_by_hand_is_a_conflict_that_says_how_to_link_it() -> None:
    result = standing(harbor(), **by_hand())
    assert result[:2] == (AdoptionState.CONFLICT, "")
    assert "integrated by a user as harbor-prod" in result[2]
    assert "integrate-managed-harbor with take_over" in result[2]


def test_a_person_may_link_the_two_and_nothing_of_the_registry_changes() -> None:
    (step,) = steps(harbor(), take_over=(harbor_ref(),), **by_hand())
    assert step == AdoptExisting(harbor=harbor(), registry="harbor-prod")
    assert refresh_registry(HAND, harbor(ca_bundle="x")) == HAND


def test_only_one_is_linked() -> None:
    other = harbor("other", address=HAND.address)
    linked_harbor = adopted_harbor(registry="harbor-prod")
    arguments: dict[str, Any] = {
        "adopted_harbors": (linked_harbor,),
        "take_over": (harbor_ref("other"),),
    } | by_hand()
    result = standing(harbor(), other, **arguments)
    assert result[:2] == (AdoptionState.CONFLICT, "")
    assert "is already linked to prod/hub/main" in result[2]


def test_plain_http_is_not_linked_to_https() -> None:
    result = standing(
        harbor(address="http://main.example.com"), take_over=(harbor_ref(),), **by_hand()
    )
    assert result[0] is AdoptionState.CONFLICT


def linked_plan(*harbors: ManagedHarbor, **overrides: Any) -> tuple[Any, ...]:
    linked_harbor = adopted_harbor(registry="harbor-prod")
    return steps(*harbors, **({"adopted_harbors": (linked_harbor,)} | by_hand() | overrides))


@pytest.mark.parametrize(
    "changed",
    [
        {"address": "https://attacker.example.com"},
        {"address": "http://main.example.com"},
        {"uid": "uid-2"},
        {"uid": "uid-2", "address": "https://attacker.example.com:8080"},
        {"password": SecretKeyRef(namespace="hub", name="other", key="secret")},
        {"ca_bundle": "another authority"},
    ],
)
def test_what_is_linked_is_never_followed_replaced_or_forgotten(changed: dict[str, Any]) -> None:
    for step in linked_plan(harbor(**changed)):
        assert not isinstance(step, UpdateAdopted | Replace)
        assert not (isinstance(step, Forget) and step.registry)


def test_what_was_linked_and_is_gone_takes_no_registry_along() -> None:
    (first,) = linked_plan()
    assert isinstance(first, SetState)
    assert first.record.state is AdoptionState.MISSING
    late = NOW + GRACE + timedelta(seconds=1)
    assert linked_plan(adopted_harbors=(first.record,), now=late) == (
        Forget(ref=harbor_ref(), registry=""),
    )


def managed_by_block(**overrides: Any) -> Registry:
    return registry(credential=BLOCK, **overrides)


def test_no_address_is_followed_under_a_block() -> None:
    saved_registry = managed_by_block()
    moved_harbor = harbor(address="https://attacker.example.com")
    (step,) = steps(moved_harbor, adopted_harbors=(adopted_harbor(),), registries=(saved_registry,))
    assert isinstance(step, SetState)
    assert (step.record.state, step.record.registry) == (AdoptionState.CONFLICT, "prod-hub-main")
    assert "run update-registry for prod-hub-main with address and credentials" in (
        step.record.message
    )
    assert refresh_registry(saved_registry, moved_harbor) == saved_registry
    assert steps(harbor(), adopted_harbors=(step.record,), registries=(saved_registry,)) == (
        SetState(record=adopted_harbor()),
    )


def test_no_other_harbor_gets_a_block_at_another_address() -> None:
    recreated = harbor(uid="uid-2", address="https://attacker.example.com")
    result = standing(
        recreated, adopted_harbors=(adopted_harbor(),), registries=(managed_by_block(),)
    )
    assert result[0] is AdoptionState.CONFLICT


def test_neither_secret_nor_authority_is_followed_under_a_block() -> None:
    saved_registry = managed_by_block()
    other = SecretKeyRef(namespace="hub", name="other", key="secret")
    changed = harbor(password=other, ca_bundle="another authority")
    assert steps(changed, adopted_harbors=(adopted_harbor(),), registries=(saved_registry,)) == ()


@pytest.mark.parametrize("uid", ["uid-main", "uid-2"])
@pytest.mark.parametrize("address", ["http://main.example.com", "http://new.example.com"])
def test_nothing_goes_from_https_to_http(uid: str, address: str) -> None:
    plain = harbor(uid=uid, address=address)
    result = standing(plain, adopted_harbors=(adopted_harbor(),), registries=(registry(),))
    assert result[:2] == (AdoptionState.CONFLICT, "prod-hub-main")
    assert "a change from https to http is never automatic" in result[2]


def test_http_may_become_https() -> None:
    saved_registry = registry(address="http://main.example.com")
    assert isinstance(
        steps(harbor(), adopted_harbors=(adopted_harbor(),), registries=(saved_registry,))[0],
        UpdateAdopted,
    )


def test_a_docker_registry_that_a_person_integrated_is_never_linked() -> None:
    (step,) = steps(harbor(), take_over=(harbor_ref(),), **by_hand(kind=Kind.DOCKER))
    assert isinstance(step, SetState)


def test_its_own_authority_is_followed_where_its_own_secret_opens_it() -> None:
    before, after = (trustme.CA().cert_pem.bytes().decode() for _ in range(2))
    saved_registry = registry(tls=CustomCA(bundle=before))
    now = harbor(ca_bundle=CustomCA(bundle=after).bundle)
    (step,) = steps(now, adopted_harbors=(adopted_harbor(),), registries=(saved_registry,))
    assert isinstance(step, UpdateAdopted)
    assert (
        steps(
            now,
            adopted_harbors=(adopted_harbor(),),
            registries=(refresh_registry(saved_registry, now),),
        )
        == ()
    )


def test_what_is_pending_is_trusted_as_what_appeared() -> None:
    trust = DiscoveryTrust(objects=(trusted_object(), trusted_object(name="other", uid="uid-9")))
    pinned_trust = trust.with_pinned_objects([harbor()], NOW)
    assert [item.uid for item in pinned_trust.objects] == ["uid-9", "uid-main"]
    assert not pinned_trust.covers(harbor_ref(), "uid-2")
    assert trust.with_pinned_objects([], NOW).objects == (
        trusted_object(name="other", uid="uid-9"),
    )


def test_adoptions_are_limited_and_nothing_else_is() -> None:
    harbors = [harbor(f"h{number}") for number in range(5)]
    busy = harbor("z", phase=HarborPhase.PROVISIONING)
    limited_plan, later = plan(*harbors, busy).limit_adoptions(3)
    assert later == 2
    assert [type(step) for step in limited_plan.steps] == [Adopt, Adopt, Adopt, SetState]
    assert plan(*harbors).limit_adoptions(5) == (plan(*harbors), 0)


@pytest.mark.parametrize(
    ("uid", "age", "is_expired"),
    [
        ("", timedelta(0), False),
        ("", TRUST_PENDING_TIMEOUT, False),
        ("", TRUST_PENDING_TIMEOUT + timedelta(seconds=1), True),
        ("uid-1", 100 * TRUST_PENDING_TIMEOUT, False),
    ],
)
def test_trust_in_what_does_not_appear_ends(uid: str, age: timedelta, is_expired: bool) -> None:
    trusted_object = TrustedObject(
        cluster="eu", namespace="hub", name="main", uid=uid, trusted_at=NOW - age
    )
    assert trusted_object.is_expired(NOW) is is_expired


@pytest.mark.parametrize(
    ("ca_message", "untrusted_tls", "is_warned"),
    [
        ("may not get secrets", ("prod-hub-main",), True),
        ("may not get secrets", (), False),
        ("may not get secrets", ("other",), False),
        ("", ("prod-hub-main",), False),
    ],
)
def test_a_ca_that_cannot_be_read_is_told_where_the_certificate_is_not_trusted(
    ca_message: str, untrusted_tls: tuple[str, ...], is_warned: bool
) -> None:
    discovery_plan = plan(
        harbor(ca_message=ca_message),
        adopted_harbors=(adopted_harbor(),),
        registries=(registry(),),
        untrusted_tls=untrusted_tls,
    )
    assert discovery_plan.steps == ()
    assert discovery_plan.warnings == (
        (
            "prod/hub/main: the certificate of prod-hub-main is not trusted, and its CA could not "
            "be read from its Secret: may not get secrets",
        )
        if is_warned
        else ()
    )
