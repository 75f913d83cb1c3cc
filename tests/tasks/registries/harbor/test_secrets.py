"""Secrets that Harbor tells once: lost on the way, not kept, or of a robot that is not ours."""

import json

import pytest

from deployments.simulators.fault_actions import Action
from deployments.simulators.faults import Answer, Cut, Delay, Truncate
from models.core import errors
from models.core.errors import Conflict, RegistryError, Transient
from models.registries.robots import Mark
from tests.support.builders import done
from tests.tasks.registries.robot_tools import MARK, NAME, ROBOTS, Before, Scene, on
from tests.tasks.registries.tools import ADMIN, INSTALLATION, Safe, bounds, make_grant, opened

FOREIGN = (
    "",
    "made by hand",
    Mark(installation="ffffffff", workspace="team-a").text,
    Mark(installation=INSTALLATION, workspace="team-b").text,
    Mark(installation=INSTALLATION, workspace="").text,
    f" {MARK.text}",
)


@pytest.mark.parametrize("robotic", [False, True])
@pytest.mark.parametrize("action", [Cut(), Cut(40), Truncate()], ids=["cut", "later", "half"])
async def test_an_answer_that_is_lost_after_it_was_done(
    place: Scene, action: Action, robotic: bool
) -> None:
    credential = place.service() if robotic else ADMIN
    place.faults.add(on("POST", action))
    change = make_grant("red")
    assert await place.make(change, credential) == done(change)
    assert await place.pulls("red")
    assert place.safe.grant.robot_id == place.robot().id
    assert place.faults.count("POST", ROBOTS) == (2 if robotic else 1)
    assert [one.description for one in place.harbor.robots.values()].count(MARK.text) == 1


@pytest.mark.parametrize("action", [Answer(502), Answer(504), Answer(429), Before()])
async def test_what_was_lost_before_it_was_done_is_an_error(place: Scene, action: Action) -> None:
    place.faults.add(on("POST", action))
    with pytest.raises(Transient):
        await place.make(make_grant("red"))
    assert place.faults.count("POST", ROBOTS) == 1
    assert (place.safe.kept, len(place.harbor.robots)) == ([], 0)
    await place.make(make_grant("red"))
    assert await place.pulls("red")


async def test_one_that_is_made_after_we_gave_up_is_taken_over_next_time(place: Scene) -> None:
    place.faults.add(on("POST", Delay(0.6)))
    async with opened(place.url, bounds=bounds(read_seconds=0.3)) as client:
        with pytest.raises(errors.TimedOut):
            await client.make(make_grant("red"), INSTALLATION, place.safe.keep)
    await place.make(make_grant("red"))
    assert await place.pulls("red")


async def test_a_secret_that_was_not_kept_is_replaced(place: Scene) -> None:
    broken = Safe(OSError("the disk is full"))
    async with opened(place.url) as client:
        with pytest.raises(OSError, match="the disk is full"):
            await client.make(make_grant("red"), INSTALLATION, broken.keep)
    (orphan,) = await place.robots()
    lost = place.robot().secret
    await place.make(make_grant("green", replaces=orphan.id))
    assert place.safe.grant.robot_id == orphan.id
    assert place.robot().secret != lost
    assert (await place.pulls("green"), await place.pulls("red")) == (True, False)


@pytest.mark.parametrize("robotic", [False, True])
async def test_one_whose_secret_nobody_knows_is_replaced(place: Scene, robotic: bool) -> None:
    credential = place.service() if robotic else ADMIN
    robot = place.add(NAME, "red")
    robot.disable = True
    await place.make(make_grant("green", replaces=robot.id), credential)
    assert (place.safe.grant.robot_id == robot.id) is not robotic
    assert (await place.pulls("green"), await place.pulls("red")) == (True, False)
    assert [one.stored for one in place.harbor.robots.values()].count(NAME) == 1


async def test_one_to_replace_that_is_gone_meanwhile_is_made(place: Scene) -> None:
    await place.make(make_grant("red", replaces=999))
    assert await place.pulls("red")


async def test_one_of_ours_that_was_made_meanwhile_is_taken_over(place: Scene) -> None:
    robot = place.add(NAME, "other")
    await place.make(make_grant("red"))
    assert place.safe.grant.robot_id == robot.id
    assert (await place.pulls("red"), await place.pulls("other")) == (True, False)


