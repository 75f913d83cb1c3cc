"""The discovery plan: start without differences, change one thing, compare the whole plan."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from models.core.availability import Unavailable
from models.discovery.managed_harbor import (
    AdoptionState,
    HarborPhase,
    HarborRef,
    HarborSourceKind,
    ManagedHarbor,
    ManagedHarborRecord,
    SecretKeyRef,
)
from models.discovery.observation import ClusterHarbors
from models.discovery.plan import plan_discovery
from models.discovery.steps import Adopt, DiscoveryPlan, SetState, Step, UpdateAdopted
from models.discovery.trust import DiscoveryTrust
from models.discovery.update_rules import refresh_registry, secret_ref
from models.registries.registry import Kind, Registry, RegistryOrigin, SkipVerify
from tests.support.builders import NOW

GRACE = timedelta(hours=72)
PASSWORD = SecretKeyRef(namespace="hub", name="admin", key="secret")
ELSEWHERE = PASSWORD.model_copy(update={"namespace": "platform"})
EVERYWHERE = DiscoveryTrust(patterns=("*/*",))


def harbor_ref(name: str = "main", cluster: str = "prod", namespace: str = "hub") -> HarborRef:
    return HarborRef(
        cluster=cluster, namespace=namespace, name=name, kind=HarborSourceKind.OPERATOR
    )


def harbor(name: str = "main", **overrides: Any) -> ManagedHarbor:
    fields = {
        "ref": harbor_ref(name),
        "uid": f"uid-{name}",
        "address": f"https://{name}.example.com",
        "password": PASSWORD,
    } | overrides
    return ManagedHarbor.model_validate(fields)


def registry(name: str = "main", **overrides: Any) -> Registry:
    fields = {
        "name": f"prod-hub-{name}",
        "kind": Kind.HARBOR,
        "address": f"https://{name}.example.com",
        "origin": RegistryOrigin.MANAGED,
        "credential": secret_ref(harbor(name)),
    }
    return Registry.model_validate(fields | overrides)


def adopted_harbor(name: str = "main", **overrides: Any) -> ManagedHarborRecord:
    fields = {
        "ref": harbor_ref(name),
        "uid": f"uid-{name}",
        "state": AdoptionState.ADOPTED,
        "registry": f"prod-hub-{name}",
    }
    return ManagedHarborRecord.model_validate(fields | overrides)


def plan(
    *harbors: ManagedHarbor,
    adopted_harbors: tuple[ManagedHarborRecord, ...] = (),
    registries: tuple[Registry, ...] = (),
    sections: Mapping[str, ClusterHarbors | Unavailable] | None = None,
    now: datetime = NOW,
    trust: DiscoveryTrust = EVERYWHERE,
    take_over: tuple[HarborRef, ...] = (),
    at_once: tuple[HarborRef, ...] = (),
    bindings: Mapping[str, int] = MappingProxyType({}),
    untrusted_tls: tuple[str, ...] = (),
) -> DiscoveryPlan:
    cluster_sections = sections or {"prod": ClusterHarbors(items=harbors)}
    return plan_discovery(
        cluster_sections,
        adopted_harbors,
        registries,
        trust=trust,
        now=now,
        grace=GRACE,
        take_over=take_over,
        retry_now=at_once,
        bindings=bindings,
        untrusted_tls=untrusted_tls,
    )


def steps(*harbors: ManagedHarbor, **overrides: Any) -> tuple[Step, ...]:
    return plan(*harbors, **overrides).steps


def test_agreement_is_an_empty_plan() -> None:
    discovery_plan = plan(harbor(), adopted_harbors=(adopted_harbor(),), registries=(registry(),))
    assert discovery_plan == DiscoveryPlan(adopted_count=1)


def test_a_new_one_is_adopted_under_a_name_that_tells_where_it_is() -> None:
    assert steps(harbor()) == (Adopt(harbor=harbor(), registry="prod-hub-main"),)


def test_names_that_collide_are_told_apart_and_stay_so() -> None:
    refs = [
        harbor_ref("a-b", namespace="x"),
        harbor_ref("b", namespace="x-a"),
        harbor_ref("b", namespace="x"),
    ]
    harbors = [
        harbor(
            ref=ref,
            address=f"https://{number}.example.com",
            password=PASSWORD.model_copy(update={"namespace": ref.namespace}),
        )
        for number, ref in enumerate(refs)
    ]
    names = [step.registry for step in steps(*harbors) if isinstance(step, Adopt)]
    assert len(set(names)) == 3
    assert {"prod-x-a-b", "prod-x-b"} < set(names)
    reverse_names = [step.registry for step in steps(*reversed(harbors)) if isinstance(step, Adopt)]
    assert names == reverse_names


def test_long_names_fit() -> None:
    key = PASSWORD.model_copy(update={"namespace": "n" * 63})
    long_harbor = harbor(ref=harbor_ref("h" * 80, namespace="n" * 63), password=key)
    (step,) = steps(long_harbor)
    assert isinstance(step, Adopt)
    assert len(step.registry) == 63


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"phase": HarborPhase.PROVISIONING, "message": "creating"}, "creating"),
        ({"address": ""}, "no address yet"),
        ({"address": "https://user:pw@h"}, "user name or password"),
        ({"address": "https://h/harbor"}, "has a path"),
        ({"password": None}, "contains no reference to a password"),
        ({"password": ELSEWHERE}, "password reference is to another namespace: platform"),
        ({"phase": HarborPhase.STOPPED, "message": "scaled to 0"}, "scaled to 0"),
    ],
)
def test_what_is_not_ready_waits_and_says_why(more: dict[str, Any], message: str) -> None:
    (step,) = steps(harbor(**more))
    assert isinstance(step, SetState)
    assert step.record.state is AdoptionState.WAITING
    assert message in step.record.message
    assert "pw" not in step.record.message
    assert steps(harbor(**more), adopted_harbors=(step.record,)) == ()
    assert steps(harbor(), adopted_harbors=(step.record,)) == (
        Adopt(harbor=harbor(), registry="prod-hub-main"),
    )


def test_one_that_fails_but_answers_is_adopted_all_the_same() -> None:
    failing = harbor(phase=HarborPhase.FAILING)
    assert steps(failing) == (Adopt(harbor=failing, registry="prod-hub-main"),)


def test_two_with_one_address_are_a_conflict() -> None:
    same_address = harbor("twin", address="https://main.example.com:443/")
    first, second = steps(harbor(), same_address)
    assert isinstance(first, Adopt)
    assert isinstance(second, SetState)
    assert second.record.state is AdoptionState.CONFLICT
    assert "prod-hub-main" in second.record.message


def test_a_docker_registry_at_that_address_is_a_conflict() -> None:
    docker_registry = registry().model_copy(
        update={"kind": Kind.DOCKER, "origin": RegistryOrigin.EXTERNAL}
    )
    (step,) = steps(harbor(), registries=(docker_registry,))
    assert isinstance(step, SetState)
    assert step.record.state is AdoptionState.CONFLICT


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"address": "https://new.example.com"}, "its address changed to https://new.example.com"),
        (
            {"password": SecretKeyRef(namespace="hub", name="other", key="secret")},
            "its password is in another Secret",
        ),
    ],
)
def test_changes_are_followed(more: dict[str, Any], why: str) -> None:
    now = harbor(**more)
    assert steps(now, adopted_harbors=(adopted_harbor(),), registries=(registry(),)) == (
        UpdateAdopted(harbor=now, registry="prod-hub-main", reason=why),
    )
    after = refresh_registry(registry(), now)
    assert steps(now, adopted_harbors=(adopted_harbor(),), registries=(after,)) == ()


def test_a_choice_not_to_verify_is_kept() -> None:
    saved_registry = registry(tls=SkipVerify())
    assert isinstance(refresh_registry(saved_registry, harbor()).tls, SkipVerify)


def test_one_that_is_provisioning_again_is_left_as_it_is() -> None:
    busy = harbor(phase=HarborPhase.PROVISIONING, address="")
    assert steps(busy, adopted_harbors=(adopted_harbor(),), registries=(registry(),)) == ()
