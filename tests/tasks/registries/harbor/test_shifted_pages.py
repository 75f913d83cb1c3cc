"""Pages that shift while they are read: the list is whole, or it is not believed."""

from collections.abc import Callable

import pytest

from deployments.simulators.faults import Fault, FaultInjector, RunCallback
from deployments.simulators.harbor import SimulatedHarbor
from models.core.reasons import Reason
from tests.tasks.registries.robot_tools import HarborTestbed
from tests.tasks.registries.tools import (
    INSTALLATION,
    PAGE,
    items,
    observe_registry,
    unavailable_reason,
)


def _add(large_harbor: SimulatedHarbor) -> Callable[[], object]:
    return lambda: large_harbor.add_project(f"p000-new{len(large_harbor.projects)}")


def _swap(large_harbor: SimulatedHarbor) -> Callable[[], object]:
    """One goes and one comes: the total stays, and rows move all the same."""

    def swap() -> None:
        large_harbor.delete_project(
            min(name for name in large_harbor.projects if name != "library")
        )
        large_harbor.add_project(f"zz{large_harbor.next_id('swap')}")

    return swap


@pytest.mark.parametrize("change", [_add, _swap])
async def test_pages_that_shift_are_read_once_more(
    url: str,
    faults: FaultInjector,
    large_harbor: SimulatedHarbor,
    change: Callable[[SimulatedHarbor], Callable[[], object]],
) -> None:
    faults.add(Fault(RunCallback(change(large_harbor)), path=PAGE.format(2)))
    spaces = items(await observe_registry(url))
    assert {space.name for space in spaces} == set(large_harbor.projects)


@pytest.mark.parametrize("deleted_name", ["p000", "p050", "p149", "p150", "p248"])
@pytest.mark.parametrize("page", [2, 3])
async def test_whoever_goes_and_comes_meanwhile_nobody_else_is_missed(
    url: str, faults: FaultInjector, large_harbor: SimulatedHarbor, deleted_name: str, page: int
) -> None:
    def swap() -> None:
        large_harbor.delete_project(deleted_name)
        large_harbor.add_project("new")

    faults.add(Fault(RunCallback(swap), path=PAGE.format(page)))
    names = {space.name for space in items(await observe_registry(url))}
    assert names >= set(large_harbor.projects) - {"new"}


@pytest.mark.parametrize("change", [_add, _swap])
async def test_pages_that_keep_shifting_are_unseen(
    url: str,
    faults: FaultInjector,
    large_harbor: SimulatedHarbor,
    change: Callable[[SimulatedHarbor], Callable[[], object]],
) -> None:
    faults.add(Fault(RunCallback(change(large_harbor)), path=PAGE.format(2), times=None))
    assert unavailable_reason(await observe_registry(url)) is Reason.PAGES_SHIFTED
    assert faults.count(path=PAGE.format(1)) == 2


@pytest.mark.parametrize("deleted_index", [0, 50, 99, 100, 149])
async def test_nor_is_any_robot_missed_when_one_goes_and_one_comes(
    testbed: HarborTestbed, deleted_index: int
) -> None:
    stem = f"ri-{INSTALLATION}"
    robots = [testbed.add(f"{stem}-w{number:03}", "red") for number in range(150)]

    def swap() -> None:
        testbed.harbor.robots.pop(robots[deleted_index].id)
        testbed.add(f"{stem}-zz", "red")

    testbed.faults.add(Fault(RunCallback(swap), path=r".*/robots\?.*page=2&.*"))
    ids = {robot.id for robot in await testbed.robots()}
    assert ids >= {robot.id for robot in robots} - {robots[deleted_index].id}
