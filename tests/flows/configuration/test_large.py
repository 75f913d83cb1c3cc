"""200 registries with 50 spaces each: the second run is quick and writes nothing."""

import time
from typing import Any

import pytest
from prefect.logging import disable_run_logger
from sqlalchemy import event
from sqlmodel import Session

from flows.configuration.apply_plan import ApplyOptions, apply_plan
from flows.configuration.make_plan import plan_sources
from flows.operations.bindings import bind
from flows.runs import new_run_context
from models.access.binding import Binding, Workspace
from models.configuration.export import export_document
from models.configuration.scope import Scope
from models.core.settings import get_settings
from models.registries.registry import Kind
from models.registries.space import Visibility
from models.tables import SpaceRow
from tasks.configuration.files import Sources
from tasks.store.access import workspaces
from tasks.store.configuration import load_world
from tasks.store.registries import registries
from tasks.store.session import get_engine, run_in_transaction
from tasks.store.upsert import upsert
from tests.support.builders import NOW, registry, run_context
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
