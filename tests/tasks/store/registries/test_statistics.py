"""Numbers for the overview: unknown, zero and unlimited are three things."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from models.core.availability import Seen, Unseen
from models.core.reasons import Reason
from models.overview.overview import SpaceTotals, trend
from models.registries.observation import UNLIMITED, SpaceStorage, StorageReading
from models.registries.space import Space
from models.tables import MeasurementRow
from tasks.store.registries import spaces
from tasks.store.registries.statistics import figures, measurements, save_storage, space_figures
from tasks.store.session import transact
from tests.support.builders import NOW, PRIVATE, PUBLIC, registry, space
from tests.tasks.store.tools import integrate, rows

pytestmark = pytest.mark.usefixtures("database")

SILENT = Unseen(reason=Reason.NOT_PROBED, message="quotas are switched off")


def reading(*told: SpaceStorage, total: int | None = None) -> StorageReading:
    return StorageReading(total=total, spaces=Seen[SpaceStorage](items=told))


def _known(*known: Space) -> None:
    integrate()
    transact(spaces.remember, "prod", known)


def _totals() -> SpaceTotals:
    (one,) = transact(figures)
    return one.totals


def test_nothing_known_is_not_zero() -> None:
    integrate()
    (one,) = transact(figures)
    assert (one.totals, one.storage) == (SpaceTotals(), None)
    assert one.totals.repositories is None


def test_summed_up() -> None:
    _known(
        space("a", observed=PUBLIC, repositories=2),
        space("b", observed=PRIVATE, repositories=3),
        space("followed", observed=None, desired=PUBLIC, repositories=0),
        space("silent", observed=None, repositories=None),
        space("drifted", observed=PUBLIC, desired=PRIVATE, repositories=1),
        space("missing", observed=PUBLIC, repositories=7, missing_since=NOW),
        space("asked", observed=None, desired=PUBLIC, declared=True, repositories=None),
    )
    assert _totals() == SpaceTotals(public=3, private=2, missing=1, drifted=1, repositories=6)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ((10, 20), 30),
        ((0, 20), 20),
        ((0, 0), 0),
        ((10, UNLIMITED), UNLIMITED),
        ((10, None), None),
        ((UNLIMITED, None), None),
        ((2**50, 2**50), 2**51),
    ],
)
def test_limits(limits: tuple[int | None, ...], told: int | None) -> None:
    names = ("a", "b")
    _known(*(space(name) for name in names))
    known = [
        SpaceStorage(name=name, used=0, limit=limit)
        for name, limit in zip(names, limits, strict=True)
        if limit is not None
    ]
    transact(save_storage, "prod", reading(*known), NOW)
    assert _totals().limits == told


def test_used_is_zero_only_if_told() -> None:
    _known(space("a"), space("b"))
    assert _totals().used is None
    transact(save_storage, "prod", reading(SpaceStorage(name="a", used=0, limit=-1)), NOW)
    assert _totals().used == 0
    by_name = {one.space.name: one for one in transact(space_figures, "prod")}
    assert (by_name["a"].storage_used, by_name["b"].storage_used) == (0, None)


def test_what_the_registry_counts_goes_before_the_sum() -> None:
    _known(space("a"))
    told = SpaceStorage(name="a", used=2**40, limit=2**41)
    transact(save_storage, "prod", reading(told, total=2**39), NOW)
    (one,) = transact(figures)
    assert (one.storage, one.totals.used, one.dossier.storage_read_at) == (2**39, 2**40, NOW)


def test_why_figures_are_missing_is_kept() -> None:
    _known(space("a"))
    transact(save_storage, "prod", StorageReading(spaces=SILENT), NOW)
    (one,) = transact(figures)
    assert (one.storage, one.dossier.storage_note) == (None, "quotas are switched off")


def test_figures_of_unknown_spaces_and_registries_are_left_out() -> None:
    _known(space("a"))
    told = [SpaceStorage(name=name, used=1, limit=2) for name in ("a", "unknown")]
    transact(save_storage, "prod", reading(*told), NOW)
    transact(save_storage, "removed", reading(*told), NOW)
    assert [one.space.name for one in transact(space_figures, "prod")] == ["a"]


def test_measured_for_the_trend() -> None:
    _known(space("a", repositories=2))
    integrate(registry(name="other", address="http://other.test"))
    hour = timedelta(hours=1)
    told = SpaceStorage(name="a", used=5, limit=-1)
    transact(save_storage, "prod", reading(told), NOW)
    transact(save_storage, "prod", reading(told, total=3), NOW + hour)
    transact(save_storage, "other", StorageReading(spaces=SILENT), NOW + hour)
    found = transact(measurements, NOW)
    assert [(one.registry, one.storage_used) for one in found if one.registry == "prod"] == [
        ("prod", 5), ("prod", 3)
    ]  # fmt: skip
    assert {(row.spaces, row.repositories) for row in rows(MeasurementRow)} == {(1, 2), (0, 0)}
    assert [used for _, used in trend(found, NOW + hour, window=hour, points=2)] == [5, 3]
    assert len(transact(measurements, NOW + hour)) == 2


def test_old_measurements_are_dropped() -> None:
    _known(space("a"))
    for days in (0, 89, 91):
        transact(save_storage, "prod", reading(total=days), NOW + timedelta(days=days))
    assert [one.storage_used for one in transact(measurements, NOW)] == [89, 91]


def test_figures_and_looks_do_not_block_each_other() -> None:
    """Both write many rows of one registry, in whatever order they heard of them."""
    known = [space(f"s{number:04}", id=number) for number in range(2000)]
    _known(*known)
    told = [SpaceStorage(name=one.name, used=1, limit=2) for one in reversed(known)]

    def measure(_: int) -> None:
        transact(save_storage, "prod", reading(*told), NOW)

    def look(_: int) -> None:
        transact(spaces.remember, "prod", known)

    with ThreadPoolExecutor(2) as threads:
        ends = [threads.submit(work, number) for number in range(4) for work in (measure, look)]
        for end in ends:
            end.result(60)
    assert _totals().used == 2000
