"""Prefect's database stops growing: events are deleted after a day, runs after two weeks."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from tests.serving.quiet_product import Product, wait_until

_TABLES = {"flow_run": ("id", "end_time"), "events": ("id", "occurred")}


def test_old_events_and_runs_are_deleted(product: Product) -> None:
    events = [_send_event(product) for _ in range(2)]
    runs = [_create_run(product) for _ in range(2)]
    wait_until(lambda: _event_ids(product) == set(events))
    assert _run_ids(product) == set(runs)
    _age(product, "events", events, timedelta(hours=23), timedelta(hours=25))
    _age(product, "flow_run", runs, timedelta(days=13), timedelta(days=15))
    wait_until(lambda: _event_ids(product) == set(events[:1]))
    wait_until(lambda: _run_ids(product) == set(runs[:1]))


def _age(product: Product, table: str, ids: list[str], *ages: timedelta) -> None:
    """Move rows into the past, which the API cannot."""
    key, column = _TABLES[table]
    path = product.server.data_dir / "prefect" / "prefect.db"
    with closing(sqlite3.connect(path, timeout=60)) as connection, connection:
        for row_id, age in zip(ids, ages, strict=True):
            at = f"{datetime.now(UTC).replace(tzinfo=None) - age:%Y-%m-%d %H:%M:%S.%f}"
            statement = f"UPDATE {table} SET {column} = ? WHERE {key} = ?"
            assert connection.execute(statement, (at, str(UUID(row_id)))).rowcount == 1


def _send_event(product: Product) -> str:
    event = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": "vacuum.tested",
        "resource": {"prefect.resource.id": "vacuum"},
    }
    product.api.request("POST", "/events", [event])
    return str(event["id"])


def _event_ids(product: Product) -> set[str]:
    query = {"filter": {"event": {"name": ["vacuum.tested"]}}}
    events = product.api.request("POST", "/events/filter", query)["events"]
    return {event["id"] for event in events}


def _create_run(product: Product) -> str:
    flow = product.api.request("POST", "/flows/", {"name": "old-flow"})
    state = {"type": "COMPLETED", "name": "Completed"}
    run = product.api.request("POST", "/flow_runs/", {"flow_id": flow["id"], "state": state})
    return str(run["id"])


def _run_ids(product: Product) -> set[str]:
    return {run["id"] for run in product.api.runs("old-flow")}
