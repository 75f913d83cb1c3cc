"""Migrations of a database that is in use: nothing is lost, there and back."""

from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, MetaData, inspect, text

from models.access.binding import Workspace
from tasks.store import audit
from tasks.store.access import bindings, workspaces
from tasks.store.installation import get_installation
from tasks.store.migrate import build_alembic_config, migrate
from tasks.store.registries import credential_origins, registries, robots, spaces
from tasks.store.schema_revision import require_current_schema
from tasks.store.session import get_engine, run_in_transaction
from tests.support.access_builders import binding, robot_account
from tests.support.builders import NOW

Rows = dict[str, list[dict[str, Any]]]

OF_0001: Rows = {
    "registry": [
        {
            "name": name,
            "kind": "harbor",
            "address": f"http://{name}.test",
            "origin": "external",
            "credential": {"source": "block", "name": "harbor"},
            "tls": {"mode": "verify"},
            "token_service": None,
            "drift_policy": "enforce",
            "description": "",
            "integrated_at": NOW,
            "looked_at": NOW,
            "look_seconds": 1.5,
            "failures": 0,
            "spaces_read_at": NOW,
            "storage_read_at": None,
            "storage_used": 2**40,
            "storage_note": "",
        }
        for name in ("prod", "second")
    ],
    "space": [
        {
            "registry_name": "prod",
            "name": name,
            "remote_id": 7,
            "desired": "public",
            "observed": "private",
            "declared": False,
            "repositories": 3,
            "missing_since": NOW,
            "storage_used": 5,
            "storage_limit": -1,
        }
        for name in ("team", "tools")
    ],
    "condition": [
        {
            "registry_name": "prod",
            "type": "Reachable",
            "status": "true",
            "reason": "Connected",
            "message": "answers",
            "since": NOW,
            "contrary": 0,
        }
    ],
    "outcome": [
        {
            "registry_name": "prod",
            "subject": "team",
            "kind": "set-visibility",
            "at": NOW,
            "done": False,
            "reason": "Forbidden",
            "message": "no",
        }
    ],
    "measurement": [
        {
            "registry_name": "second",
            "at": NOW,
            "spaces": 2,
            "repositories": 6,
            "storage_used": None,
        }
    ],
    "audit": [
        {
            "at": NOW,
            "registry_name": "prod",
            "subject": "team",
            "what": "space.created",
            "before": "",
            "after": "private",
            "why": "Asked",
            "flow_run": "run-1",
            "event": event,
            "announced_at": None,
        }
        for event in (None, "space.created")
    ],
    "lease": [{"key": "prod", "holder": "me", "expires_at": NOW}],
    "publication": [{"key": "registry-prod", "digest": "d", "at": NOW}],
}


def _at(url: str, direction: str, revision: str) -> None:
    with get_engine(url).begin() as connection:
        alembic_config = build_alembic_config()
        alembic_config.attributes["connection"] = connection
        getattr(command, direction)(alembic_config, revision)


def _reflected(connection: Connection) -> MetaData:
    metadata = MetaData()
    metadata.reflect(connection)
    return metadata


def _fill(url: str) -> None:
    with get_engine(url).begin() as connection:
        tables = _reflected(connection).tables
        for name, table_rows in OF_0001.items():
            connection.execute(tables[name].insert(), table_rows)


def _read(url: str) -> Rows:
    """Read all rows, with the columns that 0001 has, times as UTC."""
    with get_engine(url).connect() as connection:
        tables = _reflected(connection).tables
        return {
            name: sorted(
                (
                    {key: _utc(row[key]) for key in OF_0001[name][0]}
                    for row in connection.execute(tables[name].select()).mappings()
                ),
                key=str,
            )
            for name in OF_0001
        }


def _utc(value: Any) -> Any:
    return value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value


@pytest.fixture
def old_database(empty_database: str) -> str:
    """A database as it was left by the version before."""
    _at(empty_database, "upgrade", "0001")
    _fill(empty_database)
    return empty_database


def test_the_fixture_leaves_out_no_table(old_database: str) -> None:
    names = set(inspect(get_engine(old_database)).get_table_names()) - {"alembic_version"}
    assert names == OF_0001.keys()


def test_nothing_is_lost(old_database: str) -> None:
    before = _read(old_database)
    migrate(old_database)
    require_current_schema(old_database)
    assert _read(old_database) == before


def test_what_is_old_can_be_used(old_database: str) -> None:
    migrate(old_database)
    prod, second = run_in_transaction(registries.list_registries)
    assert (prod.registry.name, prod.registry.pull_credential) == ("prod", None)
    assert second.registry.name == "second"
    assert [record.name for record in run_in_transaction(spaces.list_spaces, "prod")] == [
        "team",
        "tools",
    ]
    rows = run_in_transaction(audit.history, "prod")
    assert [(row.id, row.cluster_name, row.workspace) for row in rows] == [(2, "", ""), (1, "", "")]
    assert [row.id for row in run_in_transaction(audit.pending_events)] == [2]
    assert len(run_in_transaction(get_installation)) == 8


def test_what_persons_integrated_keeps_its_credentials(old_database: str) -> None:
    """Not what is managed: discovery may have moved it, and a person has to look at it."""
    with get_engine(old_database).begin() as connection:
        connection.execute(text("UPDATE registry SET origin = 'managed' WHERE name = 'second'"))
    migrate(old_database)
    for _ in range(2):
        origins = run_in_transaction(
            credential_origins.permitted_origins, {"harbor": "id-1", "other": "id-2"}
        )
        assert origins == {"harbor": {"http://prod.test"}, "other": set()}
    assert run_in_transaction(credential_origins.permitted_origins, {"harbor": "id-2"}) == {
        "harbor": set()
    }


def test_what_is_new_belongs_to_what_is_old(old_database: str) -> None:
    migrate(old_database)
    run_in_transaction(
        workspaces.save_workspace, Workspace(name="team-a"), [], at=NOW, flow_run="r"
    )
    run_in_transaction(bindings.bind, [binding()], at=NOW, flow_run="r")
    run_in_transaction(robots.save_robot, robot_account(1, "team"), "sealed")
    assert run_in_transaction(bindings.list_bindings) == (binding(),)
    assert [row.id for row in run_in_transaction(audit.history, workspace="team-a")] == [4, 3]


def test_and_back_again_nothing_is_lost_that_was_there_before(old_database: str) -> None:
    before = _read(old_database)
    migrate(old_database)
    _at(old_database, "downgrade", "0001")
    assert _read(old_database) == before
    migrate(old_database)
    assert _read(old_database) == before


def test_stored_reasons_get_their_new_names_and_back(old_database: str) -> None:
    for before, after in (("AlreadySo", "Unchanged"), ("Forbidden", "Forbidden")):
        _at(old_database, "downgrade", "0001")
        with get_engine(old_database).begin() as connection:
            connection.execute(text(f"UPDATE outcome SET reason = '{before}'"))
        migrate(old_database)
        assert [row["reason"] for row in _read(old_database)["outcome"]] == [after]
        _at(old_database, "downgrade", "0001")
        assert [row["reason"] for row in _read(old_database)["outcome"]] == [before]