@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("description", FOREIGN)
async def test_one_that_is_not_ours_is_in_the_way_and_not_touched(
    place: Scene, description: str, replaces: bool
) -> None:
    robot = place.add(NAME, "other", description=description)
    before = (robot.secret, robot.permissions, robot.updated)
    change = make_grant("red", replaces=robot.id if replaces else None)
    with pytest.raises(Conflict, match=r"is in the way.*delete it in Harbor") as caught:
        await place.make(change)
    assert f"robot${NAME}" in caught.value.said
    assert (robot.secret, robot.permissions, robot.updated) == before
    assert place.safe.kept == []
    assert place.writes() == ([] if replaces else ["POST"])


async def test_one_that_is_not_ours_is_not_taken_over_after_a_lost_answer(place: Scene) -> None:
    robot = place.add(NAME, "other", description="made by hand")
    place.faults.add(on("POST", Answer(504)))
    with pytest.raises(Conflict, match="is in the way"):
        await place.make(make_grant("red"))
    assert place.harbor.robots[robot.id].description == "made by hand"


async def test_a_name_that_only_ends_alike_is_not_in_the_way(place: Scene) -> None:
    other = place.add(f"x-{NAME}", "other", description="made by hand")
    place.faults.add(on("POST", Cut()))
    await place.make(make_grant("red"))
    assert place.safe.grant.robot_id != other.id
    assert other.description == "made by hand"


async def test_a_new_secret_whose_answer_is_lost_is_asked_for_again(place: Scene) -> None:
    robot = place.add(NAME, "red")
    place.faults.add(on("PATCH", Cut(), 2))
    await place.make(make_grant("red", replaces=robot.id))
    assert place.faults.count("PATCH") == 3
    assert await place.pulls("red")


async def test_a_service_that_cannot_create_leaves_a_clear_error(place: Scene) -> None:
    """It deletes what nobody can use, and says what it lacks for the rest."""
    service = place.service(("system", "/", "robot", "create"))
    robot = place.add(NAME, "red")
    with pytest.raises(errors.Forbidden, match="lacks robot:create"):
        await place.make(make_grant("red", replaces=robot.id), service)


@pytest.mark.parametrize("body", [b"{}", b'{"id": 1, "name": "x", "secret": ""}', b"[]", b"<html>"])
async def test_an_answer_without_a_secret_is_no_success(place: Scene, body: bytes) -> None:
    place.faults.add(on("POST", Answer(201, body)))
    with pytest.raises(errors.ServerBroken):
        await place.make(make_grant("red"))
    assert place.safe.kept == []


@pytest.mark.parametrize(
    "action",
    [
        Answer(201, b'{"id": "x", "name": 1, "secret": "TopSecret123"}'),
        Answer(201, b'{"secret": "TopSecret123"'),
        Answer(400, b'{"secret": "TopSecret123"}'),
        Answer(409, b'{"id": 1, "secret": "TopSecret123"}'),
        Answer(500, b"TopSecret123"),
    ],
)
async def test_no_error_tells_a_secret(
    place: Scene, action: Action, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    place.faults.add(on("POST", action))
    with pytest.raises(RegistryError) as caught:
        await place.make(make_grant("red"))
    told = [caplog.text]
    error: BaseException | None = caught.value
    while error is not None:
        told += [str(error), repr(error), repr(error.args)]
        error = error.__cause__ or error.__context__
    assert "TopSecret123" not in "".join(told)


async def test_no_outcome_and_no_grant_tells_a_secret(
    place: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    outcome = await place.make(make_grant("red"))
    renewed = await place.make(make_grant("red", replaces=place.robot().id))
    secrets = [secret.get_secret_value() for _, secret in place.safe.kept]
    assert len(set(secrets)) == 2
    shown = f"{outcome!r}{renewed!r}{outcome.model_dump_json()}{place.safe.kept!r}{caplog.text}"
    assert not any(secret in shown for secret in secrets)


async def test_another_robot_than_was_asked_for_is_not_taken_over(place: Scene) -> None:
    row = json.dumps([{"id": 1, "name": "robot$other", "description": MARK.text}]).encode()
    place.faults.add(on("POST", Answer(504)))
    place.faults.add(on("GET", Answer(200, row)))
    with pytest.raises(errors.TimedOut):
        await place.make(make_grant("red"))
    assert place.faults.count("PUT") == 0
