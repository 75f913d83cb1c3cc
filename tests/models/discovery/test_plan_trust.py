"""Whose word counts: trusted namespaces and objects, and never over what a person integrated."""

from datetime import timedelta
from typing import Any

import pytest
import trustme

from models.core.limits import Limits
from models.core.settings import Settings
from models.discovery.managed_harbor import ManagedHarbor, Phase, SecretKey, SourceKind, Standing
from models.discovery.steps import Adopt, Follow, Note, Replace, Retire, TakeOver
from models.discovery.trust import NAMED_FOR, SeenHarbors, Trust, TrustedObject, pin
from models.discovery.update_rules import renewed
from models.registries.registry import BlockRef, Kind, Origin, OwnAuthority, Registry
from tests.models.discovery.test_plan import GRACE, adopted, harbor, place, plan, registry, steps
from tests.support.builders import NOW

NOWHERE = Trust()
BLOCK = BlockRef(name="admin")
HAND = registry("main", origin=Origin.EXTERNAL, credential=BLOCK).model_copy(
    update={"name": "harbor-prod"}
)


def look(*harbors: ManagedHarbor, marked: tuple[str, ...] = ()) -> dict[str, SeenHarbors]:
    """A cluster whose namespaces are `hub`, and those that carry the label."""
    found = {"prod": {"items": harbors, "namespaces": {"hub", *marked}, "marked": set(marked)}}
    return {name: SeenHarbors.model_validate(one) for name, one in found.items()}


def standing(*harbors: ManagedHarbor, **more: Any) -> tuple[Standing, str, str]:
    """Return what the one note of a plan says: standing, registry and message."""
    (step,) = steps(*harbors, **more)
    assert isinstance(step, Note)
    return step.managed.standing, step.managed.registry, step.managed.message


def by_hand(**more: Any) -> dict[str, Any]:
    return {"registries": (HAND.model_copy(update=more),)}


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
    trust = Trust(patterns=("other/none", pattern))
    assert trust.covers(place(), "uid-main") is covered
    found = steps(harbor(), trust=trust)
    assert isinstance(found[0], Adopt) is covered


def test_patterns_are_checked_when_they_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_MANAGED_NAMESPACES", " prod-eu/harbor-* , */registry")
    assert Settings().trusted_namespaces == ("prod-eu/harbor-*", "*/registry")
    for wrong in ("prod-eu", "/harbor", "prod-eu/", "a/b/c", "*/hub, *"):
        monkeypatch.setenv("REGISTRY_INTEGRATION_MANAGED_NAMESPACES", wrong)
        with pytest.raises(ValueError, match="expected cluster/namespace"):
            Settings()


def test_a_marked_namespace_is_trusted() -> None:
    (step,) = steps(sections=look(harbor(), marked=("hub",)), trust=NOWHERE)
    assert step == Adopt(harbor=harbor(), registry="prod-hub-main")


def test_found_elsewhere_is_listed_and_says_what_to_do() -> None:
    found = standing(sections=look(harbor()), trust=NOWHERE)
    assert found[:2] == (Standing.UNTRUSTED, "")
    assert "label it registry-integration.io/managed-harbors=true" in found[2]
    assert "integrate-managed-harbor" in found[2]
    (note,) = steps(harbor(), trust=NOWHERE)
    assert isinstance(note, Note)
    assert steps(harbor(), known=(note.managed,), trust=NOWHERE) == ()
    assert steps(known=(note.managed,), trust=NOWHERE, sections=look()) == (
        Retire(place=place(), registry=""),
    )
    assert steps(harbor(), known=(note.managed,)) == (
        Adopt(harbor=harbor(), registry="prod-hub-main"),
    )


@pytest.mark.parametrize("uid", ["uid-main", "uid-2"])
@pytest.mark.parametrize("address", ["https://main.example.com", "http://attacker.example.com"])
@pytest.mark.parametrize("there", [True, False])
def test_a_namespace_that_is_not_trusted_any_more_keeps_its_registry_as_it_is(
    uid: str, address: str, there: bool
) -> None:
    harbors = [harbor(uid=uid, address=address)] if there else []
    known, registries = (adopted(),), (registry(),)
    more: dict[str, Any] = {"registries": registries, "trust": NOWHERE}
    (note,) = steps(sections=look(*harbors), known=known, **more)
    assert isinstance(note, Note)
    assert (note.managed.standing, note.managed.registry) == (Standing.UNTRUSTED, "prod-hub-main")
    assert note.managed.uid == "uid-main"
    assert "kept as it is, and not followed" in note.managed.message
    late = NOW + GRACE * 2
    assert steps(sections=look(*harbors), known=(note.managed,), now=late, **more) == ()
    trusted = {"known": (note.managed,), "registries": registries}
    assert steps(harbor(), **trusted) == (Note(managed=adopted()),)


