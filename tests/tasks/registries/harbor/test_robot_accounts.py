"""Robot accounts made, edited and revoked: their rights, their secrets, and who may pull then."""

import pytest

from deployments.simulators.faults import Call, Fault
from models.core import errors
from models.core.errors import Forbidden, NotFound, ReadOnly, Rejected
from models.core.reasons import Reason
from models.registries.changes import GrantChange
from tasks import clock
from tests.support.builders import done
from tests.tasks.registries.robot_tools import ALL, MARK, NAME, ROBOTS, Scene
from tests.tasks.registries.tools import edit_grant, make_grant, revoke_grant, wrong

PULL = (("repository", "pull"),)


async def test_a_grant_is_made_and_pulls_what_was_granted(place: Scene) -> None:
    change, before = make_grant("red", "green"), clock.now()
    assert await place.make(change) == done(change)
    robot, grant = place.robot(), place.safe.grant
    assert (robot.level, robot.duration, robot.disable) == ("system", -1, False)
    assert robot.description == MARK.text
    assert place.rights() == {"red": PULL, "green": PULL}
    assert (grant.registry, grant.workspace, grant.robot_id) == ("prod", "team-a", robot.id)
    assert (grant.login, grant.spaces) == (f"robot${NAME}", ("red", "green"))
    assert before <= grant.made_at <= clock.now()
    pulled = {space: await place.pulls(space) for space in ("red", "green", "blue", "other")}
    assert pulled == {"red": True, "green": True, "blue": False, "other": False}
    assert place.writes() == ["POST"]


async def test_an_edit_keeps_the_secret(place: Scene) -> None:
    await place.make(make_grant("red", "green"))
    change = edit_grant(place.robot().id, "green", "blue")
    assert await place.make(change) == done(change)
    pulled = {space: await place.pulls(space) for space in ("red", "green", "blue")}
    assert pulled == {"red": False, "green": True, "blue": True}
    assert len(place.safe.kept) == 1
    assert place.writes() == ["POST", "PUT"]


@pytest.mark.parametrize("again", [1, 2])
async def test_an_edit_sets_right_whatever_was_changed_by_hand(place: Scene, again: int) -> None:
    robot = place.add(NAME, "red")
    robot.disable, robot.description, robot.duration, robot.expires_at = True, "x", 1, 1
    for _ in range(again):
        await place.make(edit_grant(robot.id, "green"))
    assert (robot.disable, robot.description) == (False, MARK.text)
    assert (robot.duration, robot.expires_at) == (-1, -1)
    assert place.rights() == {"green": PULL}


async def test_two_hundred_spaces(place: Scene) -> None:
    spaces = tuple(f"s{number:03}" for number in range(200))
    for space in spaces:
        place.harbor.add_project(space)
    await place.make(make_grant(*spaces))
    await place.make(edit_grant(place.robot().id, *spaces[:199]))
    (seen,) = await place.robots()
    assert (seen.spaces, seen.exact) == (spaces[:199], True)


async def test_a_revoked_grant_pulls_nothing(place: Scene) -> None:
    await place.make(make_grant("red"))
    change = revoke_grant(place.robot().id)
    assert await place.make(change) == done(change)
    assert not await place.pulls("red")
    assert not place.harbor.robots


async def test_a_robot_that_is_gone_already_is_revoked(place: Scene) -> None:
    outcome = await place.make(revoke_grant(999))
    assert (outcome.done, outcome.reason) == (True, Reason.ALREADY_SO)


async def test_no_other_robot_is_revoked_under_an_old_id(place: Scene) -> None:
    """Harbor never gives an id twice, not even one that a refused creation used up."""
    await place.make(make_grant("red"))
    old = place.robot().id
    await place.make(revoke_grant(old))
    await place.make(make_grant("red"))
    assert place.robot().id > old
    await place.make(revoke_grant(old))
    assert len(place.harbor.robots) == 1


async def test_editing_a_robot_that_is_gone_fails(place: Scene) -> None:
    with pytest.raises(NotFound, match="the robot account is gone; the next run makes a new one"):
        await place.make(edit_grant(999, "red"))


