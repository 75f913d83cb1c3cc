"""Secrets that Harbor tells once: lost on the way, not kept, or of a robot that is not ours."""

import json

import pytest

from deployments.simulators.fault_actions import FaultAction
from deployments.simulators.faults import CutConnection, Delay, Respond, TruncateBody
from models.core import errors
from models.core.errors import Conflict, RemoteError
from models.core.reasons import Reason
from models.registries.robots import OwnershipMark
from tests.support.builders import success
from tests.support.errors import raises_reason
from tests.tasks.registries.robot_tools import (
    MARK,
    NAME,
    ROBOTS,
    CutBefore,
    HarborTestbed,
    robot_fault,
)
from tests.tasks.registries.tools import (
    ADMIN,
    INSTALLATION,
    RobotStore,
    bounds,
    create_robot,
    open_client,
)

FOREIGN = (
    "",
    "made by hand",
    OwnershipMark(installation="ffffffff", workspace="team-a").text,
    OwnershipMark(installation=INSTALLATION, workspace="team-b").text,
    OwnershipMark(installation=INSTALLATION, workspace="").text,
    f" {MARK.text}",
)


@pytest.mark.parametrize("robotic", [False, True])
@pytest.mark.parametrize(
    "action", [CutConnection(), CutConnection(40), TruncateBody()], ids=["cut", "later", "half"]
)
async def test_an_answer_that_is_lost_after_it_was_done(
    testbed: HarborTestbed, action: FaultAction, robotic: bool
) -> None:
    credential = testbed.service() if robotic else ADMIN
    testbed.faults.add(robot_fault("POST", action))
    change = create_robot("red")
    assert await testbed.make(change, credential) == success(change)
    assert await testbed.pulls("red")
    assert testbed.store.account.robot_id == testbed.robot().id
    assert testbed.faults.count("POST", ROBOTS) == (2 if robotic else 1)
    assert [robot.description for robot in testbed.harbor.robots.values()].count(MARK.text) == 1


@pytest.mark.parametrize("action", [Respond(502), Respond(504), Respond(429), CutBefore()])
async def test_what_was_lost_before_it_was_done_is_an_error(
    testbed: HarborTestbed, action: FaultAction
) -> None:
    testbed.faults.add(robot_fault("POST", action))
    with pytest.raises(RemoteError) as excinfo:
        await testbed.make(create_robot("red"))
    assert excinfo.value.transient
    assert testbed.faults.count("POST", ROBOTS) == 1
    assert (testbed.store.kept, len(testbed.harbor.robots)) == ([], 0)
    await testbed.make(create_robot("red"))
    assert await testbed.pulls("red")


async def test_one_that_is_made_after_we_gave_up_is_taken_over_next_time(
    testbed: HarborTestbed,
) -> None:
    testbed.faults.add(robot_fault("POST", Delay(0.6)))
    async with open_client(testbed.url, bounds=bounds(read_seconds=0.3)) as client:
        with raises_reason(Reason.TIMED_OUT):
            await client.apply_change(create_robot("red"), INSTALLATION, testbed.store.save)
    await testbed.make(create_robot("red"))
    assert await testbed.pulls("red")


async def test_a_secret_that_was_not_kept_is_replaced(testbed: HarborTestbed) -> None:
    broken = RobotStore(OSError("the disk is full"))
    async with open_client(testbed.url) as client:
        with pytest.raises(OSError, match="the disk is full"):
            await client.apply_change(create_robot("red"), INSTALLATION, broken.save)
    (orphan,) = await testbed.robots()
    old_secret = testbed.robot().secret
    await testbed.make(create_robot("green", replaces=orphan.id))
    assert testbed.store.account.robot_id == orphan.id
    assert testbed.robot().secret != old_secret
    assert (await testbed.pulls("green"), await testbed.pulls("red")) == (True, False)


@pytest.mark.parametrize("robotic", [False, True])
async def test_one_whose_secret_nobody_knows_is_replaced(
    testbed: HarborTestbed, robotic: bool
) -> None:
    credential = testbed.service() if robotic else ADMIN
    robot = testbed.add(NAME, "red")
    robot.disable = True
    await testbed.make(create_robot("green", replaces=robot.id), credential)
    assert (testbed.store.account.robot_id == robot.id) is not robotic
    assert (await testbed.pulls("green"), await testbed.pulls("red")) == (True, False)
    assert [item.stored for item in testbed.harbor.robots.values()].count(NAME) == 1


async def test_one_to_replace_that_is_gone_meanwhile_is_made(testbed: HarborTestbed) -> None:
    await testbed.make(create_robot("red", replaces=999))
    assert await testbed.pulls("red")


async def test_one_of_ours_that_was_made_meanwhile_is_taken_over(testbed: HarborTestbed) -> None:
    robot = testbed.add(NAME, "other")
    await testbed.make(create_robot("red"))
    assert testbed.store.account.robot_id == robot.id
    assert (await testbed.pulls("red"), await testbed.pulls("other")) == (True, False)