def test_a_namespace_that_is_gone_lets_its_harbors_be_missing() -> None:
    sections = {"prod": SeenHarbors(items=(), namespaces=frozenset({"shop"}))}
    found = standing(sections=sections, known=(adopted(),), registries=(registry(),), trust=NOWHERE)
    assert found[0] is Standing.MISSING


def test_kept_out_stays_out_wherever_it_is() -> None:
    out = adopted(standing=Standing.KEPT_OUT, registry="")
    assert steps(harbor(), known=(out,), trust=NOWHERE) == ()


def test_what_comes_and_goes_untrusted_does_not_use_up_the_brakes() -> None:
    known = tuple(adopted(f"h{n}", standing=Standing.UNTRUSTED, registry="") for n in range(12))
    found = plan(known=known, trust=NOWHERE)
    found.check(Limits())
    assert len(found.steps) == 12


def named(**more: Any) -> TrustedObject:
    found = {"cluster": "prod", "namespace": "hub", "name": "main", "trusted_at": NOW}
    return TrustedObject.model_validate(found | more)


def test_an_object_that_a_person_named_is_trusted_by_its_uid_alone() -> None:
    trust = Trust(objects=(named(uid="uid-main", kind=SourceKind.OPERATOR),))
    assert isinstance(steps(sections=look(harbor()), trust=trust)[0], Adopt)
    for other in (harbor(uid="uid-2"), harbor("other")):
        assert standing(sections=look(other), trust=trust)[0] is Standing.UNTRUSTED
    helm = place().model_copy(update={"kind": SourceKind.HELM})
    assert not trust.covers(helm, "uid-main")


def test_an_object_that_a_person_named_may_go_missing() -> None:
    trust = Trust(objects=(named(uid="uid-main"),))
    more: dict[str, Any] = {"known": (adopted(),), "registries": (registry(),), "trust": trust}
    assert standing(sections=look(), **more)[0] is Standing.MISSING


def test_the_first_object_of_a_name_within_an_hour_is_the_one_that_was_meant() -> None:
    soon, late = NOW + NAMED_FOR, NOW + NAMED_FOR + timedelta(seconds=1)
    pinned = named(uid="uid-main", kind=SourceKind.OPERATOR)
    assert pin([named()], [harbor(), harbor("other")], soon) == (pinned,)
    assert pin([named()], [harbor()], late) == ()
    assert pin([named()], [], soon) == ()
    assert pin([pinned], [harbor(uid="uid-2")], soon) == ()


def test_two_objects_of_one_name_leave_open_which_was_meant() -> None:
    helm = harbor(place=place().model_copy(update={"kind": SourceKind.HELM}), uid="uid-2")
    assert pin([named()], [harbor(), helm], NOW) == ()


def test_what_was_integrated_by_hand_is_a_conflict_that_says_how_to_link_it() -> None:
    found = standing(harbor(), **by_hand())
    assert found[:2] == (Standing.CONFLICT, "")
    assert "integrated by hand as harbor-prod" in found[2]
    assert "integrate-managed-harbor with take_over" in found[2]


def test_a_person_may_link_the_two_and_nothing_of_the_registry_changes() -> None:
    (step,) = steps(harbor(), take_over=(place(),), **by_hand())
    assert step == TakeOver(harbor=harbor(), registry="harbor-prod")
    assert renewed(HAND, harbor(bundle="x")) == HAND


def test_only_one_is_linked() -> None:
    other = harbor("other", address=HAND.address)
    linked = adopted(registry="harbor-prod")
    more: dict[str, Any] = {"known": (linked,), "take_over": (place("other"),)} | by_hand()
    found = standing(harbor(), other, **more)
    assert found[:2] == (Standing.CONFLICT, "")
    assert "is linked to prod/hub/main already" in found[2]


def test_plain_http_is_not_linked_to_https() -> None:
    found = standing(harbor(address="http://main.example.com"), take_over=(place(),), **by_hand())
    assert found[0] is Standing.CONFLICT


def linked_plan(*harbors: ManagedHarbor, **more: Any) -> tuple[Any, ...]:
    linked = adopted(registry="harbor-prod")
    return steps(*harbors, **({"known": (linked,)} | by_hand() | more))