@pytest.mark.parametrize("edits", [True, False])
async def test_a_space_that_is_gone_is_told_from_a_robot_that_is(place: Scene, edits: bool) -> None:
    robot = place.add(NAME, "red") if edits else None
    change = edit_grant(robot.id, "red", "ghost") if robot else make_grant("red", "ghost")
    with pytest.raises(NotFound, match="the space ghost was deleted meanwhile") as caught:
        await place.make(change)
    assert caught.value.reason is Reason.SPACES_MISSING
    assert place.safe.kept == []


async def test_a_prefix_that_was_changed_since_the_look(place: Scene) -> None:
    await place.make(make_grant("red"))
    robot = place.robot()
    place.harbor.settings.robot_name_prefix = "bot-"
    (seen,) = await place.robots()
    assert (seen.login, seen.name) == (f"bot-{NAME}", NAME)
    await place.make(edit_grant(robot.id, "green", login=f"robot${NAME}"))
    assert place.rights() == {"green": PULL}
    await place.make(make_grant("blue", replaces=robot.id))
    assert place.safe.grant.login == f"bot-{NAME}"
    assert await place.pulls("blue")


async def test_a_request_that_harbor_refuses_says_why(place: Scene) -> None:
    with pytest.raises(Rejected, match="bad request empty permission"):
        await place.make(make_grant())
    robot = place.add(NAME, "red")
    with pytest.raises(Rejected, match="bad request empty permission"):
        await place.make(edit_grant(robot.id))


@pytest.mark.parametrize("change", [make_grant("red"), edit_grant(1, "red"), revoke_grant(1)])
async def test_read_only(place: Scene, change: GrantChange) -> None:
    place.add(NAME, "red")
    place.harbor.settings.read_only = True
    with pytest.raises(ReadOnly, match="read only mode"):
        await place.make(change)


@pytest.mark.parametrize("change", [make_grant("red"), edit_grant(1, "red"), revoke_grant(1)])
async def test_a_wrong_password_is_tried_once(place: Scene, change: GrantChange) -> None:
    with pytest.raises(errors.Unauthorized):
        await place.make(change, wrong())
    assert len(place.harbor.requests) == 1


async def test_a_robot_may_grant_and_revoke(place: Scene) -> None:
    service = place.service()
    await place.make(make_grant("red"), service)
    assert await place.pulls("red")
    await place.make(revoke_grant(place.robot().id), service)
    assert not await place.pulls("red")


async def test_a_robot_never_edits(place: Scene) -> None:
    robot = place.add(NAME, "red")
    with pytest.raises(Forbidden, match="no robot account may edit another"):
        await place.make(edit_grant(robot.id, "green"), place.service())
    assert place.rights() == {"red": PULL}


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (("system", "/", "robot", "create"), "the credential lacks robot:create on the system"),
        (("project", "*", "repository", "pull"), "give it repository:pull on all projects"),
    ],
)
async def test_a_robot_that_may_not_grant_is_told_why(
    place: Scene, missing: tuple[str, ...], said: str
) -> None:
    assert missing in ALL
    with pytest.raises(Forbidden, match=said.replace("*", r"\*")):
        await place.make(make_grant("red"), place.service(missing))


async def test_a_robot_that_may_not_revoke_is_told_why(place: Scene) -> None:
    robot = place.add(NAME, "red")
    with pytest.raises(Forbidden, match="the credential lacks robot:delete on the system"):
        await place.make(revoke_grant(robot.id), place.service(("system", "/", "robot", "delete")))


async def test_one_edit_after_another_wins(place: Scene) -> None:
    """Harbor has no version check: who writes last has said what holds."""
    robot = place.add(NAME, "red")

    def meanwhile() -> None:
        robot.disable = True

    place.faults.add(Fault(Call(meanwhile), "PUT", f"{ROBOTS}/.*"))
    await place.make(edit_grant(robot.id, "blue"))
    assert (place.rights(), robot.disable) == ({"blue": PULL}, False)


@pytest.mark.parametrize("version", ["v2.9.0", "v2.10.3", "v2.11.0", "v2.12.0", "v2.15.2"])
async def test_every_supported_version(place: Scene, version: str) -> None:
    place.harbor.version = version
    await place.make(make_grant("red"))
    await place.make(edit_grant(place.robot().id, "green"))
    await place.make(make_grant("blue", replaces=place.robot().id))
    assert await place.pulls("blue")
    (seen,) = await place.robots()
    assert (seen.spaces, seen.exact) == (("blue",), True)
    await place.make(revoke_grant(seen.id))
    assert not place.harbor.robots
