"""Migrations of a database that is in use: a revision on top of the newest, there and back."""

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    inspect,
)
from sqlmodel import SQLModel

from models.core.errors import InvalidRequest
from tasks.store.migrate import build_alembic_config, migrate
from tasks.store.registries import registries
from tasks.store.schema_revision import HEAD_REVISION, read_revision, require_current_schema
from tasks.store.session import get_engine, run_in_transaction
from tests.support.builders import NOW
from tests.support.processes import finish
from tests.tasks.store.tools import start

Rows = dict[str, list[dict[str, Any]]]

REVISION = f'''
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{HEAD_REVISION}"


def upgrade():
    op.create_table(
        "label",
        sa.Column("registry_name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["registry_name"], ["registry.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("registry_name"),
    )
    op.execute("INSERT INTO label SELECT name FROM registry")
    for table in ("registry", "space", "audit"):
        with op.batch_alter_table(table, recreate="never") as batch:
            batch.add_column(sa.Column("colour", sa.Text(), nullable=False, server_default="red"))
    # the end of the upgrade


def downgrade():
    for table in ("audit", "space", "registry"):
        with op.batch_alter_table(table, recreate="never") as batch:
            batch.drop_column("colour")
    op.drop_table("label")
    # the end of the downgrade
'''


def _with_revision(folder: Path, revision: str = REVISION) -> Config:
    """Return a configuration with one more revision, as the next version has it."""
    (folder / "next.py").write_text(revision)
    config = build_alembic_config()
    versions = Path(config.get_main_option("script_location") or "") / "versions"
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{versions}\n{folder}")
    return config


def _downgrade(url: str, config: Config) -> None:
    with get_engine(url).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, HEAD_REVISION)


def _value(column: Column[Any], number: int) -> Any:
    values = {
        Boolean: True,
        Integer: number,
        Float: number + 0.5,
        DateTime: NOW,
        JSON: {"n": number},
        LargeBinary: b"bytes-%d" % number,
    }
    fitting = (value for kind, value in values.items() if isinstance(column.type, kind))
    return next(fitting, f"text-{number}")  # equal in all tables, so that references hold


def _reflect(connection: Connection) -> MetaData:
    metadata = MetaData()
    metadata.reflect(connection)
    return metadata


def _fill(url: str) -> None:
    """Insert two rows into every table."""
    with get_engine(url).begin() as connection:
        for table in _reflect(connection).sorted_tables:
            if table.name != "alembic_version":
                rows = [
                    {column.name: _value(column, number) for column in table.columns}
                    for number in (1, 2)
                ]
                connection.execute(table.insert(), rows)


def _read(url: str) -> Rows:
    """Read all rows of the tables and columns that the models define."""
    with get_engine(url).connect() as connection:
        return {
            name: [dict(row) for row in connection.execute(table.select()).mappings()]
            for name, table in SQLModel.metadata.tables.items()
        }


def _revision(url: str) -> str | None:
    with get_engine(url).connect() as connection:
        return read_revision(connection)


@pytest.fixture
def used_database(empty_database: str) -> str:
    """A database of this version with rows in all tables."""
    migrate(empty_database)
    _fill(empty_database)
    return empty_database


def test_every_table_has_rows(used_database: str) -> None:
    assert {name: len(rows) for name, rows in _read(used_database).items()} == dict.fromkeys(
        SQLModel.metadata.tables, 2
    )


def test_an_upgrade_loses_nothing(used_database: str, tmp_path: Path) -> None:
    before = _read(used_database)
    migrate(used_database, _with_revision(tmp_path))
    assert _read(used_database) == before
    with get_engine(used_database).connect() as connection:
        tables = _reflect(connection).tables
        assert sorted(connection.execute(tables["label"].select()).scalars()) == [
            "text-1",
            "text-2",
        ]
        colours = [row.colour for row in connection.execute(tables["registry"].select())]
        assert colours == ["red", "red"]


def test_a_downgrade_loses_nothing_and_can_be_upgraded_again(
    used_database: str, tmp_path: Path
) -> None:
    before, config = _read(used_database), _with_revision(tmp_path)
    migrate(used_database, config)
    _downgrade(used_database, config)
    assert (_read(used_database), _revision(used_database)) == (before, HEAD_REVISION)
    assert "label" not in inspect(get_engine(used_database)).get_table_names()
    with get_engine(used_database).connect() as connection:
        require_current_schema(connection)
    migrate(used_database, config)
    assert (_read(used_database), _revision(used_database)) == (before, "next")


@pytest.mark.parametrize("upgrading", [True, False])
def test_a_migration_that_fails_changes_nothing(
    used_database: str, tmp_path: Path, upgrading: bool
) -> None:
    before, config = _read(used_database), _with_revision(tmp_path)
    if not upgrading:
        migrate(used_database, config)
    revision, tables = (
        _revision(used_database),
        inspect(get_engine(used_database)).get_table_names(),
    )
    end = "# the end of the upgrade" if upgrading else "# the end of the downgrade"
    failing = _with_revision(tmp_path, REVISION.replace(end, "raise ZeroDivisionError"))
    with pytest.raises(ZeroDivisionError):
        (migrate if upgrading else _downgrade)(used_database, failing)
    assert (_read(used_database), _revision(used_database)) == (before, revision)
    assert inspect(get_engine(used_database)).get_table_names() == tables
    repaired = _with_revision(tmp_path)
    (migrate if upgrading else _downgrade)(used_database, repaired)
    assert (_read(used_database), _revision(used_database)) == (
        before,
        "next" if upgrading else HEAD_REVISION,
    )


def _migrate_to_next(url: str, folder: str) -> None:
    migrate(url, _with_revision(Path(folder)))


def test_several_machines_upgrade_at_once(used_database: str, tmp_path: Path) -> None:
    before = _read(used_database)
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    finish(
        *(start(used_database, _migrate_to_next, used_database, str(folder)) for folder in folders)
    )
    assert (_read(used_database), _revision(used_database)) == (before, "next")


def test_an_older_version_does_not_use_an_upgraded_database(
    empty_database: str, tmp_path: Path
) -> None:
    migrate(empty_database, _with_revision(tmp_path))
    with pytest.raises(InvalidRequest, match="revision next, expected"):
        run_in_transaction(registries.list_registries)
    with pytest.raises(InvalidRequest, match="revision next, which this version does not know"):
        migrate(empty_database)
    assert _revision(empty_database) == "next"
