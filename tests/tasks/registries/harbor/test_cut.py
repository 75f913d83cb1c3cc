"""A creation whose connection breaks: a client cannot know whether it had its effect."""

import pytest

from tests.support.random_platform import Lost
from tests.tasks.registries.robot_tools import NAME, ROBOTS, Scene, on
from tests.tasks.registries.tools import make_grant


@pytest.mark.parametrize("after", [False, True])
async def test_a_cut_creation_is_looked_after_and_made_once(place: Scene, after: bool) -> None:
    """A connection that idled away is cut at once: nobody need wait a minute for that."""
    place.faults.add(on("POST", Lost(after)))
    await place.make(make_grant("red"))
    assert await place.pulls("red")
    assert place.faults.count("POST", ROBOTS) == (1 if after else 2)
    assert [one.stored for one in place.harbor.robots.values()] == [NAME]
