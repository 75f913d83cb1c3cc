"""Lists that equal those of an earlier observation are not converted to spaces."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from deployments.simulators.faults import Fault, Respond
from deployments.simulators.harbor import SimulatedHarbor
from models.core.availability import Complete
from models.registries.observation import UNCHANGED, Snapshot
from tests.tasks.registries.robot_tools import LIST, NAME, HarborTestbed
from tests.tasks.registries.tools import ADMIN, INSTALLATION, open_client

Change = Callable[[HarborTestbed], object]


async def _observe(testbed: HarborTestbed, known_lists: str = "") -> Snapshot:
    async with open_client(testbed.url, credential=ADMIN) as client:
        return await client.observe(INSTALLATION, known_lists)


def _project(harbor: SimulatedHarbor) -> str:
    return next(name for name in harbor.projects if name != "library")


def _flip(testbed: HarborTestbed) -> None:
    project = testbed.harbor.projects[_project(testbed.harbor)]
    project.public = not project.public


def _touch_project(testbed: HarborTestbed) -> None:
    testbed.harbor.projects[_project(testbed.harbor)].updated += timedelta(seconds=1)


def _touch_robot(testbed: HarborTestbed) -> None:
    testbed.robot().updated += timedelta(seconds=1)


def _reverse_permissions(testbed: HarborTestbed) -> None:
    robot = testbed.robot()
    assert len(robot.permissions) > 1
    robot.permissions = robot.permissions[::-1]


@pytest.mark.parametrize(
    ("change", "is_unchanged"),
    [
        (lambda testbed: None, True),
        (_touch_project, True),
        (_reverse_permissions, True),
        (lambda testbed: testbed.harbor.add_robot("other", ()), True),
        (_flip, False),
        (lambda testbed: testbed.harbor.add_project("new", public=False), False),
        (lambda testbed: testbed.harbor.add_image(f"{_project(testbed.harbor)}/new", "v1"), False),
        (lambda testbed: testbed.harbor.delete_project(_project(testbed.harbor)), False),
        (_touch_robot, False),
        (lambda testbed: testbed.add(f"{NAME}.2"), False),
    ],
)
async def test_what_changes_the_lists(
    testbed: HarborTestbed, change: Change, is_unchanged: bool
) -> None:
    testbed.add(NAME, *[name for name in testbed.harbor.projects][:2])
    known = (await _observe(testbed)).lists_digest
    change(testbed)
    snapshot = await _observe(testbed, known)
    assert snapshot.is_unchanged is is_unchanged
    assert (snapshot.lists_digest == known) is is_unchanged
    assert (snapshot.spaces == UNCHANGED) is is_unchanged
    assert isinstance(snapshot.spaces, Complete) is not is_unchanged


async def test_lists_that_were_not_read_have_no_digest(testbed: HarborTestbed) -> None:
    known = (await _observe(testbed)).lists_digest
    testbed.faults.add(Fault(Respond(500), path=LIST, times=None))
    snapshot = await _observe(testbed, known)
    assert snapshot.lists_digest == ""
    assert snapshot.first_unavailable is not None
    assert not snapshot.is_unchanged
