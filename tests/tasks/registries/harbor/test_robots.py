"""Our robot accounts as a look shows them: all of them, or none at all."""

import time

import pytest

from deployments.simulators.fault_actions import Action
from deployments.simulators.faults import Answer, Call, Cut, Fault
from deployments.simulators.harbor import Permission
from models.core.availability import Seen
from models.core.reasons import Reason
from models.registries.observation import NOT_ASKED, Snapshot
from models.registries.robots import Mark, ObservedRobot, observer_name, robot_name
from tasks.registries.harbor.robot_wire import Robot
from tests.tasks.registries.robot_tools import LIST, MARK, NAME, Scene
from tests.tasks.registries.tools import INSTALLATION, items, look, make_grant, opened, wrong


def _why(snapshot: Snapshot) -> Reason:
    assert not isinstance(snapshot.robots, Seen)
    return snapshot.robots.reason


async def test_ours_are_seen_as_they_are(place: Scene) -> None:
    robot = place.add(NAME, "red", "blue")
    milliseconds = robot.created.microsecond // 1000 * 1000
    assert await place.robots() == (
        ObservedRobot(
            id=robot.id,
            login=f"robot${NAME}",
            mark=MARK,
            spaces=("blue", "red"),
            created_at=robot.created.replace(microsecond=milliseconds),
        ),
    )
    robot.disable, robot.expires_at = True, 1798018330
    (seen,) = await place.robots()
    assert (seen.disabled, seen.expires, seen.name) == (True, True, NAME)


async def test_none_are_listed_unless_asked_for(place: Scene) -> None:
    place.add(NAME, "red")
    assert (await look(place.url)).robots == NOT_ASKED
    assert place.faults.count(path=LIST) == 0


async def test_others_are_left_out(place: Scene) -> None:
    place.add(NAME, "red")
    for number, text in enumerate(
        ["", "by hand", Mark(installation="ffffffff", workspace="a").text]
    ):
        place.add(f"ri-{INSTALLATION}-x{number}", "red", description=text)
    place.add(
        "ri-ffffffff-team-a",
        "red",
        description=Mark(installation="ffffffff", workspace="team-a").text,
    )
    (seen,) = await place.robots()
    assert seen.name == NAME


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
    place: Scene, permission: Permission, spaces: tuple[str, ...]
) -> None:
    robot = place.add(NAME, "red")
    assert [one.exact for one in await place.robots()] == [True]
    robot.permissions += (permission,)
    (seen,) = await place.robots()
    assert (seen.exact, seen.spaces) == (False, spaces)


def test_a_right_that_is_denied_is_not_exact() -> None:
    access = [{"resource": "repository", "action": "pull", "effect": "deny"}]
    held = [{"kind": "project", "namespace": "red", "access": access}]
    row = {"id": 1, "name": NAME, "description": MARK.text, "permissions": held}
    seen = Robot.model_validate(row).observed(INSTALLATION)
    assert seen is not None
    assert not seen.exact
    assert Robot.model_validate({**row, "level": "project"}).observed(INSTALLATION) is None


async def test_a_space_that_was_deleted_or_made_anew_is_not_granted_any_more(place: Scene) -> None:
    place.add(NAME, "red", "blue")
    place.harbor.delete_project("red")
    (seen,) = await place.robots()
    assert (seen.spaces, seen.exact) == (("blue",), True)
    place.harbor.add_project("red")
    (seen,) = await place.robots()
    assert seen.spaces == ("blue",)
    place.harbor.delete_project("blue")
    (seen,) = await place.robots()
    assert seen.spaces == ()


async def test_many_are_read_in_pages(place: Scene) -> None:
    for number in range(250):
        workspace = f"w{number:03}"
        mark = Mark(installation=INSTALLATION, workspace=workspace)
        place.add(robot_name(INSTALLATION, workspace), "red", description=mark.text)
    assert len({one.login for one in await place.robots()}) == 250
    assert place.faults.count(path=LIST) == 3
    assert place.writes() == []


