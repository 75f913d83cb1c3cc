"""One Harbor under two addresses: it is refused, and if it comes to that, it is not fought over."""

from datetime import timedelta

from flows.registries.integrate import integrate_registry
from flows.registries.remove import remove_registry
from flows.registries.update import update_registry
from models.registries.robots import parse_mark
from tasks.store.registries import robots
from tasks.store.session import run_in_transaction
from tests.support.helpers import (
    HarborServer,
    add_registry,
    expect_failure,
    expect_success,
    harbor_with,
    integrate,
    registry_names,
    remove_registry_record,
    save_credentials,
)
from tests.support.platform import platform, recorded_robots, robots_in, run_schedules


def second_address(harbor: HarborServer) -> str:
    """The same server under another name: another registry, for all that the address tells."""
    return harbor.url.replace("127.0.0.1", "localhost")


async def test_a_second_address_is_refused_with_the_name_of_the_first(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        other = f"{name}-two"
        harbor = {"type": "harbor", "address": second_address(p.harbor)}
        for test_only in (True, False):
            message = await expect_failure(
                integrate_registry,
                other,
                harbor,
                await save_credentials(other),
                test_only=test_only,
            )
            assert f"another address of the Harbor that is integrated as '{name}'" in message
        assert registry_names() == [name]
        with harbor_with() as third_harbor:
            await add_registry(other, third_harbor.url)
            changes = {"address": second_address(p.harbor)}
            message = await expect_failure(
                update_registry, other, credentials=await save_credentials(other), **changes
            )
            assert f"integrated as '{name}'" in message
        message = await expect_success(
            update_registry, name, credentials=await save_credentials(name), **changes
        )
        assert await p.pulls("shop", "team-a") is False  # nodes ask the old address for a while
        assert "healthy" in message


async def test_two_that_are_on_record_leave_each_others_robot_accounts_alone(name: str) -> None:
    """As where both were integrated before either had a robot account."""
    async with platform(name, "team-a") as p:
        await add_registry(f"{name}-two", second_address(p.harbor))
        await p.bind("team-a")
        before = robots_in(p.harbor)
        for registry_name in (f"{name}-two", name, f"{name}-two"):
            assert (await run_schedules(registry_name)).registry.plan.changes == ()
        assert robots_in(p.harbor) == before
        assert await p.grants_exactly("team-a")


async def test_integrated_again_under_another_name_it_works_robots_left_behind_included(
    name: str,
) -> None:
    async with platform(name, "team-a") as p:
        await run_schedules(name, is_new_registry=True)  # makes a robot account to observe with
        await p.bind("team-a")
        robot_ids = {robot.id for robot in p.harbor.simulator.robots.values()}
        assert len(robot_ids) == 2
        remove_registry_record(name)  # out of reach, so that all stayed behind
        other = f"{name}-two"
        assert (await integrate(other, p.harbor.url)).is_completed()
        marks = [parse_mark(robot.description) for robot in p.harbor.simulator.robots.values()]
        assert [mark.registry for mark in marks if mark] == [other]  # the observer's, taken over
        other_platform = type(p)(other, p.harbor, p.cluster)
        await other_platform.bind("team-a")
        assert await other_platform.grants_exactly("team-a")
        await expect_success(remove_registry, other, confirm=True)
        assert not p.harbor.simulator.robots


async def test_the_creation_time_is_on_record_and_no_change_moves_it(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        (recorded_robot,) = recorded_robots(name)
        created = p.robot.created
        assert recorded_robot.created_at is not None
        assert abs(created - recorded_robot.created_at) < timedelta(milliseconds=1)
        run_in_transaction(
            robots.update_robots, name, [recorded_robot.model_copy(update={"created_at": None})]
        )
        await run_schedules(name)
        assert recorded_robots(name)[0].created_at == recorded_robot.created_at  # from a look
        await p.bind("team-b")
        await run_schedules(name, rotate=frozenset())
        assert recorded_robots(name)[0].created_at == recorded_robot.created_at


async def test_another_harbor_behind_the_address_gets_no_binding(name: str) -> None:
    """Its database is new: the same ids were given to other accounts and projects."""
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        robot = p.robot
        robot.created += timedelta(seconds=5)
        result = await run_schedules(name)
        assert "another registry responds at this address" in next(
            iter(result.registry.plan.bindings_to_hold.values())
        )
        assert robots_in(p.harbor) == {}
        assert p.cluster.secret("shop") is None
        await run_schedules(name)
        assert recorded_robots(name) == ()
