"""Pages that shift while they are read: the list is whole, or it is not believed."""

from collections.abc import Callable

import pytest

from deployments.simulators.faults import Call, Fault, Faults
from deployments.simulators.harbor import Harbor
from models.core.reasons import Reason
from tests.tasks.registries.robot_tools import Scene
from tests.tasks.registries.tools import (
    INSTALLATION,
    PAGE,
    items,
    look,
    why_unseen,
)


def _add(many: Harbor) -> Callable[[], object]:
    return lambda: many.add_project(f"p000-new{len(many.projects)}")


def _swap(many: Harbor) -> Callable[[], object]:
    """One goes and one comes: the total stays, and rows move all the same."""

    def swap() -> None:
        many.delete_project(min(name for name in many.projects if name != "library"))
        many.add_project(f"zz{many.next_id('swap')}")

    return swap


@pytest.mark.parametrize("change", [_add, _swap])
async def test_pages_that_shift_are_read_once_more(
    url: str, faults: Faults, many: Harbor, change: Callable[[Harbor], Callable[[], object]]
) -> None:
    faults.add(Fault(Call(change(many)), path=PAGE.format(2)))
    found = items(await look(url))
    assert {one.name for one in found} == set(many.projects)


@pytest.mark.parametrize("gone", ["p000", "p050", "p149", "p150", "p248"])
@pytest.mark.parametrize("page", [2, 3])
async def test_whoever_goes_and_comes_meanwhile_nobody_else_is_missed(
    url: str, faults: Faults, many: Harbor, gone: str, page: int
) -> None:
    def swap() -> None:
        many.delete_project(gone)
        many.add_project("new")

    faults.add(Fault(Call(swap), path=PAGE.format(page)))
    found = {one.name for one in items(await look(url))}
    assert found >= set(many.projects) - {"new"}


@pytest.mark.parametrize("change", [_add, _swap])
async def test_pages_that_keep_shifting_are_unseen(
    url: str, faults: Faults, many: Harbor, change: Callable[[Harbor], Callable[[], object]]
) -> None:
    faults.add(Fault(Call(change(many)), path=PAGE.format(2), times=None))
    assert why_unseen(await look(url)) is Reason.PAGES_SHIFTED
    assert faults.count(path=PAGE.format(1)) == 2


@pytest.mark.parametrize("gone", [0, 50, 99, 100, 149])
async def test_nor_is_any_robot_missed_when_one_goes_and_one_comes(place: Scene, gone: int) -> None:
    stem = f"ri-{INSTALLATION}"
    made = [place.add(f"{stem}-w{number:03}", "red") for number in range(150)]

    def swap() -> None:
        place.harbor.robots.pop(made[gone].id)
        place.add(f"{stem}-zz", "red")

    place.faults.add(Fault(Call(swap), path=r".*/robots\?.*page=2&.*"))
    found = {one.id for one in await place.robots()}
    assert found >= {one.id for one in made} - {made[gone].id}
