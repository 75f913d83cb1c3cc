"""Our own read-only robot account: it reads the lists, and never decides that they are whole."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

from deployments.simulators.faults import CutConnection, Fault, Respond, RunCallback
from models.core.availability import Complete
from models.core.errors import Conflict
from models.core.reasons import Reason
from models.registries.observation import Snapshot
from models.registries.robots import OwnershipMark, RobotAccount, observer_name
from tasks.registries.harbor import HarborClient, open_harbor
from tasks.registries.protocol import ClientOptions, Credential
from tests.support.builders import registry
from tests.tasks.registries.robot_tools import (
    LIST,
    NAME,
    ROBOTS,
    CutBefore,
    HarborTestbed,
    robot_fault,
)
from tests.tasks.registries.tools import (
    ADMIN,
    DOUBT,
    INSTALLATION,
    QUICK,
    RobotStore,
    items,
    unavailable_reason,
)

OBSERVER = observer_name(INSTALLATION)
MARK = OwnershipMark(installation=INSTALLATION, registry="prod", workspace="")
PAGES = r".*/projects\?.*"
LISTS = ("/api/v2.0/projects", ROBOTS)
OBSERVER_RIGHTS = {("project", "list"), ("robot", "list"), ("quota", "list"), ("quota", "read")}


@asynccontextmanager
async def _client(
    testbed: HarborTestbed, observer: Credential | None = None, credential: Credential = ADMIN
) -> AsyncIterator[HarborClient]:
    target = registry(address=testbed.url)
    options = ClientOptions(credential, QUICK, observer_credential=observer)
    async with open_harbor(target, options, DOUBT) as client:
        yield client


async def _make_observer(
    testbed: HarborTestbed, credential: Credential = ADMIN
) -> RobotAccount | None:
    async with _client(testbed, credential=credential) as client:
        return await client.create_observer(INSTALLATION, testbed.store.save)


async def _observe(
    testbed: HarborTestbed, observer: Credential | None = None, credential: Credential = ADMIN
) -> Snapshot:
    testbed.harbor.requests.clear()
    async with _client(testbed, observer, credential) as client:
        return await client.observe(INSTALLATION)


def _users(testbed: HarborTestbed, *paths: str) -> set[str | None]:
    return {request.user for request in testbed.harbor.requests if request.path in paths}


async def test_it_may_read_and_nothing_else(testbed: HarborTestbed) -> None:
    grant = await _make_observer(testbed)
    assert testbed.store.kept[0][0] == grant
    assert grant is not None
    assert (grant.workspace, grant.login, grant.spaces) == ("", f"robot${OBSERVER}", ())
    robot = testbed.robot(OBSERVER)
    (permission,) = robot.permissions
    assert (permission.kind, permission.namespace, set(permission.access)) == (
        "system",
        "/",
        OBSERVER_RIGHTS,
    )
    assert (robot.description, robot.duration) == (MARK.text, -1)
    assert not await testbed.pulls("red")


async def test_it_reads_the_lists_and_the_administrator_proves_them(testbed: HarborTestbed) -> None:
    await _make_observer(testbed)
    testbed.add(NAME, "red")
    snapshot = await _observe(testbed, testbed.store.credential)
    assert snapshot.observer_usable is True
    assert len(items(snapshot)) == 5
    assert isinstance(snapshot.robots, Complete)
    assert {robot.name for robot in snapshot.robots.items} == {NAME, OBSERVER}
    assert snapshot.can_update_robots
    assert _users(testbed, *LISTS) == {testbed.store.account.login}
    proofs = ("/api/v2.0/users/current", "/api/v2.0/statistics", "/api/v2.0/systeminfo")
    assert _users(testbed, *proofs) == {"admin"}
    assert testbed.harbor.requests.writes() == []


async def test_without_one_nothing_is_said_of_it(testbed: HarborTestbed) -> None:
    assert (await _observe(testbed)).observer_usable is None


@pytest.mark.parametrize("version", ["v2.9.0", "v2.10.0", "v2.11.2"])
async def test_none_is_made_where_harbor_knows_no_such_rights(
    testbed: HarborTestbed, version: str
) -> None:
    testbed.harbor.version = version
    assert await _make_observer(testbed) is None
    assert testbed.writes() == []


async def test_a_robot_needs_none_and_uses_none(testbed: HarborTestbed) -> None:
    service = testbed.service()
    assert await _make_observer(testbed, service) is None
    assert testbed.writes() == []
    await _make_observer(testbed)
    snapshot = await _observe(testbed, testbed.store.credential, service)
    assert snapshot.observer_usable is None
    assert _users(testbed, *LISTS) == {service.username}


@pytest.mark.parametrize("fault", ["wrong secret", "deleted", "disabled", "no list", "no robots"])
async def test_one_that_does_not_see_all_is_told_and_the_lists_are_whole(
    testbed: HarborTestbed, fault: str
) -> None:
    await _make_observer(testbed)
    credential, robot = testbed.store.credential, testbed.robot(OBSERVER)
    if fault == "wrong secret":
        credential = Credential(credential.username, SecretStr("Wrong12345"))
    elif fault == "deleted":
        del testbed.harbor.robots[robot.id]
    elif fault == "disabled":
        robot.disable = True
    else:
        missing_right = ("project", "list") if fault == "no list" else ("robot", "list")
        (permission,) = robot.permissions
        reduced = replace(
            permission, access=tuple(right for right in permission.access if right != missing_right)
        )
        robot.permissions = (reduced, *testbed.add("x", "red").permissions)
    snapshot = await _observe(testbed, credential)
    assert snapshot.observer_usable is False
    assert len(items(snapshot)) == 5
    assert snapshot.robots.is_complete
    assert _users(testbed, *LISTS) == {testbed.store.account.login, "admin"}


@pytest.mark.parametrize("path", [PAGES, LIST])
async def test_a_harbor_that_fails_is_not_asked_twice(testbed: HarborTestbed, path: str) -> None:
    await _make_observer(testbed)
    testbed.faults.add(Fault(Respond(500), path=path, times=None))
    snapshot = await _observe(testbed, testbed.store.credential)
    assert snapshot.observer_usable is None
    assert snapshot.first_unavailable is not None
    assert snapshot.first_unavailable.reason is Reason.SERVER_BROKEN
    assert _users(testbed, *LISTS) == {testbed.store.account.login}


async def test_a_project_that_is_created_meanwhile_is_no_fault_of_it(
    testbed: HarborTestbed,
) -> None:
    await _make_observer(testbed)
    testbed.faults.add(
        Fault(RunCallback(lambda: testbed.harbor.add_project("new")), path=".*/statistics")
    )
    snapshot = await _observe(testbed, testbed.store.credential)
    assert snapshot.observer_usable is True
    assert len(items(snapshot)) == 6


async def test_projects_that_keep_coming_are_no_fault_of_it_either(testbed: HarborTestbed) -> None:
    await _make_observer(testbed)

    def one_more() -> None:
        testbed.harbor.add_project(f"new{len(testbed.harbor.projects)}")

    testbed.faults.add(Fault(RunCallback(one_more), path=".*/statistics", times=None))
    snapshot = await _observe(testbed, testbed.store.credential)
    assert snapshot.observer_usable is None
    assert unavailable_reason(snapshot) is Reason.PAGES_SHIFTED


async def test_a_total_that_is_not_told_is_no_proof(testbed: HarborTestbed) -> None:
    await _make_observer(testbed)
    no_total = Respond(200, b'{"total_project_count": 0}')
    testbed.faults.add(Fault(no_total, path=".*/statistics", times=2))
    snapshot = await _observe(testbed, testbed.store.credential)
    assert snapshot.observer_usable is False
    assert len(items(snapshot)) == 5


async def test_made_again_it_has_another_secret(testbed: HarborTestbed) -> None:
    first, second = await _make_observer(testbed), await _make_observer(testbed)
    assert first is not None
    assert second is not None
    assert (first.robot_id, first.login) == (second.robot_id, second.login)
    before, after = (secret.get_secret_value() for _, secret in testbed.store.kept)
    assert before != after
    assert (await _observe(testbed, testbed.store.credential)).observer_usable is True


@pytest.mark.parametrize("action", [CutConnection(), CutBefore()])
async def test_a_lost_answer(testbed: HarborTestbed, action: CutConnection | CutBefore) -> None:
    testbed.faults.add(robot_fault("POST", action))
    async with _client(testbed) as client:
        try:
            await client.create_observer(INSTALLATION, testbed.store.save)
        except Exception:
            assert isinstance(action, CutBefore)
            await client.create_observer(INSTALLATION, testbed.store.save)
    assert (await _observe(testbed, testbed.store.credential)).observer_usable is True


async def test_one_that_is_not_ours_is_in_the_way(testbed: HarborTestbed) -> None:
    other = testbed.add(OBSERVER, "red", description="made by hand")
    async with _client(testbed) as client:
        with pytest.raises(Conflict, match="already exists"):
            await client.create_observer(INSTALLATION, RobotStore().save)
        with pytest.raises(Conflict, match="already exists"):
            await client.delete_observer(INSTALLATION)
    assert testbed.harbor.robots[other.id].description == "made by hand"


async def test_it_is_revoked(testbed: HarborTestbed) -> None:
    await _make_observer(testbed)
    testbed.add(NAME, "red")
    async with _client(testbed) as client:
        assert await client.delete_observer(INSTALLATION) is True
        assert await client.delete_observer(INSTALLATION) is False
    assert [robot.stored for robot in testbed.harbor.robots.values()] == [NAME]