async def test_pages_that_shift_are_read_again_or_not_believed(place: Scene) -> None:
    for number in range(150):
        place.add(f"ri-{INSTALLATION}-w{number}", "red")

    def one_more() -> None:
        place.add(f"ri-{INSTALLATION}-x{len(place.harbor.robots)}", "red")

    page_2 = r".*/robots\?.*page=2&.*"
    place.faults.add(Fault(Call(one_more), path=page_2))
    assert len(await place.robots()) == 151
    place.faults.add(Fault(Call(one_more), path=page_2, times=None))
    snapshot = await place.look()
    assert _why(snapshot) is Reason.PAGES_SHIFTED
    assert len(items(snapshot)) == 5


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Answer(401), Reason.UNAUTHORIZED),
        (Answer(403), Reason.FORBIDDEN),
        (Answer(500), Reason.SERVER_BROKEN),
        (Answer(200, b"[]"), Reason.SERVER_BROKEN),
        (Answer(200, b'[{"id": 0, "name": "x"}]', (("X-Total-Count", "1"),)), Reason.SERVER_BROKEN),
        (Cut(), Reason.UNREACHABLE),
    ],
)
async def test_a_list_that_fails_is_unseen_and_the_spaces_are_seen(
    place: Scene, action: Action, reason: Reason
) -> None:
    place.faults.add(Fault(action, path=LIST, times=None))
    snapshot = await place.look()
    assert _why(snapshot) is reason
    assert len(items(snapshot)) == 5


async def test_a_stranger_lists_nothing(place: Scene) -> None:
    place.add(NAME, "red")
    assert _why(await place.look(wrong())) is Reason.BAD_CREDENTIALS
    assert place.faults.count(path=LIST) == 0


async def test_who_may_edit_is_told(place: Scene) -> None:
    place.add(NAME, "red")
    assert (await place.look()).edits_robots
    service = place.service()
    snapshot = await place.look(service)
    assert not snapshot.edits_robots
    assert [one.name for one in await place.robots(service)] == [NAME]


async def test_our_observer_is_among_them(place: Scene) -> None:
    mark = Mark(installation=INSTALLATION, workspace="")
    place.add(observer_name(INSTALLATION), description=mark.text)
    (seen,) = await place.robots()
    assert (seen.mark, seen.name) == (mark, observer_name(INSTALLATION))


async def test_a_secret_that_works_is_accepted(place: Scene) -> None:
    await place.make(make_grant("red"))
    async with opened(place.url) as client:
        assert await client.accepts(place.safe.credential) is True


@pytest.mark.parametrize("fault", ["disabled", "deleted", "another secret"])
async def test_one_that_does_not_is_refused(place: Scene, fault: str) -> None:
    await place.make(make_grant("red"))
    robot = place.robot()
    if fault == "deleted":
        del place.harbor.robots[robot.id]
    robot.disable, robot.secret = fault == "disabled", "Another12345"
    async with opened(place.url) as client:
        assert await client.accepts(place.safe.credential) is False


async def test_a_refusal_while_the_name_is_locked_says_nothing(place: Scene) -> None:
    """Somebody tried a wrong one: for a while Harbor refuses the right one too, and at once."""
    await place.make(make_grant("red"))
    place.harbor.locked[place.safe.grant.login] = time.monotonic() + 60
    async with opened(place.url) as client:
        assert await client.accepts(place.safe.credential) is None


async def test_a_refusal_while_the_database_is_down_says_nothing(place: Scene) -> None:
    await place.make(make_grant("red"))
    place.harbor.database_up = False
    async with opened(place.url) as client:
        assert await client.accepts(place.safe.credential) is None


async def test_a_slow_refusal_while_the_database_is_down_says_nothing(place: Scene) -> None:
    await place.make(make_grant("red"))
    place.harbor.unhealthy["database"] = "slow"
    async with opened(place.url) as client:
        assert await client.accepts(wrong(place.safe.credential)) is None


@pytest.mark.parametrize(
    "action",
    [
        Answer(500),
        Answer(404),
        Answer(302),
        Cut(),
        Answer(200, b"<html>", (("Content-Type", "text/html"),)),
    ],
)
async def test_any_other_answer_says_nothing(place: Scene, action: Action) -> None:
    await place.make(make_grant("red"))
    place.faults.add(Fault(action, path="/service/token.*", times=None))
    async with opened(place.url) as client:
        assert await client.accepts(place.safe.credential) is None


async def test_a_login_is_asked_with_that_credential_only(place: Scene) -> None:
    await place.make(make_grant("red"))
    place.harbor.requests.clear()
    async with opened(place.url) as client:
        await client.accepts(place.safe.credential)
    assert [one.user for one in place.harbor.requests] == [place.safe.grant.login]
