"""Robot accounts made, edited and revoked: their rights, their secrets, and who may pull then."""

import pytest

from deployments.simulators.faults import Fault, RunCallback
from models.core import errors
from models.core.errors import Forbidden, NotFound, Rejected
from models.core.reasons import Reason
from models.registries.changes import RobotChange
from tasks import clock
from tests.support.builders import success
from tests.support.errors import raises_reason
from tests.tasks.registries.robot_tools import ALL, MARK, NAME, ROBOTS, HarborTestbed
from tests.tasks.registries.tools import (
    create_robot,
    delete_robot,
    update_robot,
    with_wrong_password,
)

PULL = (("repository", "pull"),)


async def test_a_grant_is_made_and_pulls_what_was_granted(testbed: HarborTestbed) -> None:
    change, before = create_robot("red", "green"), clock.now()
    assert await testbed.make(change) == success(change)
    robot, grant = testbed.robot(), testbed.store.account
    assert (robot.level, robot.duration, robot.disable) == ("system", -1, False)
    assert robot.description == MARK.text
    assert testbed.rights() == {"red": PULL, "green": PULL}
    assert (grant.registry, grant.workspace, grant.robot_id) == ("prod", "team-a", robot.id)
    assert (grant.login, grant.spaces) == (f"robot${NAME}", ("red", "green"))
    assert before <= grant.secret_created_at <= clock.now()
    pulled = {space: await testbed.pulls(space) for space in ("red", "green", "blue", "other")}
    assert pulled == {"red": True, "green": True, "blue": False, "other": False}
    assert testbed.writes() == ["POST"]


async def test_an_edit_keeps_the_secret(testbed: HarborTestbed) -> None:
    await testbed.make(create_robot("red", "green"))
    change = update_robot(testbed.robot().id, "green", "blue")
    assert await testbed.make(change) == success(change)
    pulled = {space: await testbed.pulls(space) for space in ("red", "green", "blue")}
    assert pulled == {"red": False, "green": True, "blue": True}
    assert len(testbed.store.kept) == 1
    assert testbed.writes() == ["POST", "PUT"]


@pytest.mark.parametrize("again", [1, 2])
async def test_an_edit_sets_right_whatever_was_changed_by_hand(
    testbed: HarborTestbed, again: int
) -> None:
    robot = testbed.add(NAME, "red")
    robot.disable, robot.description, robot.duration, robot.expires_at = True, "x", 1, 1
    for _ in range(again):
        await testbed.make(update_robot(robot.id, "green"))
    assert (robot.disable, robot.description) == (False, MARK.text)
    assert (robot.duration, robot.expires_at) == (-1, -1)
    assert testbed.rights() == {"green": PULL}


async def test_two_hundred_spaces(testbed: HarborTestbed) -> None:
    spaces = tuple(f"s{number:03}" for number in range(200))
    for space in spaces:
        testbed.harbor.add_project(space)
    await testbed.make(create_robot(*spaces))
    await testbed.make(update_robot(testbed.robot().id, *spaces[:199]))
    (observed_robot,) = await testbed.robots()
    assert (observed_robot.spaces, observed_robot.pull_only) == (spaces[:199], True)


async def test_a_revoked_grant_pulls_nothing(testbed: HarborTestbed) -> None:
    await testbed.make(create_robot("red"))
    change = delete_robot(testbed.robot().id)
    assert await testbed.make(change) == success(change)
    assert not await testbed.pulls("red")
    assert not testbed.harbor.robots


async def test_a_robot_that_is_gone_already_is_revoked(testbed: HarborTestbed) -> None:
    outcome = await testbed.make(delete_robot(999))
    assert (outcome.succeeded, outcome.reason) == (True, Reason.UNCHANGED)


async def test_no_other_robot_is_revoked_under_an_old_id(testbed: HarborTestbed) -> None:
    """Harbor never gives an id twice, not even one that a refused creation used up."""
    await testbed.make(create_robot("red"))
    old = testbed.robot().id
    await testbed.make(delete_robot(old))
    await testbed.make(create_robot("red"))
    assert testbed.robot().id > old
    await testbed.make(delete_robot(old))
    assert len(testbed.harbor.robots) == 1


async def test_editing_a_robot_that_is_gone_fails(testbed: HarborTestbed) -> None:
    with pytest.raises(
        NotFound, match="the robot account no longer exists; the next run creates a new one"
    ):
        await testbed.make(update_robot(999, "red"))


@pytest.mark.parametrize("edits", [True, False])
async def test_a_space_that_is_gone_is_told_from_a_robot_that_is(
    testbed: HarborTestbed, edits: bool
) -> None:
    robot = testbed.add(NAME, "red") if edits else None
    change = update_robot(robot.id, "red", "ghost") if robot else create_robot("red", "ghost")
    with pytest.raises(NotFound, match="the space ghost no longer exists") as excinfo:
        await testbed.make(change)
    assert excinfo.value.reason is Reason.SPACES_MISSING
    assert testbed.store.kept == []


