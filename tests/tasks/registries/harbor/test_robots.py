"""Our robot accounts as a look shows them: all of them, or none at all."""

import time

import pytest

from deployments.simulators.fault_actions import FaultAction
from deployments.simulators.faults import CutConnection, Fault, Respond, RunCallback
from deployments.simulators.harbor import Permission
from models.core.availability import Complete
from models.core.reasons import Reason
from models.registries.observation import NOT_REQUESTED, Snapshot
from models.registries.robots import ObservedRobot, OwnershipMark, observer_name, robot_name
from tasks.registries.harbor.robot_wire import Robot
from tests.tasks.registries.robot_tools import LIST, MARK, NAME, HarborTestbed
from tests.tasks.registries.tools import (
    INSTALLATION,
    create_robot,
    items,
    observe_registry,
    open_client,
    with_wrong_password,
)


def _unavailable_reason(snapshot: Snapshot) -> Reason:
    assert not isinstance(snapshot.robots, Complete)
    return snapshot.robots.reason


async def test_ours_are_seen_as_they_are(testbed: HarborTestbed) -> None:
    robot = testbed.add(NAME, "red", "blue")
    milliseconds = robot.created.microsecond // 1000 * 1000
    assert await testbed.robots() == (
        ObservedRobot(
            id=robot.id,
            login=f"robot${NAME}",
            mark=MARK,
            spaces=("blue", "red"),
            created_at=robot.created.replace(microsecond=milliseconds),
            updated_at=robot.created.replace(microsecond=milliseconds),
        ),
    )
    robot.disable, robot.expires_at = True, 1798018330
    (observed_robot,) = await testbed.robots()
    assert (observed_robot.disabled, observed_robot.has_expiry, observed_robot.name) == (
        True,
        True,
        NAME,
    )


async def test_none_are_listed_unless_asked_for(testbed: HarborTestbed) -> None:
    testbed.add(NAME, "red")
    assert (await observe_registry(testbed.url)).robots == NOT_REQUESTED
    assert testbed.faults.count(path=LIST) == 0


async def test_others_are_left_out(testbed: HarborTestbed) -> None:
    testbed.add(NAME, "red")
    for number, text in enumerate(
        ["", "by hand", OwnershipMark(installation="ffffffff", workspace="a").text]
    ):
        testbed.add(f"ri-{INSTALLATION}-x{number}", "red", description=text)
    testbed.add(
        "ri-ffffffff-team-a",
        "red",
        description=OwnershipMark(installation="ffffffff", workspace="team-a").text,
    )
    (observed_robot,) = await testbed.robots()
    assert observed_robot.name == NAME


@pytest.mark.parametrize(
    ("permission", "spaces"),
    [
        (Permission("project", "*", None, (("repository", "pull"),)), ("*", "red")),
        (Permission("system", "/", None, (("project", "list"),)), ("red",)),
        (Permission("project", "blue", 4, (("repository", "push"),)), ("blue", "red")),
        (
            Permission("project", "blue", 4, (("repository", "pull"), ("tag", "list"))),
            ("blue", "red"),
        ),
    ],
)
async def test_more_than_pulling_is_not_exact(
    testbed: HarborTestbed, permission: Permission, spaces: tuple[str, ...]
) -> None:
    robot = testbed.add(NAME, "red")
    assert [item.pull_only for item in await testbed.robots()] == [True]
    robot.permissions += (permission,)
    (observed_robot,) = await testbed.robots()
    assert (observed_robot.pull_only, observed_robot.spaces) == (False, spaces)


def test_a_right_that_is_denied_is_not_exact() -> None:
    access = [{"resource": "repository", "action": "pull", "effect": "deny"}]
    permissions = [{"kind": "project", "namespace": "red", "access": access}]
    row = {"id": 1, "name": NAME, "description": MARK.text, "permissions": permissions}
    observed_robot = Robot.model_validate(row).to_observed(INSTALLATION)
    assert observed_robot is not None
    assert not observed_robot.pull_only
    assert Robot.model_validate({**row, "level": "project"}).to_observed(INSTALLATION) is None


async def test_a_space_that_was_deleted_or_made_anew_is_not_granted_any_more(
    testbed: HarborTestbed,
) -> None:
    testbed.add(NAME, "red", "blue")
    testbed.harbor.delete_project("red")
    (observed_robot,) = await testbed.robots()
    assert (observed_robot.spaces, observed_robot.pull_only) == (("blue",), True)
    testbed.harbor.add_project("red")
    (observed_robot,) = await testbed.robots()
    assert observed_robot.spaces == ("blue",)
    testbed.harbor.delete_project("blue")
    (observed_robot,) = await testbed.robots()
    assert observed_robot.spaces == ()


async def test_many_are_read_in_pages(testbed: HarborTestbed) -> None:
    for number in range(250):
        workspace = f"w{number:03}"
        mark = OwnershipMark(installation=INSTALLATION, workspace=workspace)
        testbed.add(robot_name(INSTALLATION, workspace), "red", description=mark.text)
    assert len({robot.login for robot in await testbed.robots()}) == 250
    assert testbed.faults.count(path=LIST) == 3
    assert testbed.writes() == []


