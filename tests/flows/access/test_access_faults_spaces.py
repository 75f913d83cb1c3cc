"""Spaces that go and come, and a Harbor that is set otherwise or down: grants follow."""

from deployments.simulators.faults import Fault, Respond
from deployments.simulators.harbor import Robot
from flows.access.unbind_space import unbind_space
from flows.registries.set_visibility import set_space_visibility
from tasks.store.registries import robots
from tasks.store.session import run_in_transaction
from tests.support.helpers import audit_events, expect_failure, expect_success
from tests.support.platform import (
    LABEL,
    Platform,
    bindings_of,
    platform,
    recorded_robots,
    robots_in,
    run_schedules,
)


def _logins(name: str) -> set[str]:
    """Those of all robot accounts on record, the one that observes too."""
    return {robot.login for robot in run_in_transaction(robots.list_robots, name)}


def _observer(p: Platform) -> Robot:
    accounts = p.harbor.simulator.robots.values()
    return next(robot for robot in accounts if robot.stored.endswith(".observer"))


async def test_another_prefix_renames_all_and_is_delivered_at_once(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await run_schedules(name, is_new_registry=True)  # makes a robot account to observe with
        await p.bind("team-a")
        p.harbor.simulator.settings.robot_name_prefix = "bot_"
        assert not await p.pulls("shop", "team-a")
        result = await run_schedules(name)
        assert result.registry.affects_pull_secrets
        assert result.registry.plan.changes == ()
        assert all(login.startswith("bot_ri-") for login in _logins(name))
        assert await p.grants_exactly("team-a")


async def test_without_a_space_left_it_goes_and_comes_back_with_the_space(name: str) -> None:
    """A robot account whose projects are all gone could list every project."""
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        project = p.harbor.simulator.projects["team-a"]
        p.harbor.simulator.delete_project("team-a")
        result = await run_schedules(name)
        assert "SpacesMissing" in result.reasons
        assert robots_in(p.harbor) == {}
        assert recorded_robots(name) == ()
        assert p.cluster.secret("shop") is None
        before = p.writes()
        await run_schedules(name)
        assert p.writes() == before
        p.harbor.simulator.projects[project.name] = (
            project  # the same one is back, as from a backup
        )
        await run_schedules(name)
        assert await p.grants_exactly("team-a")
    assert audit_events(name)["grant.revoked"] == 1


async def test_of_several_spaces_one_goes_and_is_granted_again_when_it_is_back(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", "team-b")
        secret = p.cluster.secret("shop")
        project = p.harbor.simulator.projects["team-b"]
        p.harbor.simulator.delete_project("team-b")
        before = p.writes()
        result = await run_schedules(name)
        assert (result.message, p.writes()) == ("", before)  # Harbor has taken it out itself
        assert [binding.space for binding in bindings_of(name)] == ["team-a", "team-b"]
        assert await p.pulls("shop", "team-a")
        p.harbor.simulator.projects[project.name] = (
            project  # the same one is back, as from a backup
        )
        await run_schedules(name)
        assert p.cluster.secret("shop") == secret
        assert await p.grants_exactly("team-a", "team-b")


async def test_public_and_private_again_is_in_force_at_once_and_no_robot_is_touched(
    name: str,
) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        await expect_success(set_space_visibility, name, ["team-a"], "public")
        assert await p.pulls("kube-system", "team-a")
        assert await p.pulls("shop", "team-a")
        await expect_success(set_space_visibility, name, ["team-a"], "private")
        assert not await p.pulls("kube-system", "team-a")
        assert [request for request, _ in p.harbor.writes() if "robots" in request] == [
            "POST robots"
        ]
        assert await p.grants_exactly("team-a")


async def test_what_was_unbound_while_harbor_was_down_is_revoked_when_it_is_back(
    name: str,
) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", "team-b")
        p.harbor.faults.add(Fault(Respond(503), path="/api/.*", times=None))
        message = await expect_failure(unbind_space, name, ["team-a"], ["red"])
        assert "unbound" in message
        assert f"{name}: " in message
        assert "503" in message
        assert await p.pulls("shop", "team-a")  # nobody can take it away there now
        p.harbor.faults.clear()
        await run_schedules(name)
        assert await p.grants_exactly("team-b")


async def test_the_one_to_observe_with_is_made_again(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await run_schedules(name, is_new_registry=True)
        await p.bind("team-a")
        first = _observer(p)
        del p.harbor.simulator.robots[first.id]
        assert (await run_schedules(name)).message == ""
        second = _observer(p)
        second.disable = True
        assert (await run_schedules(name)).message == ""
        assert not _observer(p).disable
        assert await p.grants_exactly("team-a")


async def test_without_a_binding_no_login_is_handed_out_while_harbor_is_out_of_reach(
    name: str,
) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        p.harbor.faults.add(Fault(Respond(503), times=None))
        await p.unbind("team-a")
        p.cluster.add_namespace("newcomer", {LABEL: "red"})
        await run_schedules(name)
        for namespace in ("shop", "till", "newcomer"):
            assert p.cluster.secret(namespace) is None
        assert len(recorded_robots(name)) == 1
        p.harbor.faults.clear()
        await run_schedules(name)
        assert await p.grants_exactly()
