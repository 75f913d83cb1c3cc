"""All registries in one run: one that is broken never holds up another."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from deployments.simulators.docker_registry import DockerRegistry
from deployments.simulators.faults import Answer, Delay, Fault
from deployments.simulators.server import closed_port_url, running
from flows.registries.reconcile_all import reconcile_all
from models.core.audit import Entry
from models.core.settings import settings
from models.registries.registry import Kind
from models.registries.space import Visibility
from tasks import clock
from tasks.store.leases import leased
from tasks.store.registries import registries
from tasks.store.session import transact
from tests.support.builders import registry
from tests.support.helpers import (
    audit_of,
    completed,
    dossier,
    due,
    ended,
    figures_of,
    harbor_at,
    look_again,
    settled,
    spaces_of,
    task_runs,
    told,
)

_REFUSED = """
CREATE TRIGGER refused BEFORE UPDATE ON registry WHEN NEW.name = '{name}'
BEGIN SELECT RAISE(ABORT, 'on purpose'); END
"""
"""Nobody foresaw that the database would not take what is known of one registry."""


@pytest.fixture
def impatient(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no answer longer than a second, and let no registry wait for another's place."""
    monkeypatch.setenv("REGISTRY_INTEGRATION_READ_SECONDS", "1")
    monkeypatch.setenv("REGISTRY_INTEGRATION_REGISTRIES_AT_ONCE", "100")
    settings.cache_clear()


async def test_only_what_is_due_is_looked_at(name: str) -> None:
    with harbor_at() as place:
        await settled(name, place.url)
        asked = place.faults.seen.total()
        assert await completed(reconcile_all) == "0 of 1 registries were due"
        assert place.faults.seen.total() == asked
        assert (await look_again()).message == "1 of 1 registries were due"
        assert place.faults.seen.total() > asked


async def test_the_broken_hold_up_nobody(name: str, impatient: None) -> None:
    hanging, broken, absurd, well = (f"{name}-{each}" for each in ("a", "b", "c", "d"))
    with (
        harbor_at() as hang, harbor_at() as broke, harbor_at() as odd, harbor_at("team") as good
    ):  # fmt: skip
        for each, place in zip(
            (hanging, broken, absurd, well), (hang, broke, odd, good), strict=True
        ):
            await settled(each, place.url)
        hang.faults.add(Fault(Delay(30), times=None))
        broke.faults.add(Fault(Answer(500), times=None))
        good.harbor.projects["team"].public = True
        due(looked_at=clock.now() - timedelta(days=1))
        transact(lambda session: session.connection().execute(text(_REFUSED.format(name=absurd))))
        state = await ended(reconcile_all)
    finished = clock.now()
    message = state.message or ""
    assert f"4 of 4 registries were due; 2 could not be read: {hanging}, {broken}" in message
    assert f"1 with problems: {absurd}: unforeseen IntegrityError" in message
    drift = next(row for row in audit_of(well) if row.what == "space.visibility-drifted")
    assert (finished - drift.at).total_seconds() > 2
    assert spaces_of(well)["team"].observed is Visibility.PUBLIC
    for each in (hanging, broken, absurd):
        assert figures_of(each).totals.spaces == 1
        assert dossier(each).track.looked_at is not None
    assert await task_runs(state) <= 5
    assert (await told(well))["space.visibility-drifted"] == 1


async def test_a_run_elsewhere_is_no_failure(name: str) -> None:
    with harbor_at() as place:
        await settled(name, place.url)
        asked = place.faults.seen.total()
        async with leased(name):
            assert (await look_again()).is_completed()
        assert place.faults.seen.total() == asked


async def test_many_are_few_tasks_and_one_that_hangs_holds_up_no_batch(
    name: str, impatient: None
) -> None:
    with harbor_at() as hang, running(DockerRegistry().app) as url:
        await settled(f"{name}-a", hang.url)
        for number, address in enumerate(_dead(60)):
            _add(f"{name}-b{number:02}", address)
        _add(f"{name}-z", url)
        hang.faults.add(Fault(Delay(30), times=None))
        state = await look_again()
    last, slow = (dossier(f"{name}-{each}").track.looked_at for each in ("z", "a"))
    assert last is not None
    assert slow is not None
    assert last < slow
    assert await task_runs(state) == 2
    assert "62 of 62 registries were due; 61 could not be read" in (state.message or "")


def _dead(many: int) -> set[str]:
    found: set[str] = set()
    while len(found) < many:
        found.add(closed_port_url())
    return found


def _add(name: str, address: str) -> None:
    entry = Entry(subject=name, what="registry.integrated", announce=False)
    one = registry(Kind.DOCKER, name=name, address=address)
    transact(registries.add, one, entry, at=clock.now(), flow_run="")


async def test_nothing_integrated(name: str) -> None:
    assert (await ended(reconcile_all)).message == "0 of 0 registries were due"
