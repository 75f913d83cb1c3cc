"""Our own read-only robot account: it reads the lists, and never decides that they are whole."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

from deployments.simulators.faults import Answer, Call, Cut, Fault
from models.core.availability import Seen
from models.core.errors import Conflict
from models.core.reasons import Reason
from models.registries.observation import Snapshot
from models.registries.robots import Grant, Mark, observer_name
from tasks.registries.factory import connect
from tasks.registries.harbor import Harbor
from tasks.registries.protocol import Credential
from tests.support.builders import registry
from tests.tasks.registries.robot_tools import LIST, NAME, ROBOTS, Before, Scene, on
from tests.tasks.registries.tools import (
    ADMIN,
    DOUBT,
    INSTALLATION,
    QUICK,
    Safe,
    items,
    why_unseen,
)

OBSERVER = observer_name(INSTALLATION)
MARK = Mark(installation=INSTALLATION, registry="prod", workspace="")
PAGES = r".*/projects\?.*"
LISTS = ("/api/v2.0/projects", ROBOTS)
MAY = {("project", "list"), ("robot", "list"), ("quota", "list"), ("quota", "read")}


@asynccontextmanager
async def _client(
    place: Scene, observer: Credential | None = None, credential: Credential = ADMIN
) -> AsyncIterator[Harbor]:
    whom = registry(address=place.url)
    async with connect(whom, credential, QUICK, doubt=DOUBT, observer=observer) as client:
        assert isinstance(client, Harbor)
        yield client


async def _made(place: Scene, credential: Credential = ADMIN) -> Grant | None:
    async with _client(place, credential=credential) as client:
        return await client.make_observer(INSTALLATION, place.safe.keep)


async def _look(
    place: Scene, observer: Credential | None = None, credential: Credential = ADMIN
) -> Snapshot:
    place.harbor.requests.clear()
    async with _client(place, observer, credential) as client:
        return await client.look(INSTALLATION)


def _who(place: Scene, *paths: str) -> set[str | None]:
    return {one.user for one in place.harbor.requests if one.path in paths}


async def test_it_may_read_and_nothing_else(place: Scene) -> None:
    grant = await _made(place)
    assert place.safe.kept[0][0] == grant
    assert grant is not None
    assert (grant.workspace, grant.login, grant.spaces) == ("", f"robot${OBSERVER}", ())
    robot = place.robot(OBSERVER)
    (held,) = robot.permissions
    assert (held.kind, held.namespace, set(held.access)) == ("system", "/", MAY)
    assert (robot.description, robot.duration) == (MARK.text, -1)
    assert not await place.pulls("red")


async def test_it_reads_the_lists_and_the_administrator_proves_them(place: Scene) -> None:
    await _made(place)
    place.add(NAME, "red")
    snapshot = await _look(place, place.safe.credential)
    assert snapshot.observer_works is True
    assert len(items(snapshot)) == 5
    assert isinstance(snapshot.robots, Seen)
    assert {one.name for one in snapshot.robots.items} == {NAME, OBSERVER}
    assert snapshot.edits_robots
    assert _who(place, *LISTS) == {place.safe.grant.login}
    proofs = ("/api/v2.0/users/current", "/api/v2.0/statistics", "/api/v2.0/systeminfo")
    assert _who(place, *proofs) == {"admin"}
    assert place.harbor.requests.writes() == []


async def test_without_one_nothing_is_said_of_it(place: Scene) -> None:
    assert (await _look(place)).observer_works is None


@pytest.mark.parametrize("version", ["v2.9.0", "v2.10.0", "v2.11.2"])
async def test_none_is_made_where_harbor_knows_no_such_rights(place: Scene, version: str) -> None:
    place.harbor.version = version
    assert await _made(place) is None
    assert place.writes() == []


async def test_a_robot_needs_none_and_uses_none(place: Scene) -> None:
    service = place.service()
    assert await _made(place, service) is None
    assert place.writes() == []
    await _made(place)
    snapshot = await _look(place, place.safe.credential, service)
    assert snapshot.observer_works is None
    assert _who(place, *LISTS) == {service.username}


@pytest.mark.parametrize("fault", ["wrong secret", "deleted", "disabled", "no list", "no robots"])
async def test_one_that_does_not_see_all_is_told_and_the_lists_are_whole(
    place: Scene, fault: str
) -> None:
    await _made(place)
    credential, robot = place.safe.credential, place.robot(OBSERVER)
    if fault == "wrong secret":
        credential = Credential(credential.username, SecretStr("Wrong12345"))
    elif fault == "deleted":
        del place.harbor.robots[robot.id]
    elif fault == "disabled":
        robot.disable = True
    else:
        lost = ("project", "list") if fault == "no list" else ("robot", "list")
        (held,) = robot.permissions
        kept = replace(held, access=tuple(one for one in held.access if one != lost))
        robot.permissions = (kept, *place.add("x", "red").permissions)
    snapshot = await _look(place, credential)
    assert snapshot.observer_works is False
    assert len(items(snapshot)) == 5
    assert snapshot.robots.seen
    assert _who(place, *LISTS) == {place.safe.grant.login, "admin"}


@pytest.mark.parametrize("path", [PAGES, LIST])
async def test_a_harbor_that_fails_is_not_asked_twice(place: Scene, path: str) -> None:
    await _made(place)
    place.faults.add(Fault(Answer(500), path=path, times=None))
    snapshot = await _look(place, place.safe.credential)
    assert snapshot.observer_works is None
    assert snapshot.hidden is not None
    assert snapshot.hidden.reason is Reason.SERVER_BROKEN
    assert _who(place, *LISTS) == {place.safe.grant.login}


async def test_a_project_that_is_created_meanwhile_is_no_fault_of_it(place: Scene) -> None:
    await _made(place)
    place.faults.add(Fault(Call(lambda: place.harbor.add_project("new")), path=".*/statistics"))
    snapshot = await _look(place, place.safe.credential)
    assert snapshot.observer_works is True
    assert len(items(snapshot)) == 6


async def test_projects_that_keep_coming_are_no_fault_of_it_either(place: Scene) -> None:
    await _made(place)

    def one_more() -> None:
        place.harbor.add_project(f"new{len(place.harbor.projects)}")

    place.faults.add(Fault(Call(one_more), path=".*/statistics", times=None))
    snapshot = await _look(place, place.safe.credential)
    assert snapshot.observer_works is None
    assert why_unseen(snapshot) is Reason.PAGES_SHIFTED


async def test_a_total_that_is_not_told_is_no_proof(place: Scene) -> None:
    await _made(place)
    untold = Answer(200, b'{"total_project_count": 0}')
    place.faults.add(Fault(untold, path=".*/statistics", times=2))
    snapshot = await _look(place, place.safe.credential)
    assert snapshot.observer_works is False
    assert len(items(snapshot)) == 5


async def test_made_again_it_has_another_secret(place: Scene) -> None:
    first, second = await _made(place), await _made(place)
    assert first is not None
    assert second is not None
    assert (first.robot_id, first.login) == (second.robot_id, second.login)
    before, after = (secret.get_secret_value() for _, secret in place.safe.kept)
    assert before != after
    assert (await _look(place, place.safe.credential)).observer_works is True


@pytest.mark.parametrize("action", [Cut(), Before()])
async def test_a_lost_answer(place: Scene, action: Cut | Before) -> None:
    place.faults.add(on("POST", action))
    async with _client(place) as client:
        try:
            await client.make_observer(INSTALLATION, place.safe.keep)
        except Exception:
            assert isinstance(action, Before)
            await client.make_observer(INSTALLATION, place.safe.keep)
    assert (await _look(place, place.safe.credential)).observer_works is True


async def test_one_that_is_not_ours_is_in_the_way(place: Scene) -> None:
    other = place.add(OBSERVER, "red", description="made by hand")
    async with _client(place) as client:
        with pytest.raises(Conflict, match="is in the way"):
            await client.make_observer(INSTALLATION, Safe().keep)
        with pytest.raises(Conflict, match="is in the way"):
            await client.revoke_observer(INSTALLATION)
    assert place.harbor.robots[other.id].description == "made by hand"


async def test_it_is_revoked(place: Scene) -> None:
    await _made(place)
    place.add(NAME, "red")
    async with _client(place) as client:
        assert await client.revoke_observer(INSTALLATION) is True
        assert await client.revoke_observer(INSTALLATION) is False
    assert [one.stored for one in place.harbor.robots.values()] == [NAME]
