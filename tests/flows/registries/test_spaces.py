"""Visibility and creation of spaces: the wish first, then the registry, then what was seen."""

import pytest

from deployments.simulators.docker_registry import DockerRegistry
from deployments.simulators.faults import Answer, Call, Fault
from deployments.simulators.server import running
from flows.registries.create_space import create_space
from flows.registries.set_visibility import set_space_visibility
from models.registries.condition import ConditionType, Health, Status
from models.registries.space import Visibility
from tests.support.builders import PRIVATE, PUBLIC
from tests.support.helpers import (
    audit_of,
    audited,
    completed,
    dossier,
    failed,
    harbor_at,
    look_again,
    page,
    settled,
    spaces_of,
    told,
)

MANY = tuple(f"s{number:02}" for number in range(30))


async def test_made_public_and_private_in_harbor_itself(name: str) -> None:
    with harbor_at("a", "b", "c") as place:
        await settled(name, place.url)
        await completed(set_space_visibility, name, ["a", "b"], "public")
        assert [place.public(each) for each in "abc"] == [True, True, False]
        await completed(set_space_visibility, name, ["a"], "private")
        assert [place.public(each) for each in "abc"] == [False, True, False]
        assert len(place.writes()) == 3
    known = spaces_of(name)
    assert (known["a"].desired, known["a"].observed) == (PRIVATE, PRIVATE)
    assert (known["b"].desired, known["b"].observed) == (PUBLIC, PUBLIC)
    assert known["c"].desired is None
    assert await told(name) == {"registry.integrated": 1, "space.visibility-set": 3}
    assert "set-visibility" in await page(f"plan-{name}")
    assert "1 public" not in await page(f"registry-{name}")


async def test_unknown_spaces_are_named_and_nothing_is_stored(name: str) -> None:
    with harbor_at("a") as place:
        await settled(name, place.url)
        message = await failed(set_space_visibility, name, ["a", "nope"], "public")
        assert "no space nope" in message
        assert place.writes() == []
    assert spaces_of(name)["a"].desired is None
    assert "there is no registry" in await failed(set_space_visibility, "gone", ["a"], "public")


async def test_in_a_docker_registry_visibility_is_the_platforms_own(name: str) -> None:
    registry = DockerRegistry()
    registry.add_repository("team/app")
    with running(registry.app) as url:
        await settled(name, url, "docker")
        await completed(set_space_visibility, name, ["team"], "public")
        await completed(create_space, name, ["later"], "public")
        registry.add_repository("later/app")
        assert (await look_again()).is_completed()
        assert {seen.method for seen in registry.requests} == {"GET"}
    known = spaces_of(name)
    assert (known["team"].desired, known["team"].visibility) == (PUBLIC, PUBLIC)
    assert (known["later"].visibility, known["later"].declared) == (PUBLIC, False)
    assert (await told(name))["space.appeared"] == 1


async def test_brakes_refuse_with_numbers_and_store_nothing(name: str) -> None:
    with harbor_at() as place:
        for each in MANY:
            place.harbor.add_project(each, public=True)
        await settled(name, place.url)
        message = await failed(set_space_visibility, name, [*MANY[:12]], "private")
        assert "make private 12 of 31 spaces (39%)" in message
        assert "Allow a large change" in message
        assert place.writes() == []
        assert {one.desired for one in spaces_of(name).values()} == {None}
        assert audited(name) == {"registry.integrated": 1}
        await completed(set_space_visibility, name, [*MANY[:12]], "private", allow_large=True)
        assert len(place.writes()) == 12
        assert not any(place.public(each) for each in MANY[:12])


async def test_created(name: str) -> None:
    with harbor_at() as place:
        await settled(name, place.url)
        await completed(create_space, name, ["new", "other"], "public")
        assert place.public("new")
        assert place.public("other")
    assert spaces_of(name)["new"].desired is PUBLIC
    assert not spaces_of(name)["new"].declared
    assert await told(name) == {"registry.integrated": 1, "space.created": 2}


@pytest.mark.parametrize("wanted", ["Upper/..", "x" * 256])
async def test_names_that_harbor_would_refuse(name: str, wanted: str) -> None:
    with harbor_at() as place:
        await settled(name, place.url)
        assert "is not a valid Harbor project" in await failed(create_space, name, [wanted])
        assert place.writes() == []
    assert set(spaces_of(name)) == {"library"}


async def test_one_that_is_there_already(name: str) -> None:
    with harbor_at("team") as place:
        await settled(name, place.url)
        assert "there already: team" in await failed(create_space, name, ["team"])
        assert place.writes() == []


async def test_one_that_somebody_made_a_moment_before_is_given_up(name: str) -> None:
    with harbor_at() as place:
        await settled(name, place.url)
        meanwhile = Call(lambda: place.harbor.add_project("team"))
        place.faults.add(Fault(meanwhile, "POST", r".*/projects"))
        assert "a space of that name exists" in await failed(create_space, name, ["team"])
        assert (await look_again()).is_completed()
        assert [status for _, status in place.writes()] == [409]
    assert spaces_of(name)["team"].desired is None
    assert await told(name) == {
        "registry.integrated": 1,
        "registry.degraded": 1,
        "registry.recovered": 1,
        "space.change-failed": 1,
        "space.appeared": 1,
    }


async def test_a_read_only_harbor_keeps_the_wish_and_gets_it_later(name: str) -> None:
    with harbor_at() as place:
        await settled(name, place.url)
        place.harbor.settings.read_only = True
        assert "read" in await failed(create_space, name, ["team"], "public")
        for _ in range(2):
            assert not (await look_again()).is_completed()
        assert spaces_of(name)["team"].declared
        assert dossier(name).diagnosis.health is Health.DEGRADED
        place.harbor.settings.read_only = False
        assert (await look_again()).is_completed()
        assert place.public("team")
    assert (spaces_of(name)["team"].declared, spaces_of(name)["team"].observed) == (False, PUBLIC)
    assert dossier(name).diagnosis.health is Health.HEALTHY
    assert await told(name) == {
        "registry.integrated": 1,
        "registry.degraded": 1,
        "registry.recovered": 1,
        "space.change-failed": 1,
        "space.created": 1,
    }


async def test_one_failed_change_does_not_hold_up_the_others(name: str) -> None:
    with harbor_at("a", "b", "c") as place:
        await settled(name, place.url)
        number = place.harbor.projects["b"].id
        place.faults.add(Fault(Answer(403, b"{}"), "PUT", rf".*/projects/{number}"))
        message = await failed(set_space_visibility, name, ["a", "b", "c"], "public")
        assert "1 of 3 changes failed" in message
        assert [place.public(each) for each in "abc"] == [True, False, True]
        synced = next(one for one in dossier(name).conditions if one.type is ConditionType.SYNCED)
        assert synced.status is Status.FALSE
        assert (await look_again()).is_completed()
        assert place.public("b")
    assert {row.subject for row in audit_of(name) if row.what == "space.change-failed"} == {"b"}
    assert (await told(name))["space.visibility-set"] == 3


async def test_wishes_survive_a_registry_that_is_down(name: str) -> None:
    with harbor_at("a") as place:
        await settled(name, place.url)
        place.faults.add(Fault(Answer(500), times=None))
        assert "answered 500" in await failed(set_space_visibility, name, ["a"], "public")
        assert spaces_of(name)["a"].desired is Visibility.PUBLIC
        place.faults.clear()
        assert (await look_again()).is_completed()
        assert place.public("a")