async def test_pages_that_shift_are_read_again_or_not_believed(testbed: HarborTestbed) -> None:
    for number in range(150):
        testbed.add(f"ri-{INSTALLATION}-w{number}", "red")

    def one_more() -> None:
        testbed.add(f"ri-{INSTALLATION}-x{len(testbed.harbor.robots)}", "red")

    page_2 = r".*/robots\?.*page=2&.*"
    testbed.faults.add(Fault(RunCallback(one_more), path=page_2))
    assert len(await testbed.robots()) == 151
    testbed.faults.add(Fault(RunCallback(one_more), path=page_2, times=None))
    snapshot = await testbed.observe()
    assert _unavailable_reason(snapshot) is Reason.PAGES_SHIFTED
    assert len(items(snapshot)) == 5


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Respond(401), Reason.UNAUTHORIZED),
        (Respond(403), Reason.FORBIDDEN),
        (Respond(500), Reason.SERVER_BROKEN),
        (Respond(200, b"[]"), Reason.SERVER_BROKEN),
        (
            Respond(200, b'[{"id": 0, "name": "x"}]', (("X-Total-Count", "1"),)),
            Reason.SERVER_BROKEN,
        ),
        (CutConnection(), Reason.UNREACHABLE),
    ],
)
async def test_a_list_that_fails_is_unseen_and_the_spaces_are_seen(
    testbed: HarborTestbed, action: FaultAction, reason: Reason
) -> None:
    testbed.faults.add(Fault(action, path=LIST, times=None))
    snapshot = await testbed.observe()
    assert _unavailable_reason(snapshot) is reason
    assert len(items(snapshot)) == 5


async def test_a_stranger_lists_nothing(testbed: HarborTestbed) -> None:
    testbed.add(NAME, "red")
    assert (
        _unavailable_reason(await testbed.observe(with_wrong_password())) is Reason.BAD_CREDENTIALS
    )
    assert testbed.faults.count(path=LIST) == 0


async def test_who_may_edit_is_told(testbed: HarborTestbed) -> None:
    testbed.add(NAME, "red")
    assert (await testbed.observe()).can_update_robots
    service = testbed.service()
    snapshot = await testbed.observe(service)
    assert not snapshot.can_update_robots
    assert [robot.name for robot in await testbed.robots(service)] == [NAME]


async def test_our_observer_is_among_them(testbed: HarborTestbed) -> None:
    mark = OwnershipMark(installation=INSTALLATION, workspace="")
    testbed.add(observer_name(INSTALLATION), description=mark.text)
    (observed_robot,) = await testbed.robots()
    assert (observed_robot.mark, observed_robot.name) == (mark, observer_name(INSTALLATION))


async def test_a_secret_that_works_is_accepted(testbed: HarborTestbed) -> None:
    await testbed.make(create_robot("red"))
    async with open_client(testbed.url) as client:
        assert await client.can_log_in(testbed.store.credential) is True


@pytest.mark.parametrize("fault", ["disabled", "deleted", "another secret"])
async def test_one_that_does_not_is_refused(testbed: HarborTestbed, fault: str) -> None:
    await testbed.make(create_robot("red"))
    robot = testbed.robot()
    if fault == "deleted":
        del testbed.harbor.robots[robot.id]
    robot.disable, robot.secret = fault == "disabled", "Another12345"
    async with open_client(testbed.url) as client:
        assert await client.can_log_in(testbed.store.credential) is False


async def test_a_refusal_while_the_name_is_locked_says_nothing(testbed: HarborTestbed) -> None:
    """Somebody tried a wrong one: for a while Harbor refuses the right one too, and at once."""
    await testbed.make(create_robot("red"))
    testbed.harbor.locked_until[testbed.store.account.login] = time.monotonic() + 60
    async with open_client(testbed.url) as client:
        assert await client.can_log_in(testbed.store.credential) is None


async def test_a_refusal_while_the_database_is_down_says_nothing(testbed: HarborTestbed) -> None:
    await testbed.make(create_robot("red"))
    testbed.harbor.database_up = False
    async with open_client(testbed.url) as client:
        assert await client.can_log_in(testbed.store.credential) is None


async def test_a_slow_refusal_while_the_database_is_down_says_nothing(
    testbed: HarborTestbed,
) -> None:
    await testbed.make(create_robot("red"))
    testbed.harbor.unhealthy_components["database"] = "slow"
    async with open_client(testbed.url) as client:
        assert await client.can_log_in(with_wrong_password(testbed.store.credential)) is None


@pytest.mark.parametrize(
    "action",
    [
        Respond(500),
        Respond(404),
        Respond(302),
        CutConnection(),
        Respond(200, b"<html>", (("Content-Type", "text/html"),)),
    ],
)
async def test_any_other_answer_says_nothing(testbed: HarborTestbed, action: FaultAction) -> None:
    await testbed.make(create_robot("red"))
    testbed.faults.add(Fault(action, path="/service/token.*", times=None))
    async with open_client(testbed.url) as client:
        assert await client.can_log_in(testbed.store.credential) is None


async def test_a_login_is_asked_with_that_credential_only(testbed: HarborTestbed) -> None:
    await testbed.make(create_robot("red"))
    testbed.harbor.requests.clear()
    async with open_client(testbed.url) as client:
        await client.can_log_in(testbed.store.credential)
    assert [request.user for request in testbed.harbor.requests] == [testbed.store.account.login]
