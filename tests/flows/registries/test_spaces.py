"""Visibility and creation of spaces: the wish first, then the registry, then what was seen."""

import pytest

from deployments.simulators.docker_registry import SimulatedDockerRegistry
from deployments.simulators.faults import Fault, Respond, RunCallback
from deployments.simulators.server import run_server
from flows.registries.create_space import create_space
from flows.registries.set_visibility import set_space_visibility
from models.registries.condition import ConditionStatus, ConditionType, Health
from models.registries.space import Visibility
from tests.support.builders import PRIVATE, PUBLIC
from tests.support.helpers import (
    add_registry,
    audit_events,
    audit_of,
    expect_failure,
    expect_success,
    harbor_with,
    page,
    reconcile_all_now,
    record_of,
    sent_events,
    spaces_of,
)

SPACES = tuple(f"s{number:02}" for number in range(30))


async def test_made_public_and_private_in_harbor_itself(name: str) -> None:
    with harbor_with("a", "b", "c") as harbor:
        await add_registry(name, harbor.url)
        await expect_success(set_space_visibility, name, ["a", "b"], "public")
        assert [harbor.is_public(space) for space in "abc"] == [True, True, False]
        await expect_success(set_space_visibility, name, ["a"], "private")
        assert [harbor.is_public(space) for space in "abc"] == [False, True, False]
        assert len(harbor.writes()) == 3
    spaces = spaces_of(name)
    assert (spaces["a"].desired, spaces["a"].observed) == (PRIVATE, PRIVATE)
    assert (spaces["b"].desired, spaces["b"].observed) == (PUBLIC, PUBLIC)
    assert spaces["c"].desired is None
    assert await sent_events(name) == {"registry.integrated": 1, "space.visibility-set": 3}
    assert "set-visibility" in await page(f"plan-{name}")


async def test_unknown_spaces_are_named_and_nothing_is_stored(name: str) -> None:
    with harbor_with("a") as harbor:
        await add_registry(name, harbor.url)
        message = await expect_failure(set_space_visibility, name, ["a", "nope"], "public")
        assert "no space nope" in message
        assert harbor.writes() == []
    assert spaces_of(name)["a"].desired is None
    assert "there is no registry" in await expect_failure(
        set_space_visibility, "gone", ["a"], "public"
    )


async def test_in_a_docker_registry_visibility_is_the_platforms_own(name: str) -> None:
    registry = SimulatedDockerRegistry()
    registry.add_repository("team/app")
    with run_server(registry.app) as url:
        await add_registry(name, url, "docker")
        await expect_success(set_space_visibility, name, ["team"], "public")
        await expect_success(create_space, name, ["later"], "public")
        registry.add_repository("later/app")
        assert (await reconcile_all_now()).is_completed()
        assert {request.method for request in registry.requests} == {"GET"}
    spaces = spaces_of(name)
    assert (spaces["team"].desired, spaces["team"].visibility) == (PUBLIC, PUBLIC)
    assert (spaces["later"].visibility, spaces["later"].declared) == (PUBLIC, False)
    assert (await sent_events(name))["space.appeared"] == 1


async def test_brakes_refuse_with_numbers_and_store_nothing(name: str) -> None:
    with harbor_with() as harbor:
        for project in SPACES:
            harbor.simulator.add_project(project, public=True)
        await add_registry(name, harbor.url)
        message = await expect_failure(set_space_visibility, name, [*SPACES[:12]], "private")
        assert "make private 12 of 31 spaces (39%)" in message
        assert "Allow a large change" in message
        assert harbor.writes() == []
        assert {space.desired for space in spaces_of(name).values()} == {None}
        assert audit_events(name) == {"registry.integrated": 1}
        await expect_success(
            set_space_visibility, name, [*SPACES[:12]], "private", allow_large=True
        )
        assert len(harbor.writes()) == 12
        assert not any(harbor.is_public(project) for project in SPACES[:12])


async def test_created(name: str) -> None:
    with harbor_with() as harbor:
        await add_registry(name, harbor.url)
        await expect_success(create_space, name, ["new", "other"], "public")
        assert harbor.is_public("new")
        assert harbor.is_public("other")
    assert spaces_of(name)["new"].desired is PUBLIC
    assert not spaces_of(name)["new"].declared
    assert await sent_events(name) == {"registry.integrated": 1, "space.created": 2}


