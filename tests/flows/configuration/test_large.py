"""200 registries with 50 spaces each: a second run writes nothing, an export builds the same."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger
from sqlalchemy import event
from sqlmodel import Session

from deployments.simulators.docker_registry import BasicAuth, SimulatedDockerRegistry
from deployments.simulators.server import run_server
from flows.configuration.apply_plan import ApplyOptions, apply_plan
from flows.configuration.make_plan import plan_sources
from flows.operations.bindings import bind
from flows.runs import new_run_context
from models.access.binding import Binding, Workspace
from models.configuration.export import export_document
from models.configuration.scope import Scope
from models.core.settings import get_settings
from models.registries.condition import Health
from models.registries.registry import DriftPolicy, EnvironmentRef, Kind, Registry
from models.registries.space import Visibility
from models.tables import SpaceRow
from tasks.configuration.files import Sources
from tasks.store.access import workspaces
from tasks.store.configuration import load_world
from tasks.store.registries import registries
from tasks.store.session import get_engine, run_in_transaction
from tasks.store.upsert import upsert
from tests.support.builders import NOW, registry, run_context
from tests.support.databases import migrated_sqlite, use_database
from tests.support.helpers import PASSWORD
from tests.tasks.store.tools import INTEGRATED

REGISTRIES, SPACES = 200, 50
MAX_SECONDS = 5.0


def _fill(session: Session) -> None:
    workspaces.save_workspaces(session, [Workspace(name="red")])
    for number in range(REGISTRIES):
        name = f"reg-{number}"
        spec = registry(Kind.DOCKER, name=name, address=f"https://r{number}.example.com")
        registries.add_registry(session, spec, INTEGRATED, run_context())
        rows = [
            {"registry_name": name, "name": f"s{index}", "desired": Visibility.PRIVATE}
            for index in range(SPACES)
        ]
        upsert(session, SpaceRow, rows)
        bindings = [
            Binding(registry=name, space=f"s{index}", workspace="red", bound_at=NOW)
            for index in range(SPACES)
        ]
        bind(session, bindings, new_run_context())


@pytest.mark.usefixtures("name")
async def test_the_second_run_is_quick_and_writes_nothing() -> None:
    run_in_transaction(_fill)
    document = export_document(run_in_transaction(load_world))
    sources = Sources({"all.yaml": document}, Scope(name="all.yaml"))
    with disable_run_logger():
        first = await plan_sources(sources)
        assert len(first.plan.changes) == 1 + REGISTRIES * (1 + 2 * SPACES)
        result = await apply_plan(first, sources, ApplyOptions())
        assert (len(result.made), result.failures) == (len(first.plan.changes), ())
    written: list[str] = []

    def record(_: Any, __: Any, statement: str, *___: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "BEGIN", "PRAGMA")):
            written.append(statement)

    engine = get_engine(get_settings().database)
    event.listen(engine, "before_cursor_execute", record)
    started = time.process_time()  # not the time that other tests take
    second = await plan_sources(sources)
    again = await apply_plan(second, sources, ApplyOptions())
    seconds = time.process_time() - started
    event.remove(engine, "before_cursor_execute", record)
    assert (second.plan.changes, second.plan.notices, again.made, written) == ((), (), (), [])
    assert seconds < MAX_SECONDS, f"{seconds:.1f} s"
    print(f"second run: {seconds:.2f} s")


def _fill_by_hand(session: Session, port: str) -> None:
    names = [f"team-{number}" for number in range(10)]
    workspaces.save_workspaces(session, [Workspace(name=name) for name in names])
    for number in range(REGISTRIES):
        name = f"reg-{number}"
        spec = Registry(
            name=name,
            kind=Kind.DOCKER,
            address=f"http://127.0.1.{number + 1}:{port}",
            credential=EnvironmentRef(name=f"REGISTRY_CREDENTIAL_{number}"),
            drift_policy=DriftPolicy.REPORT if number % 3 else DriftPolicy.ENFORCE,
            description=f"registry {number}",
        )
        registries.add_registry(session, spec, INTEGRATED, run_context())
        visibilities = (Visibility.PRIVATE, Visibility.PUBLIC)
        rows = [
            {"registry_name": name, "name": f"s{index}", "desired": visibilities[index % 2]}
            for index in range(SPACES)
        ]
        upsert(session, SpaceRow, rows)
        bindings = [
            Binding(
                registry=name,
                space=f"s{index}",
                workspace=names[(number + index) % 10],
                bound_at=NOW,
            )
            for index in range(0, SPACES, 10)
        ]
        bind(session, bindings, new_run_context())


async def test_an_export_builds_the_same_on_an_empty_installation(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One server answers for all registries, under 200 addresses."""
    simulated = SimulatedDockerRegistry(BasicAuth({"jane": PASSWORD}))
    for index in range(SPACES):
        simulated.add_repository(f"s{index}/app")
    with run_server(simulated.app, host="0.0.0.0") as url:
        port = url.rpartition(":")[2]
        run_in_transaction(_fill_by_hand, port)
        before = run_in_transaction(load_world)
        for registry in before.registries.values():
            user = {"username": "jane", "password": PASSWORD, "origins": [registry.address]}
            number = registry.name.removeprefix("reg-")
            monkeypatch.setenv(f"REGISTRY_CREDENTIAL_{number}", json.dumps(user))
        document = export_document(before)
        assert PASSWORD not in document
        (tmp_path / "empty").mkdir()
        with use_database(migrated_sqlite(tmp_path / "empty")):
            with disable_run_logger():  # not the flow: it would send 11,000 events
                sources = Sources({"all.yaml": document}, Scope(name="all.yaml"))
                result = await apply_plan(await plan_sources(sources), sources, ApplyOptions())
            assert result.failures == ()
            after = run_in_transaction(load_world)
            records = run_in_transaction(registries.list_registries)
    assert {record.health_summary.health for record in records} == {Health.HEALTHY}
    assert after.registries == before.registries
    assert after.things == before.things
    assert set(after.marks) == set(after.things)