async def test_a_prefix_that_was_changed_since_the_look(testbed: HarborTestbed) -> None:
    await testbed.make(create_robot("red"))
    robot = testbed.robot()
    testbed.harbor.settings.robot_name_prefix = "bot-"
    (observed_robot,) = await testbed.robots()
    assert (observed_robot.login, observed_robot.name) == (f"bot-{NAME}", NAME)
    await testbed.make(update_robot(robot.id, "green", login=f"robot${NAME}"))
    assert testbed.rights() == {"green": PULL}
    await testbed.make(create_robot("blue", replaces=robot.id))
    assert testbed.store.account.login == f"bot-{NAME}"
    assert await testbed.pulls("blue")


async def test_a_request_that_harbor_refuses_says_why(testbed: HarborTestbed) -> None:
    with pytest.raises(Rejected, match="bad request empty permission"):
        await testbed.make(create_robot())
    robot = testbed.add(NAME, "red")
    with pytest.raises(Rejected, match="bad request empty permission"):
        await testbed.make(update_robot(robot.id))


@pytest.mark.parametrize("change", [create_robot("red"), update_robot(1, "red"), delete_robot(1)])
async def test_read_only(testbed: HarborTestbed, change: RobotChange) -> None:
    testbed.add(NAME, "red")
    testbed.harbor.settings.read_only = True
    with raises_reason(Reason.READ_ONLY, "read only mode"):
        await testbed.make(change)


@pytest.mark.parametrize("change", [create_robot("red"), update_robot(1, "red"), delete_robot(1)])
async def test_a_wrong_password_is_tried_once(testbed: HarborTestbed, change: RobotChange) -> None:
    with pytest.raises(errors.Unauthorized):
        await testbed.make(change, with_wrong_password())
    assert len(testbed.harbor.requests) == 1


async def test_a_robot_may_grant_and_revoke(testbed: HarborTestbed) -> None:
    service = testbed.service()
    await testbed.make(create_robot("red"), service)
    assert await testbed.pulls("red")
    await testbed.make(delete_robot(testbed.robot().id), service)
    assert not await testbed.pulls("red")


async def test_a_robot_never_edits(testbed: HarborTestbed) -> None:
    robot = testbed.add(NAME, "red")
    with pytest.raises(Forbidden, match="a robot account cannot edit another one"):
        await testbed.make(update_robot(robot.id, "green"), testbed.service())
    assert testbed.rights() == {"red": PULL}


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (("system", "/", "robot", "create"), "the credential lacks robot:create on the system"),
        (("project", "*", "repository", "pull"), "give it repository:pull on all projects"),
    ],
)
async def test_a_robot_that_may_not_grant_is_told_why(
    testbed: HarborTestbed, missing: tuple[str, ...], message: str
) -> None:
    assert missing in ALL
    with pytest.raises(Forbidden, match=message.replace("*", r"\*")):
        await testbed.make(create_robot("red"), testbed.service(missing))


async def test_a_robot_that_may_not_revoke_is_told_why(testbed: HarborTestbed) -> None:
    robot = testbed.add(NAME, "red")
    with pytest.raises(Forbidden, match="the credential lacks robot:delete on the system"):
        await testbed.make(
            delete_robot(robot.id), testbed.service(("system", "/", "robot", "delete"))
        )


async def test_one_edit_after_another_wins(testbed: HarborTestbed) -> None:
    """Harbor has no version check: who writes last has said what holds."""
    robot = testbed.add(NAME, "red")

    def meanwhile() -> None:
        robot.disable = True

    testbed.faults.add(Fault(RunCallback(meanwhile), "PUT", f"{ROBOTS}/.*"))
    await testbed.make(update_robot(robot.id, "blue"))
    assert (testbed.rights(), robot.disable) == ({"blue": PULL}, False)


@pytest.mark.parametrize("version", ["v2.9.0", "v2.10.3", "v2.11.0", "v2.12.0", "v2.15.2"])
async def test_every_supported_version(testbed: HarborTestbed, version: str) -> None:
    testbed.harbor.version = version
    await testbed.make(create_robot("red"))
    await testbed.make(update_robot(testbed.robot().id, "green"))
    await testbed.make(create_robot("blue", replaces=testbed.robot().id))
    assert await testbed.pulls("blue")
    (observed_robot,) = await testbed.robots()
    assert (observed_robot.spaces, observed_robot.pull_only) == (("blue",), True)
    await testbed.make(delete_robot(observed_robot.id))
    assert not testbed.harbor.robots
