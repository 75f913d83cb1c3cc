"""Spaces as they are remembered and desired, ten thousand at once too."""

import time

import pytest

from models.core.errors import Busy
from models.registries.observation import SpaceStorage
from models.tables import AuditRow
from tasks.store.leases import leased
from tasks.store.registries import spaces
from tasks.store.registries.statistics import save_storage, space_figures
from tasks.store.session import stored, transact
from tests.support.builders import NOW, PRIVATE, PUBLIC, registry, space
from tests.tasks.store.registries.test_statistics import reading
from tests.tasks.store.tools import audited, integrate, rows

pytestmark = pytest.mark.usefixtures("database")

EVERY_FIELD = (
    space("full", id=3, desired=PUBLIC, declared=True, missing_since=NOW, repositories=0),
    space("plain", id=None, observed=None, repositories=None),
)


def test_remembered_as_they_are() -> None:
    integrate()
    transact(spaces.remember, "prod", EVERY_FIELD)
    assert transact(spaces.spaces, "prod") == EVERY_FIELD
    changed = space("plain", desired=PRIVATE)
    transact(spaces.remember, "prod", [changed])
    assert transact(spaces.spaces, "prod") == (EVERY_FIELD[0], changed)


def test_each_registry_has_its_own() -> None:
    integrate()
    integrate(registry(name="other", address="http://other.test"))
    transact(spaces.remember, "prod", [space("team", id=1)])
    transact(spaces.remember, "other", [space("team", id=2)])
    transact(spaces.forget, "prod", ["team"], at=NOW, flow_run="run-2")
    assert transact(spaces.spaces, "prod") == ()
    assert transact(spaces.spaces, "other") == (space("team", id=2),)


def test_storage_figures_stay_as_they_are() -> None:
    integrate()
    transact(spaces.remember, "prod", [space("team")])
    transact(save_storage, "prod", reading(SpaceStorage(name="team", used=5, limit=9)), NOW)
    transact(spaces.remember, "prod", [space("team", observed=PUBLIC)])
    found = transact(space_figures, "prod")[0]
    assert (found.space.observed, found.storage_used, found.storage_limit) == (PUBLIC, 5, 9)


async def test_a_wish_is_stored_and_audited_under_the_lease() -> None:
    integrate()
    transact(spaces.remember, "prod", [space("team", observed=PUBLIC)])
    wish = space("team", observed=PUBLIC, desired=PRIVATE)
    async with leased("prod") as holder:
        await stored(spaces.wish, "prod", [wish], holder=holder, at=NOW, flow_run="run-2")
    assert transact(spaces.spaces, "prod") == (wish,)
    row = rows(AuditRow)[-1]
    assert (row.what, row.subject, row.before, row.after) == (
        "space.asked", "team", "public", "private"
    )  # fmt: skip
    assert (row.flow_run, row.event) == ("run-2", None)


async def test_a_wish_without_the_lease_is_not_stored() -> None:
    integrate()
    with pytest.raises(Busy, match="lost its lease"):
        await stored(spaces.wish, "prod", [space()], holder="me", at=NOW, flow_run="run-2")
    assert transact(spaces.spaces, "prod") == ()
    assert audited() == [("registry.integrated", "prod")]


def test_ten_thousand_at_once() -> None:
    integrate()
    many = tuple(space(f"s{number:05}", id=number) for number in range(10_000))
    began = time.process_time()
    transact(spaces.remember, "prod", many)
    transact(spaces.remember, "prod", many)
    assert transact(spaces.spaces, "prod") == many
    gone = [one.name for one in many[1:]]
    transact(spaces.forget, "prod", gone, at=NOW, flow_run="run-2")
    assert transact(spaces.spaces, "prod") == many[:1]
    assert time.process_time() - began < 20
