"""Spaces as they are remembered and desired, ten thousand at once too."""

import time

import pytest

from models.access.requests import desired_space_entries
from models.core.errors import LeaseHeld
from models.registries.observation import SpaceStorage
from models.tables import AuditRow
from tasks.store.leases import lease
from tasks.store.registries import spaces
from tasks.store.registries.statistics import list_space_statistics, save_storage
from tasks.store.session import in_transaction, run_in_transaction
from tests.support.builders import NOW, PRIVATE, PUBLIC, registry, run_context, space
from tests.tasks.store.registries.test_statistics import reading
from tests.tasks.store.tools import audit_entries, integrate, rows

pytestmark = pytest.mark.usefixtures("database")

EVERY_FIELD = (
    space("full", id=3, desired=PUBLIC, declared=True, missing_since=NOW, repositories=0),
    space("plain", id=None, observed=None, repositories=None),
)


def test_remembered_as_they_are() -> None:
    integrate()
    run_in_transaction(spaces.save_spaces, "prod", EVERY_FIELD)
    assert run_in_transaction(spaces.list_spaces, "prod") == EVERY_FIELD
    changed = space("plain", desired=PRIVATE)
    run_in_transaction(spaces.save_spaces, "prod", [changed])
    assert run_in_transaction(spaces.list_spaces, "prod") == (EVERY_FIELD[0], changed)


def test_each_registry_has_its_own() -> None:
    integrate()
    integrate(registry(name="other", address="http://other.test"))
    run_in_transaction(spaces.save_spaces, "prod", [space("team", id=1)])
    run_in_transaction(spaces.save_spaces, "other", [space("team", id=2)])
    run_in_transaction(spaces.delete_spaces, "prod", ["team"])
    assert run_in_transaction(spaces.list_spaces, "prod") == ()
    assert run_in_transaction(spaces.list_spaces, "other") == (space("team", id=2),)


def test_storage_figures_stay_as_they_are() -> None:
    integrate()
    run_in_transaction(spaces.save_spaces, "prod", [space("team")])
    run_in_transaction(
        save_storage, "prod", reading(SpaceStorage(name="team", used=5, limit=9)), NOW
    )
    run_in_transaction(spaces.save_spaces, "prod", [space("team", observed=PUBLIC)])
    space_figure = run_in_transaction(list_space_statistics, "prod")[0]
    assert (space_figure.space.observed, space_figure.storage_used, space_figure.storage_limit) == (
        PUBLIC,
        5,
        9,
    )


async def test_a_wish_is_stored_and_audited_under_the_lease() -> None:
    integrate()
    run_in_transaction(spaces.save_spaces, "prod", [space("team", observed=PUBLIC)])
    desired_space = space("team", observed=PUBLIC, desired=PRIVATE)
    async with lease("prod") as lease_id:
        await in_transaction(
            spaces.save_desired,
            "prod",
            [desired_space],
            desired_space_entries([desired_space]),
            run_context("run-2", lease_id),
        )
    assert run_in_transaction(spaces.list_spaces, "prod") == (desired_space,)
    row = rows(AuditRow)[-1]
    assert (row.what, row.subject, row.before, row.after) == (
        "space.asked", "team", "public", "private"
    )  # fmt: skip
    assert (row.flow_run, row.event) == ("run-2", None)


async def test_a_wish_without_the_lease_is_not_stored() -> None:
    integrate()
    with pytest.raises(LeaseHeld, match="lost its lease"):
        await in_transaction(spaces.save_desired, "prod", [space()], [], run_context("run-2", "me"))
    assert run_in_transaction(spaces.list_spaces, "prod") == ()
    assert audit_entries() == [("registry.integrated", "prod")]


def test_ten_thousand_at_once() -> None:
    integrate()
    space_records = tuple(space(f"s{number:05}", id=number) for number in range(10_000))
    began = time.process_time()
    run_in_transaction(spaces.save_spaces, "prod", space_records)
    run_in_transaction(spaces.save_spaces, "prod", space_records)
    assert run_in_transaction(spaces.list_spaces, "prod") == space_records
    names = [record.name for record in space_records[1:]]
    run_in_transaction(spaces.delete_spaces, "prod", names)
    assert run_in_transaction(spaces.list_spaces, "prod") == space_records[:1]
    assert time.process_time() - began < 20
