"""What becomes of managed Harbors: begin in agreement, change one thing, compare the whole plan."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from models.core.availability import Unseen
from models.discovery.managed_harbor import (
    Managed,
    ManagedHarbor,
    Phase,
    Place,
    SecretKey,
    SourceKind,
    Standing,
)
from models.discovery.plan import plan_discovery
from models.discovery.steps import Adopt, DiscoveryPlan, Follow, Note, Step
from models.discovery.trust import SeenHarbors, Trust
from models.discovery.update_rules import renewed, secret_ref
from models.registries.registry import Kind, NoVerification, Origin, Registry
from tests.support.builders import NOW

GRACE = timedelta(hours=72)
PASSWORD = SecretKey(namespace="hub", name="admin", key="secret")
ELSEWHERE = PASSWORD.model_copy(update={"namespace": "platform"})
EVERYWHERE = Trust(patterns=("*/*",))


def place(name: str = "main", cluster: str = "prod", namespace: str = "hub") -> Place:
    return Place(cluster=cluster, namespace=namespace, name=name, kind=SourceKind.OPERATOR)


def harbor(name: str = "main", **more: Any) -> ManagedHarbor:
    found = {
        "place": place(name),
        "uid": f"uid-{name}",
        "address": f"https://{name}.example.com",
        "password": PASSWORD,
    } | more
    return ManagedHarbor.model_validate(found)


def registry(name: str = "main", **more: Any) -> Registry:
    found = {
        "name": f"prod-hub-{name}",
        "kind": Kind.HARBOR,
        "address": f"https://{name}.example.com",
        "origin": Origin.MANAGED,
        "credential": secret_ref(harbor(name)),
    }
    return Registry.model_validate(found | more)


def adopted(name: str = "main", **more: Any) -> Managed:
    found = {
        "place": place(name),
        "uid": f"uid-{name}",
        "standing": Standing.ADOPTED,
        "registry": f"prod-hub-{name}",
    }
    return Managed.model_validate(found | more)


def plan(
    *harbors: ManagedHarbor,
    known: tuple[Managed, ...] = (),
    registries: tuple[Registry, ...] = (),
    sections: Mapping[str, SeenHarbors | Unseen] | None = None,
    now: datetime = NOW,
    trust: Trust = EVERYWHERE,
    take_over: tuple[Place, ...] = (),
    at_once: tuple[Place, ...] = (),
    bindings: Mapping[str, int] = MappingProxyType({}),
) -> DiscoveryPlan:
    found = sections or {"prod": SeenHarbors(items=harbors)}
    return plan_discovery(
        found,
        known,
        registries,
        trust=trust,
        now=now,
        grace=GRACE,
        take_over=take_over,
        at_once=at_once,
        bindings=bindings,
    )


def steps(*harbors: ManagedHarbor, **more: Any) -> tuple[Step, ...]:
    return plan(*harbors, **more).steps


def test_agreement_is_an_empty_plan() -> None:
    found = plan(harbor(), known=(adopted(),), registries=(registry(),))
    assert found == DiscoveryPlan(adopted=1)


def test_a_new_one_is_adopted_under_a_name_that_tells_where_it_is() -> None:
    assert steps(harbor()) == (Adopt(harbor=harbor(), registry="prod-hub-main"),)


def test_names_that_collide_are_told_apart_and_stay_so() -> None:
    places = [place("a-b", namespace="x"), place("b", namespace="x-a"), place("b", namespace="x")]
    found = [
        harbor(
            place=each,
            address=f"https://{number}.example.com",
            password=PASSWORD.model_copy(update={"namespace": each.namespace}),
        )
        for number, each in enumerate(places)
    ]
    names = [step.registry for step in steps(*found) if isinstance(step, Adopt)]
    assert len(set(names)) == 3
    assert {"prod-x-a-b", "prod-x-b"} < set(names)
    again = [step.registry for step in steps(*reversed(found)) if isinstance(step, Adopt)]
    assert names == again


def test_long_names_fit() -> None:
    key = PASSWORD.model_copy(update={"namespace": "n" * 63})
    far = harbor(place=place("h" * 80, namespace="n" * 63), password=key)
    (step,) = steps(far)
    assert isinstance(step, Adopt)
    assert len(step.registry) == 63


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"phase": Phase.PROVISIONING, "message": "creating"}, "creating"),
        ({"address": ""}, "no address yet"),
        ({"address": "https://user:pw@h"}, "user name or password"),
        ({"address": "https://h/harbor"}, "has a path"),
        ({"password": None}, "where its password is"),
        ({"password": ELSEWHERE}, "in another namespace: platform"),
        ({"phase": Phase.STOPPED, "message": "scaled to 0"}, "scaled to 0"),
    ],
)
def test_what_is_not_ready_waits_and_says_why(more: dict[str, Any], said: str) -> None:
    (step,) = steps(harbor(**more))
    assert isinstance(step, Note)
    assert step.managed.standing is Standing.WAITING
    assert said in step.managed.message
    assert "pw" not in step.managed.message
    assert steps(harbor(**more), known=(step.managed,)) == ()
    assert steps(harbor(), known=(step.managed,)) == (
        Adopt(harbor=harbor(), registry="prod-hub-main"),
    )


def test_one_that_fails_but_answers_is_adopted_all_the_same() -> None:
    failing = harbor(phase=Phase.FAILING)
    assert steps(failing) == (Adopt(harbor=failing, registry="prod-hub-main"),)


def test_two_with_one_address_are_a_conflict() -> None:
    twin = harbor("twin", address="https://main.example.com:443/")
    first, second = steps(harbor(), twin)
    assert isinstance(first, Adopt)
    assert isinstance(second, Note)
    assert second.managed.standing is Standing.CONFLICT
    assert "prod-hub-main" in second.managed.message


def test_a_docker_registry_at_that_address_is_a_conflict() -> None:
    there = registry().model_copy(update={"kind": Kind.DOCKER, "origin": Origin.EXTERNAL})
    (step,) = steps(harbor(), registries=(there,))
    assert isinstance(step, Note)
    assert step.managed.standing is Standing.CONFLICT


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"address": "https://new.example.com"}, "its address is https://new.example.com now"),
        (
            {"password": SecretKey(namespace="hub", name="other", key="secret")},
            "its password is in another Secret now",
        ),
    ],
)
def test_changes_are_followed(more: dict[str, Any], why: str) -> None:
    now = harbor(**more)
    assert steps(now, known=(adopted(),), registries=(registry(),)) == (
        Follow(harbor=now, registry="prod-hub-main", why=why),
    )
    after = renewed(registry(), now)
    assert steps(now, known=(adopted(),), registries=(after,)) == ()


def test_a_choice_not_to_verify_is_kept() -> None:
    there = registry(tls=NoVerification())
    assert isinstance(renewed(there, harbor()).tls, NoVerification)


def test_one_that_is_provisioning_again_is_left_as_it_is() -> None:
    busy = harbor(phase=Phase.PROVISIONING, address="")
    assert steps(busy, known=(adopted(),), registries=(registry(),)) == ()