@pytest.mark.parametrize(
    "changed",
    [
        {"address": "https://attacker.example.com"},
        {"address": "http://main.example.com"},
        {"uid": "uid-2"},
        {"uid": "uid-2", "address": "https://attacker.example.com:8080"},
        {"password": SecretKey(namespace="hub", name="other", key="secret")},
        {"bundle": "another authority"},
    ],
)
def test_what_is_linked_is_never_followed_replaced_or_forgotten(changed: dict[str, Any]) -> None:
    for step in linked_plan(harbor(**changed)):
        assert not isinstance(step, Follow | Replace)
        assert not (isinstance(step, Retire) and step.registry)


def test_what_was_linked_and_is_gone_takes_no_registry_along() -> None:
    (first,) = linked_plan()
    assert isinstance(first, Note)
    assert first.managed.standing is Standing.MISSING
    late = NOW + GRACE + timedelta(seconds=1)
    assert linked_plan(known=(first.managed,), now=late) == (Retire(place=place(), registry=""),)


def managed_by_block(**more: Any) -> Registry:
    return registry(credential=BLOCK, **more)


def test_no_address_is_followed_under_a_block() -> None:
    there = managed_by_block()
    moved = harbor(address="https://attacker.example.com")
    (step,) = steps(moved, known=(adopted(),), registries=(there,))
    assert isinstance(step, Note)
    assert (step.managed.standing, step.managed.registry) == (Standing.CONFLICT, "prod-hub-main")
    assert "run update-registry for prod-hub-main with address and credentials" in (
        step.managed.message
    )
    assert renewed(there, moved) == there
    assert steps(harbor(), known=(step.managed,), registries=(there,)) == (Note(managed=adopted()),)


def test_no_other_harbor_gets_a_block_at_another_address() -> None:
    again = harbor(uid="uid-2", address="https://attacker.example.com")
    found = standing(again, known=(adopted(),), registries=(managed_by_block(),))
    assert found[0] is Standing.CONFLICT


def test_neither_secret_nor_authority_is_followed_under_a_block() -> None:
    there = managed_by_block()
    other = SecretKey(namespace="hub", name="other", key="secret")
    changed = harbor(password=other, bundle="another authority")
    assert steps(changed, known=(adopted(),), registries=(there,)) == ()


@pytest.mark.parametrize("uid", ["uid-main", "uid-2"])
@pytest.mark.parametrize("address", ["http://main.example.com", "http://new.example.com"])
def test_nothing_goes_from_https_to_http(uid: str, address: str) -> None:
    plain = harbor(uid=uid, address=address)
    found = standing(plain, known=(adopted(),), registries=(registry(),))
    assert found[:2] == (Standing.CONFLICT, "prod-hub-main")
    assert "nothing goes from https to http by itself" in found[2]


def test_http_may_become_https() -> None:
    there = registry(address="http://main.example.com")
    assert isinstance(steps(harbor(), known=(adopted(),), registries=(there,))[0], Follow)


def test_a_docker_registry_that_a_person_integrated_is_never_linked() -> None:
    (step,) = steps(harbor(), take_over=(place(),), **by_hand(kind=Kind.DOCKER))
    assert isinstance(step, Note)


def test_its_own_authority_is_followed_where_its_own_secret_opens_it() -> None:
    before, after = (trustme.CA().cert_pem.bytes().decode() for _ in range(2))
    there = registry(tls=OwnAuthority(bundle=before))
    now = harbor(bundle=OwnAuthority(bundle=after).bundle)
    (step,) = steps(now, known=(adopted(),), registries=(there,))
    assert isinstance(step, Follow)
    assert steps(now, known=(adopted(),), registries=(renewed(there, now),)) == ()


def test_what_is_pending_is_trusted_as_what_appeared() -> None:
    trust = Trust(objects=(named(), named(name="other", uid="uid-9")))
    found = trust.pinned([harbor()], NOW)
    assert [one.uid for one in found.objects] == ["uid-9", "uid-main"]
    assert not found.covers(place(), "uid-2")
    assert trust.pinned([], NOW).objects == (named(name="other", uid="uid-9"),)


def test_adoptions_are_limited_and_nothing_else_is() -> None:
    many = [harbor(f"h{number}") for number in range(5)]
    busy = harbor("z", phase=Phase.PROVISIONING)
    found, later = plan(*many, busy).limited(3)
    assert later == 2
    assert [type(step) for step in found.steps] == [Adopt, Adopt, Adopt, Note]
    assert plan(*many).limited(5) == (plan(*many), 0)
