"""Migrations of a database that is in use: nothing is lost, there and back."""

from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, MetaData, inspect, text

from models.access.binding import Workspace
from tasks.store import audit
from tasks.store.access import bindings, workspaces
from tasks.store.installation import installation
from tasks.store.migrate import config, migrate
from tasks.store.registries import credential_origins, registries, robots, spaces
from tasks.store.schema_revision import check_current
from tasks.store.session import engine_for, transact
from tests.support.access_builders import binding, grant
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
    with engine_for(url).begin() as connection:
        found = config()
        found.attributes["connection"] = connection
        getattr(command, direction)(found, revision)


def _reflected(connection: Connection) -> MetaData:
    found = MetaData()
    found.reflect(connection)
    return found


def _fill(url: str) -> None:
    with engine_for(url).begin() as connection:
        tables = _reflected(connection).tables
        for name, many in OF_0001.items():
            connection.execute(tables[name].insert(), many)


def _read(url: str) -> Rows:
    """Read all rows, with the columns that 0001 has, times as UTC."""
    with engine_for(url).connect() as connection:
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
def in_use(empty_database: str) -> str:
    """A database as it was left by the version before."""
    _at(empty_database, "upgrade", "0001")
    _fill(empty_database)
    return empty_database


def test_the_fixture_leaves_out_no_table(in_use: str) -> None:
    names = set(inspect(engine_for(in_use)).get_table_names()) - {"alembic_version"}
    assert names == OF_0001.keys()


def test_nothing_is_lost(in_use: str) -> None:
    before = _read(in_use)
    migrate(in_use)
    check_current(in_use)
    assert _read(in_use) == before


def test_what_is_old_can_be_used(in_use: str) -> None:
    migrate(in_use)
    prod, second = transact(registries.dossiers)
    assert (prod.registry.name, prod.registry.pull_credential) == ("prod", None)
    assert second.registry.name == "second"
    assert [one.name for one in transact(spaces.spaces, "prod")] == ["team", "tools"]
    rows = transact(audit.history, "prod")
    assert [(row.id, row.cluster_name, row.workspace) for row in rows] == [(2, "", ""), (1, "", "")]
    assert [row.id for row in transact(audit.unannounced)] == [2]
    assert len(transact(installation)) == 8


def test_what_persons_integrated_keeps_its_credentials(in_use: str) -> None:
    """Not what is managed: discovery may have moved it, and a person has to look at it."""
    with engine_for(in_use).begin() as connection:
        connection.execute(text("UPDATE registry SET origin = 'managed' WHERE name = 'second'"))
    migrate(in_use)
    for _ in range(2):
        found = transact(credential_origins.permitted, {"harbor": "id-1", "other": "id-2"})
        assert found == {"harbor": {"http://prod.test"}, "other": set()}
    assert transact(credential_origins.permitted, {"harbor": "id-2"}) == {"harbor": set()}


def test_what_is_new_belongs_to_what_is_old(in_use: str) -> None:
    migrate(in_use)
    transact(workspaces.create, Workspace(name="team-a"), [], at=NOW, flow_run="r")
    transact(bindings.bind, [binding()], at=NOW, flow_run="r")
    transact(robots.keep, grant(1, "team"), "sealed")
    assert transact(bindings.bindings) == (binding(),)
    assert [row.id for row in transact(audit.history, workspace="team-a")] == [4, 3]


def test_and_back_again_nothing_is_lost_that_was_there_before(in_use: str) -> None:
    before = _read(in_use)
    migrate(in_use)
    _at(in_use, "downgrade", "0001")
    assert _read(in_use) == before
    migrate(in_use)
    assert _read(in_use) == before
