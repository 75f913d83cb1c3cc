"""Robot accounts that are touched by hand, or whose making goes wrong: told, and set right."""

from collections.abc import Callable

import pytest
from sqlmodel import Session, text

from deployments.simulators.faults import Answer, Call, Cut, Fault, Late
from deployments.simulators.harbor.state import Permission
from models.registries.robots import robot_name
from tasks.store.installation import installation
from tasks.store.session import transact
from tests.support.helpers import audited
from tests.support.platform import Platform, a_minute, grants_of, platform, robots_in

ROBOTS = r"/api/v2\.0/robots"


async def test_deleted_by_hand_it_is_made_again_and_delivered(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        before = p.robot
        del p.place.harbor.robots[before.id]
        assert not await p.pulls("shop", "team-a")
        minute = await a_minute(name)
        assert minute.reasons == {"RobotMissing", "ContentChanged"}
        assert p.robot.id != before.id
        assert await p.granted("team-a")
    assert audited(name)["grant.made"] == 2


def _add(p: Platform, namespace: str, *access: tuple[str, str]) -> None:
    project = p.place.harbor.projects.get(namespace)
    added = Permission("project", namespace, project.id if project else None, access)
    kept = tuple(each for each in p.robot.permissions if each.namespace != namespace)
    p.robot.permissions = (*kept, added)


def _disabled(p: Platform) -> None:
    p.robot.disable = True


def _may_push(p: Platform) -> None:
    _add(p, "team-a", ("repository", "pull"), ("repository", "push"))


def _may_everything(p: Platform) -> None:
    _add(p, "*", ("repository", "pull"))


def _may_more(p: Platform) -> None:
    _add(p, "team-b", ("repository", "pull"))


def _ends(p: Platform) -> None:
    p.robot.duration, p.robot.expires_at = 1, 2_000_000_000


def _lost_one(p: Platform) -> None:
    p.robot.permissions = tuple(each for each in p.robot.permissions if each.namespace != "library")


EDITS: tuple[tuple[Callable[[Platform], None], str], ...] = (
    (_disabled, "RobotDisabled"),
    (_may_push, "RobotEdited"),
    (_may_everything, "RobotEdited"),
    (_ends, "RobotEdited"),
    (_may_more, "BindingsChanged"),
    (_lost_one, "BindingsChanged"),
)


async def test_edited_by_hand_it_is_set_right_with_one_request(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", "library")
        for edit, reason in EDITS:
            before = p.writes()
            edit(p)
            minute = await a_minute(name)
            assert (minute.reasons, minute.said) == ({reason}, ""), edit
            assert p.writes() == before + 1
            assert robots_in(p.place) == {p.robot.stored: frozenset({"library", "team-a"})}
            assert {each.access for each in p.robot.permissions} == {(("repository", "pull"),)}
            assert (p.robot.disable, p.robot.expires_at) == (False, -1)
            assert await p.pulls("shop", "team-a")
            assert not await p.pulls("shop", "team-b")
        assert await p.quiet()
    assert audited(name)["grant.changed"] == len(EDITS)


async def test_made_but_the_answer_was_lost(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        p.place.faults.add(Fault(Cut(), "POST", ROBOTS))
        assert (await p.bind("team-a")).said == ""
        assert await p.granted("team-a")
    assert audited(name)["grant.made"] == 1


@pytest.mark.parametrize("again", [False, True], ids=["then looked for", "then made by the next"])
async def test_made_after_the_run_gave_up(name: str, again: bool) -> None:
    late = Late()
    async with platform(name, "team-a", "team-b") as p:
        p.place.faults.add(Fault(late, "POST", ROBOTS))
        first = await p.bind("team-a")
        assert f"{name}: 1 of 1 changes failed (red: answered 504" in first.said
        assert robots_in(p.place) == {}
        if again:
            assert (await a_minute(name)).said == ""
        late.release()
        assert p.place.writes()[-1] == ("POST robots", 409 if again else 201)
        await a_minute(name)
        assert await p.granted("team-a")
    assert audited(name)["grant.made"] == 1


async def test_not_made_it_is_told_and_made_by_the_next_run(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        p.place.faults.add(Fault(Answer(502), "POST", ROBOTS))
        first = await p.bind("team-a")
        assert f"{name}: 1 of 1 changes failed (red: answered 502" in first.said
        assert (robots_in(p.place), p.cluster.secret("shop")) == ({}, None)
        assert (await a_minute(name)).said == ""
        assert await p.granted("team-a")
    assert audited(name)["grant.failed"] == 1


async def test_somebody_made_ours_at_the_same_moment(name: str) -> None:
    """A retry of a lost run: 409, but with our mark it is ours and gets a new secret."""
    async with platform(name, "team-a", "team-b") as p:

        def made() -> None:
            robot = p.place.harbor.add_robot(_own_name(), ["team-b"])
            robot.description = f"Made by registry-integration {_us()} for workspace red."

        p.place.faults.add(Fault(Call(made), "POST", ROBOTS))
        assert (await p.bind("team-a")).said == ""
        assert await p.granted("team-a")


async def test_a_foreign_one_of_that_name_is_left_alone_and_holds_up_nobody(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        foreign = p.place.harbor.add_robot(_own_name(), ["team-b"])
        foreign.description = "mine"
        first = await p.bind("team-a")
        assert f"the robot account robot${foreign.stored} is in the way" in first.said
        assert "If nobody needs it, delete it in Harbor; the next run makes ours" in first.said
        assert [each.namespace for each in foreign.permissions] == ["team-b"]
        assert foreign.id in p.place.harbor.robots
        await p.bind("team-b", to="blue")
        assert await p.pulls("lab", "team-b")
        await p.unbind("team-b", of="blue")
        del p.place.harbor.robots[foreign.id]
        await a_minute(name)
        assert await p.granted("team-a")
    assert audited(name)["grant.failed"] == 1


async def test_a_secret_that_could_not_be_saved_is_made_anew(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        full = "BEFORE INSERT ON robot_grant BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        _sql(f"CREATE TRIGGER full {full}")
        first = await p.bind("team-a")
        assert "red: unforeseen IntegrityError, see the run's log" in first.said
        assert (grants_of(name), p.cluster.secret("shop")) == ((), None)
        assert len(robots_in(p.place)) == 1
        _sql("DROP TRIGGER full")
        assert (await a_minute(name)).reasons == {"SecretLost", "Due"}
        assert await p.granted("team-a")


def _us() -> str:
    return transact(installation)


def _own_name() -> str:
    return robot_name(_us(), "red")


def _sql(statement: str) -> None:
    def run(session: Session) -> None:
        session.connection().execute(text(statement))

    transact(run)
