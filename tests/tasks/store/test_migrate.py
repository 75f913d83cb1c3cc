"""Migrations: from nothing to the tables of this version, by however many at once."""

import sqlite3

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

import deployments.migrate
from models import tables
from models.core.errors import InvalidRequest
from tasks.store.migrate import build_alembic_config, migrate
from tasks.store.registries import registries
from tasks.store.schema_revision import HEAD_REVISION, require_current_schema
from tasks.store.session import get_engine, run_in_transaction
from tests.support.processes import finish
from tests.tasks.store.tools import integrate, rows, start


def _differences(url: str) -> list[object]:
    with get_engine(url).connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, SQLModel.metadata))


def test_the_comparison_sees_missing_tables(empty_database: str) -> None:
    assert len(_differences(empty_database)) >= len(SQLModel.metadata.tables)


def test_from_nothing_to_the_tables_of_the_models(empty_database: str) -> None:
    migrate(empty_database)
    assert _differences(empty_database) == []


def test_migrating_again_keeps_what_is_there(database: str) -> None:
    integrate()
    migrate(database)
    assert [row.name for row in rows(tables.RegistryRow)] == ["prod"]


def test_back_to_nothing(empty_database: str) -> None:
    migrate(empty_database)
    with get_engine(empty_database).begin() as connection:
        alembic_config = build_alembic_config()
        alembic_config.attributes["connection"] = connection
        command.downgrade(alembic_config, "base")
    assert inspect(get_engine(empty_database)).get_table_names() == ["alembic_version"]


def test_listed_namespaces_on_record_are_pinned(empty_database: str) -> None:
    with get_engine(empty_database).begin() as connection:
        alembic_config = build_alembic_config()
        alembic_config.attributes["connection"] = connection
        command.upgrade(alembic_config, "1001")
        for table, columns, values in (
            ("cluster", "name, links_accounts, description, reason, message", "'eu',true,'','',''"),
            ("workspace", "name, source, description", "'team-a', 'declared', ''"),
            ("namespace", "cluster_name, name, uid, message, terminating", "'eu','a','1','',false"),
            ("listed_namespace", "cluster_name, namespace, workspace", "'eu', 'a', 'team-a'"),
            ("listed_namespace", "cluster_name, namespace, workspace", "'eu', 'b', 'team-a'"),
        ):
            connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"))
    migrate(empty_database)
    with get_engine(empty_database).begin() as connection:
        pins = connection.execute(text("SELECT namespace, uid FROM listed_namespace ORDER BY 1"))
        assert [tuple(row) for row in pins] == [("a", "1"), ("b", "")]


def test_several_machines_at_once(empty_database: str) -> None:
    finish(*(start(empty_database, migrate, empty_database) for _ in range(3)))
    assert _differences(empty_database) == []


@pytest.mark.parametrize(
    ("revision", "advice"),
    [
        ("0001", r"before the first release .*remove-registry .*new data directory"),
        ("0009", r"before the first release .*remove-registry .*new data directory"),
        ("1999", r"revision 1999, which this version does not know: start the newer version"),
    ],
)
def test_a_database_of_another_version_is_refused(
    database: str, revision: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    integrate()
    statement = text("UPDATE alembic_version SET version_num = :revision")
    with get_engine(database).begin() as connection:
        connection.execute(statement, {"revision": revision})
    try:
        with pytest.raises(InvalidRequest, match=advice) as refusal:
            migrate(database)
        assert deployments.migrate.main() == 1
        assert capsys.readouterr().err == f"Migration failed: {refusal.value}\n"
        assert "\n" not in str(refusal.value)
        action = "a newer version" if revision == "1999" else "make migrate"
        with pytest.raises(InvalidRequest, match=f"revision {revision}, expected .*{action}"):
            _require_current(database)
        assert [row.name for row in rows(tables.RegistryRow)] == ["prod"]
    finally:  # the database of PostgreSQL is shared by tests
        with get_engine(database).begin() as connection:
            connection.execute(statement, {"revision": HEAD_REVISION})


def test_an_empty_database_is_not_current(empty_database: str) -> None:
    with pytest.raises(InvalidRequest, match=r"revision none, expected \d+.*make migrate"):
        _require_current(empty_database)
    with pytest.raises(InvalidRequest, match=r"revision none, expected \d+.*make migrate"):
        run_in_transaction(registries.list_registries)


def test_a_migrated_database_is_current(database: str) -> None:
    _require_current(database)


def _require_current(url: str) -> None:
    with get_engine(url).connect() as connection:
        require_current_schema(connection)


def test_sqlite_is_prepared_for_several_writers(empty_database: str) -> None:
    if not empty_database.startswith("sqlite"):
        pytest.skip("about SQLite")
    migrate(empty_database)
    with sqlite3.connect(empty_database.removeprefix("sqlite:///")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
