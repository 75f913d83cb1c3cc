"""A creation whose connection breaks: a client cannot know whether it had its effect."""

import pytest

from tests.support.random_platform import LostConnection
from tests.tasks.registries.robot_tools import NAME, ROBOTS, HarborTestbed, robot_fault
from tests.tasks.registries.tools import create_robot


@pytest.mark.parametrize("after", [False, True])
async def test_a_cut_creation_is_looked_after_and_made_once(
    testbed: HarborTestbed, after: bool
) -> None:
    """A connection that idled away is cut at once: nobody need wait a minute for that."""
    testbed.faults.add(robot_fault("POST", LostConnection(after)))
    await testbed.make(create_robot("red"))
    assert await testbed.pulls("red")
    assert testbed.faults.count("POST", ROBOTS) == (1 if after else 2)
    assert [robot.stored for robot in testbed.harbor.robots.values()] == [NAME]
