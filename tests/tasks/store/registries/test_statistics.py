"""Numbers for the overview: unknown, zero and unlimited are three things."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from models.core.availability import Complete, Unavailable
from models.core.reasons import Reason
from models.overview.overview import SpaceTotals, storage_trend
from models.registries.observation import UNLIMITED, SpaceStorage, StorageReading
from models.registries.space import Space
from models.tables import MeasurementRow
from tasks.store.registries import spaces
from tasks.store.registries.statistics import (
    list_measurements,
    list_registry_statistics,
    list_space_statistics,
    list_storage_totals,
    registries_with_public_spaces,
    save_storage,
)
from tasks.store.session import run_in_transaction
from tests.support.builders import NOW, PRIVATE, PUBLIC, registry, space
from tests.tasks.store.tools import integrate, rows

pytestmark = pytest.mark.usefixtures("database")

UNREADABLE = Unavailable(reason=Reason.NOT_PROBED, message="quotas are switched off")


def reading(*storages: SpaceStorage, total: int | None = None) -> StorageReading:
    return StorageReading(total=total, spaces=Complete[SpaceStorage](items=storages))


def _save_spaces(*space_records: Space) -> None:
    integrate()
    run_in_transaction(spaces.save_spaces, "prod", space_records)


def _totals() -> SpaceTotals:
    (registry_figures,) = run_in_transaction(list_registry_statistics)
    return registry_figures.totals


def test_nothing_known_is_not_zero() -> None:
    integrate()
    (registry_figures,) = run_in_transaction(list_registry_statistics)
    assert (registry_figures.totals, registry_figures.storage_used) == (SpaceTotals(), None)
    assert registry_figures.totals.repository_count is None


def test_summed_up() -> None:
    _save_spaces(
        space("a", observed=PUBLIC, repositories=2),
        space("b", observed=PRIVATE, repositories=3),
        space("followed", observed=None, desired=PUBLIC, repositories=0),
        space("silent", observed=None, repositories=None),
        space("drifted", observed=PUBLIC, desired=PRIVATE, repositories=1),
        space("missing", observed=PUBLIC, repositories=7, missing_since=NOW),
        space("asked", observed=None, desired=PUBLIC, declared=True, repositories=None),
    )
    assert _totals() == SpaceTotals(
        public_count=3, private_count=2, missing_count=1, drifted_count=1, repository_count=6
    )


@pytest.mark.parametrize(
    ("record", "is_public"),
    [
        (space(observed=PUBLIC), True),
        (space(observed=None, desired=PUBLIC), True),
        (space(observed=PRIVATE, desired=PUBLIC), False),
        (space(observed=PUBLIC, missing_since=NOW), False),
        (space(observed=None, desired=PUBLIC, declared=True), False),
    ],
)
def test_only_spaces_in_the_registry_are_public(record: Space, is_public: bool) -> None:
    _save_spaces(record, space("another", observed=PRIVATE))
    names = run_in_transaction(registries_with_public_spaces)
    assert names == ({"prod"} if is_public else frozenset())


def test_public_spaces_that_are_missing_with_all_others_count_until_they_expire() -> None:
    _save_spaces(
        space(observed=PUBLIC, missing_since=NOW), space("b", observed=PRIVATE, missing_since=NOW)
    )
    assert run_in_transaction(registries_with_public_spaces) == {"prod"}


@pytest.mark.parametrize(
    ("limits", "expected"),
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
def test_limits(limits: tuple[int | None, ...], expected: int | None) -> None:
    names = ("a", "b")
    _save_spaces(*(space(name) for name in names))
    storages = [
        SpaceStorage(name=name, used=0, limit=limit)
        for name, limit in zip(names, limits, strict=True)
        if limit is not None
    ]
    run_in_transaction(save_storage, "prod", reading(*storages), NOW)
    assert _totals().storage_limit == expected


def test_used_is_zero_only_if_told() -> None:
    _save_spaces(space("a"), space("b"))
    assert _totals().storage_used is None
    run_in_transaction(save_storage, "prod", reading(SpaceStorage(name="a", used=0, limit=-1)), NOW)
    assert _totals().storage_used == 0
    by_name = {
        space_figure.space.name: space_figure
        for space_figure in run_in_transaction(list_space_statistics, "prod")
    }
    assert (by_name["a"].storage_used, by_name["b"].storage_used) == (0, None)


def test_what_the_registry_counts_goes_before_the_sum() -> None:
    _save_spaces(space("a"))
    storage = SpaceStorage(name="a", used=2**40, limit=2**41)
    run_in_transaction(save_storage, "prod", reading(storage, total=2**39), NOW)
    (registry_figures,) = run_in_transaction(list_registry_statistics)
    assert (
        registry_figures.storage_used,
        registry_figures.totals.storage_used,
        registry_figures.record.storage_read_at,
    ) == (2**39, 2**40, NOW)


def test_why_figures_are_missing_is_kept() -> None:
    _save_spaces(space("a"))
    run_in_transaction(save_storage, "prod", StorageReading(spaces=UNREADABLE), NOW)
    (registry_figures,) = run_in_transaction(list_registry_statistics)
    assert (registry_figures.storage_used, registry_figures.record.storage_note) == (
        None,
        "quotas are switched off",
    )


def test_figures_of_unknown_spaces_and_registries_are_left_out() -> None:
    _save_spaces(space("a"))
    storages = [SpaceStorage(name=name, used=1, limit=2) for name in ("a", "unknown")]
    run_in_transaction(save_storage, "prod", reading(*storages), NOW)
    run_in_transaction(save_storage, "removed", reading(*storages), NOW)
    assert [
        space_figure.space.name
        for space_figure in run_in_transaction(list_space_statistics, "prod")
    ] == ["a"]


def test_measured_for_the_trend() -> None:
    _save_spaces(space("a", repositories=2))
    integrate(registry(name="other", address="http://other.test"))
    hour = timedelta(hours=1)
    storage = SpaceStorage(name="a", used=5, limit=-1)
    run_in_transaction(save_storage, "prod", reading(storage), NOW)
    run_in_transaction(save_storage, "prod", reading(storage, total=3), NOW + hour)
    run_in_transaction(save_storage, "other", StorageReading(spaces=UNREADABLE), NOW + hour)
    samples = run_in_transaction(list_measurements, NOW)
    assert [sample.storage_used for sample in samples if sample.registry == "prod"] == [5, 3]
    assert {(row.spaces, row.repositories) for row in rows(MeasurementRow)} == {(1, 2), (0, 0)}
    assert [used for _, used in storage_trend(samples, NOW + hour, window=hour, points=2)] == [5, 3]
    assert len(run_in_transaction(list_measurements, NOW + hour)) == 2


def test_totals_at_given_times_are_the_last_measurements_before_them() -> None:
    _save_spaces(space("a"))
    integrate(registry(name="other", address="http://other.test"))
    hour = timedelta(hours=1)
    run_in_transaction(save_storage, "prod", reading(total=5), NOW)
    run_in_transaction(save_storage, "prod", reading(total=7), NOW + 2 * hour)
    run_in_transaction(save_storage, "other", reading(total=100), NOW + 3 * hour)
    run_in_transaction(save_storage, "other", StorageReading(spaces=UNREADABLE), NOW + 4 * hour)
    times = [NOW + hour * number for number in range(-1, 6)]
    totals = run_in_transaction(list_storage_totals, times)
    assert [(at - NOW) / hour for at, _ in totals] == [0, 1, 2, 3, 4, 5]
    assert [used for _, used in totals] == [5, 5, 7, 107, 107, 107]
    assert run_in_transaction(list_storage_totals, []) == ()


def test_old_measurements_are_dropped() -> None:
    _save_spaces(space("a"))
    for days in (0, 89, 91):
        run_in_transaction(save_storage, "prod", reading(total=days), NOW + timedelta(days=days))
    assert [sample.storage_used for sample in run_in_transaction(list_measurements, NOW)] == [
        89,
        91,
    ]


def test_figures_and_looks_do_not_block_each_other() -> None:
    """Both write many rows of one registry, in whatever order they heard of them."""
    space_records = [space(f"s{number:04}", id=number) for number in range(2000)]
    _save_spaces(*space_records)
    storages = [
        SpaceStorage(name=record.name, used=1, limit=2) for record in reversed(space_records)
    ]

    def measure(_: int) -> None:
        run_in_transaction(save_storage, "prod", reading(*storages), NOW)

    def save_spaces(_: int) -> None:
        run_in_transaction(spaces.save_spaces, "prod", space_records)

    with ThreadPoolExecutor(2) as threads:
        ends = [
            threads.submit(work, number) for number in range(4) for work in (measure, save_spaces)
        ]
        for end in ends:
            end.result(60)
    assert _totals().storage_used == 2000