@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("description", FOREIGN)
async def test_one_that_is_not_ours_is_in_the_way_and_not_touched(
    testbed: HarborTestbed, description: str, replaces: bool
) -> None:
    robot = testbed.add(NAME, "other", description=description)
    before = (robot.secret, robot.permissions, robot.updated)
    change = create_robot("red", replaces=robot.id if replaces else None)
    advice = r"already exists.*delete it in Harbor"
    if "ffffffff" in description:  # two installations must not advise to delete each other's
        advice = r"belongs to installation ffffffff of this service and is not changed"
    with pytest.raises(Conflict, match=advice) as excinfo:
        await testbed.make(change)
    assert f"robot${NAME}" in excinfo.value.message
    assert (robot.secret, robot.permissions, robot.updated) == before
    assert testbed.store.kept == []
    assert testbed.writes() == ([] if replaces else ["POST"])


async def test_one_that_is_not_ours_is_not_taken_over_after_a_lost_answer(
    testbed: HarborTestbed,
) -> None:
    robot = testbed.add(NAME, "other", description="made by hand")
    testbed.faults.add(robot_fault("POST", Respond(504)))
    with pytest.raises(Conflict, match="already exists"):
        await testbed.make(create_robot("red"))
    assert testbed.harbor.robots[robot.id].description == "made by hand"


async def test_a_name_that_only_ends_alike_is_not_in_the_way(testbed: HarborTestbed) -> None:
    other = testbed.add(f"x-{NAME}", "other", description="made by hand")
    testbed.faults.add(robot_fault("POST", CutConnection()))
    await testbed.make(create_robot("red"))
    assert testbed.store.account.robot_id != other.id
    assert other.description == "made by hand"


async def test_a_new_secret_whose_answer_is_lost_is_asked_for_again(testbed: HarborTestbed) -> None:
    robot = testbed.add(NAME, "red")
    testbed.faults.add(robot_fault("PATCH", CutConnection(), 2))
    await testbed.make(create_robot("red", replaces=robot.id))
    assert testbed.faults.count("PATCH") == 3
    assert await testbed.pulls("red")


async def test_a_service_that_cannot_create_leaves_a_clear_error(testbed: HarborTestbed) -> None:
    """It deletes what nobody can use, and says what it lacks for the rest."""
    service = testbed.service(("system", "/", "robot", "create"))
    robot = testbed.add(NAME, "red")
    with pytest.raises(errors.Forbidden, match="lacks robot:create"):
        await testbed.make(create_robot("red", replaces=robot.id), service)


@pytest.mark.parametrize("body", [b"{}", b'{"id": 1, "name": "x", "secret": ""}', b"[]", b"<html>"])
async def test_an_answer_without_a_secret_is_no_success(
    testbed: HarborTestbed, body: bytes
) -> None:
    testbed.faults.add(robot_fault("POST", Respond(201, body)))
    with pytest.raises(errors.ServerError):
        await testbed.make(create_robot("red"))
    assert testbed.store.kept == []


@pytest.mark.parametrize(
    "action",
    [
        Respond(201, b'{"id": "x", "name": 1, "secret": "TopSecret123"}'),
        Respond(201, b'{"secret": "TopSecret123"'),
        Respond(400, b'{"secret": "TopSecret123"}'),
        Respond(409, b'{"id": 1, "secret": "TopSecret123"}'),
        Respond(500, b"TopSecret123"),
    ],
)
async def test_no_error_tells_a_secret(
    testbed: HarborTestbed, action: FaultAction, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    testbed.faults.add(robot_fault("POST", action))
    with pytest.raises(RemoteError) as excinfo:
        await testbed.make(create_robot("red"))
    texts = [caplog.text]
    error: BaseException | None = excinfo.value
    while error is not None:
        texts += [str(error), repr(error), repr(error.args)]
        error = error.__cause__ or error.__context__
    assert "TopSecret123" not in "".join(texts)


async def test_no_outcome_and_no_grant_tells_a_secret(
    testbed: HarborTestbed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    outcome = await testbed.make(create_robot("red"))
    second_outcome = await testbed.make(create_robot("red", replaces=testbed.robot().id))
    secrets = [secret.get_secret_value() for _, secret in testbed.store.kept]
    assert len(set(secrets)) == 2
    text = f"{outcome!r}{second_outcome!r}{outcome.model_dump_json()}"
    text += f"{testbed.store.kept!r}{caplog.text}"
    assert not any(secret in text for secret in secrets)


async def test_another_robot_than_was_asked_for_is_not_taken_over(testbed: HarborTestbed) -> None:
    row = json.dumps([{"id": 1, "name": "robot$other", "description": MARK.text}]).encode()
    testbed.faults.add(robot_fault("POST", Respond(504)))
    testbed.faults.add(robot_fault("GET", Respond(200, row)))
    with raises_reason(Reason.TIMED_OUT):
        await testbed.make(create_robot("red"))
    assert testbed.faults.count("PUT") == 0
