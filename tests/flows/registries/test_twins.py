"""One Harbor under two addresses: it is refused, and if it comes to that, it is not fought over."""

from datetime import timedelta

from flows.registries.integrate import integrate_registry
from flows.registries.remove import remove_registry
from flows.registries.update import update_registry
from models.registries.robots import mark_in
from tasks.store.registries import robots
from tasks.store.session import transact
from tests.support.helpers import (
    Place,
    block,
    completed,
    failed,
    forget,
    harbor_at,
    integrate,
    known,
    settled,
)
from tests.support.platform import a_minute, grants_of, platform, robots_in


def second_address(place: Place) -> str:
    """The same server under another name: another registry, for all that the address tells."""
    return place.url.replace("127.0.0.1", "localhost")


async def test_a_second_address_is_refused_with_the_name_of_the_first(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        other = f"{name}-two"
        harbor = {"type": "harbor", "address": second_address(p.place)}
        for test_only in (True, False):
            said = await failed(
                integrate_registry, other, harbor, await block(other), test_only=test_only
            )
            assert f"another address of the Harbor that is integrated as '{name}'" in said
        assert known() == [name]
        with harbor_at() as third:
            await settled(other, third.url)
            moved = {"address": second_address(p.place)}
            said = await failed(update_registry, other, credentials=await block(other), **moved)
            assert f"integrated as '{name}'" in said
        said = await completed(update_registry, name, credentials=await block(name), **moved)
        assert await p.pulls("shop", "team-a") is False  # nodes ask the old address for a while
        assert "healthy" in said


async def test_two_that_are_on_record_leave_each_others_robot_accounts_alone(name: str) -> None:
    """As where both were integrated before either had a robot account."""
    async with platform(name, "team-a") as p:
        await settled(f"{name}-two", second_address(p.place))
        await p.bind("team-a")
        before = robots_in(p.place)
        for one in (f"{name}-two", name, f"{name}-two"):
            assert (await a_minute(one)).registry.plan.changes == ()
        assert robots_in(p.place) == before
        assert await p.granted("team-a")


async def test_integrated_again_under_another_name_it_works_robots_left_behind_included(
    name: str,
) -> None:
    async with platform(name, "team-a") as p:
        await a_minute(name, first=True)  # makes a robot account to observe with
        await p.bind("team-a")
        left = {robot.id for robot in p.place.harbor.robots.values()}
        assert len(left) == 2
        forget(name)  # out of reach, so that all stayed behind
        other = f"{name}-two"
        assert (await integrate(other, p.place.url)).is_completed()
        marks = [mark_in(robot.description) for robot in p.place.harbor.robots.values()]
        assert [mark.registry for mark in marks if mark] == [other]  # the observer's, taken over
        again = type(p)(other, p.place, p.cluster)
        await again.bind("team-a")
        assert await again.granted("team-a")
        await completed(remove_registry, other, confirm=True)
        assert not p.place.harbor.robots


async def test_the_creation_time_is_on_record_and_no_change_moves_it(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        (made,) = grants_of(name)
        created = p.robot.created
        assert made.created_at is not None
        assert abs(created - made.created_at) < timedelta(milliseconds=1)
        transact(robots.note, name, [made.model_copy(update={"created_at": None})])
        await a_minute(name)
        assert grants_of(name)[0].created_at == made.created_at  # from a look
        await p.bind("team-b")
        await a_minute(name, rotate=frozenset())
        assert grants_of(name)[0].created_at == made.created_at


async def test_another_harbor_behind_the_address_gets_no_binding(name: str) -> None:
    """Its database is new: the same ids were given to other accounts and projects."""
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        robot = p.robot
        robot.created += timedelta(seconds=5)
        minute = await a_minute(name)
        assert "another Harbor answers" in next(
            iter(minute.registry.plan.bindings_to_hold.values())
        )
        assert robots_in(p.place) == {}
        assert p.cluster.secret("shop") is None
        await a_minute(name)
        assert grants_of(name) == ()