@pytest.mark.parametrize("invalid_name", ["Upper/..", "x" * 256])
async def test_names_that_harbor_would_refuse(name: str, invalid_name: str) -> None:
    with harbor_with() as harbor:
        await add_registry(name, harbor.url)
        assert "is not a valid Harbor project" in await expect_failure(
            create_space, name, [invalid_name]
        )
        assert harbor.writes() == []
    assert set(spaces_of(name)) == {"library"}


async def test_one_that_is_there_already(name: str) -> None:
    with harbor_with("team") as harbor:
        await add_registry(name, harbor.url)
        assert "already exists: team" in await expect_failure(create_space, name, ["team"])
        assert harbor.writes() == []


async def test_one_that_somebody_made_a_moment_before_is_given_up(name: str) -> None:
    with harbor_with() as harbor:
        await add_registry(name, harbor.url)
        concurrent_create = RunCallback(lambda: harbor.simulator.add_project("team"))
        harbor.faults.add(Fault(concurrent_create, "POST", r".*/projects"))
        assert "a space of that name exists" in await expect_failure(create_space, name, ["team"])
        assert (await reconcile_all_now()).is_completed()
        assert [status for _, status in harbor.writes()] == [409]
    assert spaces_of(name)["team"].desired is None
    assert await sent_events(name) == {
        "registry.integrated": 1,
        "registry.degraded": 1,
        "registry.recovered": 1,
        "space.change-failed": 1,
        "space.appeared": 1,
    }


async def test_a_read_only_harbor_keeps_the_wish_and_gets_it_later(name: str) -> None:
    with harbor_with() as harbor:
        await add_registry(name, harbor.url)
        harbor.simulator.settings.read_only = True
        message = await expect_failure(create_space, name, ["team"], "public")
        assert message == (
            f"the desired state is saved, not in force yet: {name}: Harbor is read-only (1 change "
            "not made); follows when it is writable"
        )
        for _ in range(2):
            state = await reconcile_all_now()
            assert state.is_completed()
            assert f"{name}: Harbor is read-only (1 change not made)" in (state.message or "")
        assert harbor.writes() == []
        assert spaces_of(name)["team"].declared
        assert record_of(name).health_summary.health is Health.DEGRADED
        harbor.simulator.settings.read_only = False
        assert (await reconcile_all_now()).is_completed()
        assert harbor.is_public("team")
    assert (spaces_of(name)["team"].declared, spaces_of(name)["team"].observed) == (False, PUBLIC)
    assert record_of(name).health_summary.health is Health.HEALTHY
    assert await sent_events(name) == {
        "registry.integrated": 1,
        "registry.degraded": 1,
        "registry.recovered": 1,
        "space.created": 1,
    }


async def test_one_failed_change_does_not_hold_up_the_others(name: str) -> None:
    with harbor_with("a", "b", "c") as harbor:
        await add_registry(name, harbor.url)
        number = harbor.simulator.projects["b"].id
        harbor.faults.add(Fault(Respond(403, b"{}"), "PUT", rf".*/projects/{number}"))
        message = await expect_failure(set_space_visibility, name, ["a", "b", "c"], "public")
        assert "1 of 3 changes failed" in message
        assert [harbor.is_public(space) for space in "abc"] == [True, False, True]
        synced_condition = next(
            condition
            for condition in record_of(name).conditions
            if condition.type is ConditionType.SYNCED
        )
        assert synced_condition.status is ConditionStatus.FALSE
        assert (await reconcile_all_now()).is_completed()
        assert harbor.is_public("b")
    assert {row.subject for row in audit_of(name) if row.what == "space.change-failed"} == {"b"}
    assert (await sent_events(name))["space.visibility-set"] == 3


async def test_wishes_survive_a_registry_that_is_down(name: str) -> None:
    with harbor_with("a") as harbor:
        await add_registry(name, harbor.url)
        harbor.faults.add(Fault(Respond(500), times=None))
        assert "answered 500" in await expect_failure(set_space_visibility, name, ["a"], "public")
        assert spaces_of(name)["a"].desired is Visibility.PUBLIC
        harbor.faults.clear()
        assert (await reconcile_all_now()).is_completed()
        assert harbor.is_public("a")
