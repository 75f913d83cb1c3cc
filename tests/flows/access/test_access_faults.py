"""Robot accounts that are touched by hand, or whose making goes wrong: told, and set right."""

from collections.abc import Callable

import pytest
from sqlmodel import Session, text

from deployments.simulators.faults import CutConnection, Fault, GatewayTimeout, Respond, RunCallback
from deployments.simulators.harbor import Permission
from models.registries.robots import robot_name
from tasks.store.installation import get_installation
from tasks.store.session import run_in_transaction
from tests.support.helpers import audit_events
from tests.support.platform import Platform, platform, recorded_robots, robots_in, run_schedules

ROBOTS = r"/api/v2\.0/robots"


async def test_deleted_by_hand_it_is_made_again_and_delivered(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        before = p.robot
        del p.harbor.simulator.robots[before.id]
        assert not await p.pulls("shop", "team-a")
        result = await run_schedules(name)
        assert result.reasons == {"RobotMissing", "ContentChanged"}
        assert p.robot.id != before.id
        assert await p.grants_exactly("team-a")
    assert audit_events(name)["grant.made"] == 2


def _set_permission(p: Platform, namespace: str, *access: tuple[str, str]) -> None:
    project = p.harbor.simulator.projects.get(namespace)
    new_permission = Permission("project", namespace, project.id if project else None, access)
    other_permissions = tuple(
        permission for permission in p.robot.permissions if permission.namespace != namespace
    )
    p.robot.permissions = (*other_permissions, new_permission)


def _disable(p: Platform) -> None:
    p.robot.disable = True


def _add_push(p: Platform) -> None:
    _set_permission(p, "team-a", ("repository", "pull"), ("repository", "push"))


def _add_wildcard(p: Platform) -> None:
    _set_permission(p, "*", ("repository", "pull"))


def _add_space(p: Platform) -> None:
    _set_permission(p, "team-b", ("repository", "pull"))


def _set_expiry(p: Platform) -> None:
    p.robot.duration, p.robot.expires_at = 1, 2_000_000_000


def _remove_space(p: Platform) -> None:
    p.robot.permissions = tuple(
        permission for permission in p.robot.permissions if permission.namespace != "library"
    )


EDITS: tuple[tuple[Callable[[Platform], None], str], ...] = (
    (_disable, "RobotDisabled"),
    (_add_push, "RobotEdited"),
    (_add_wildcard, "RobotEdited"),
    (_set_expiry, "RobotEdited"),
    (_add_space, "BindingsChanged"),
    (_remove_space, "BindingsChanged"),
)


async def test_edited_by_hand_it_is_set_right_with_one_request(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", "library")
        for edit, reason in EDITS:
            before = p.writes()
            edit(p)
            result = await run_schedules(name)
            assert (result.reasons, result.message) == ({reason}, ""), edit
            assert p.writes() == before + 1
            assert robots_in(p.harbor) == {p.robot.stored: frozenset({"library", "team-a"})}
            assert {permission.access for permission in p.robot.permissions} == {
                (("repository", "pull"),)
            }
            assert (p.robot.disable, p.robot.expires_at) == (False, -1)
            assert await p.pulls("shop", "team-a")
            assert not await p.pulls("shop", "team-b")
        assert await p.is_in_sync()
    assert audit_events(name)["grant.changed"] == len(EDITS)


async def test_made_but_the_answer_was_lost(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        p.harbor.faults.add(Fault(CutConnection(), "POST", ROBOTS))
        assert (await p.bind("team-a")).message == ""
        assert await p.grants_exactly("team-a")
    assert audit_events(name)["grant.made"] == 1


@pytest.mark.parametrize("again", [False, True], ids=["then looked for", "then made by the next"])
async def test_made_after_the_run_gave_up(name: str, again: bool) -> None:
    late = GatewayTimeout()
    async with platform(name, "team-a", "team-b") as p:
        p.harbor.faults.add(Fault(late, "POST", ROBOTS))
        result = await p.bind("team-a")
        assert f"{name}: 1 of 1 changes failed (red: answered 504" in result.message
        assert robots_in(p.harbor) == {}
        if again:
            assert (await run_schedules(name)).message == ""
        late.complete()
        assert p.harbor.writes()[-1] == ("POST robots", 409 if again else 201)
        await run_schedules(name)
        assert await p.grants_exactly("team-a")
    assert audit_events(name)["grant.made"] == 1


async def test_not_made_it_is_told_and_made_by_the_next_run(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        p.harbor.faults.add(Fault(Respond(502), "POST", ROBOTS))
        result = await p.bind("team-a")
        assert f"{name}: 1 of 1 changes failed (red: answered 502" in result.message
        assert (robots_in(p.harbor), p.cluster.secret("shop")) == ({}, None)
        assert (await run_schedules(name)).message == ""
        assert await p.grants_exactly("team-a")
    assert audit_events(name)["grant.failed"] == 1


async def test_somebody_made_ours_at_the_same_moment(name: str) -> None:
    """A retry of a lost run: 409, but with our mark it is ours and gets a new secret."""
    async with platform(name, "team-a", "team-b") as p:

        def create_robot() -> None:
            robot = p.harbor.simulator.add_robot(_own_robot_name(), ["team-b"])
            robot.description = (
                f"Made by registry-integration {_installation_id()} for workspace red."
            )

        p.harbor.faults.add(Fault(RunCallback(create_robot), "POST", ROBOTS))
        assert (await p.bind("team-a")).message == ""
        assert await p.grants_exactly("team-a")


async def test_a_foreign_one_of_that_name_is_left_alone_and_holds_up_nobody(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        foreign = p.harbor.simulator.add_robot(_own_robot_name(), ["team-b"])
        foreign.description = "mine"
        result = await p.bind("team-a")
        assert f"the robot account robot${foreign.stored} already exists" in result.message
        assert (
            "If it is not needed, delete it in Harbor; the next run creates a new one"
            in result.message
        )
        assert [permission.namespace for permission in foreign.permissions] == ["team-b"]
        assert foreign.id in p.harbor.simulator.robots
        await p.bind("team-b", workspace="blue")
        assert await p.pulls("lab", "team-b")
        await p.unbind("team-b", workspace="blue")
        del p.harbor.simulator.robots[foreign.id]
        await run_schedules(name)
        assert await p.grants_exactly("team-a")
    assert audit_events(name)["grant.failed"] == 1


async def test_a_secret_that_could_not_be_saved_is_made_anew(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        full = "BEFORE INSERT ON robot_grant BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        _sql(f"CREATE TRIGGER full {full}")
        result = await p.bind("team-a")
        assert "red: unexpected IntegrityError, see the run's log" in result.message
        assert (recorded_robots(name), p.cluster.secret("shop")) == ((), None)
        assert len(robots_in(p.harbor)) == 1
        _sql("DROP TRIGGER full")
        assert (await run_schedules(name)).reasons == {"SecretLost", "Missing"}
        assert await p.grants_exactly("team-a")


def _installation_id() -> str:
    return run_in_transaction(get_installation)


def _own_robot_name() -> str:
    return robot_name(_installation_id(), "red")


def _sql(statement: str) -> None:
    def run(session: Session) -> None:
        session.connection().execute(text(statement))

    run_in_transaction(run)
