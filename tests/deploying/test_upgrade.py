"""An upgrade: two checkouts with different schemas on one database, in either order."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from deployments.environment import PROJECT_DIR
from tasks.store.schema_revision import HEAD_REVISION
from tests.serving.checkouts import copy_checkout
from tests.support.databases import DATABASE, migrated_sqlite
from tests.support.helpers import Server

_NEXT = "1999"
_MIGRATION = f'''"""Add a column."""

import sqlalchemy as sa
from alembic import op

revision = "{_NEXT}"
down_revision = "{HEAD_REVISION}"


def upgrade() -> None:
    with op.batch_alter_table("registry", recreate="never") as batch:
        batch.add_column(sa.Column("colour", sa.Text(), server_default="red", nullable=False))
'''
_RUN_FLOW = """
import asyncio
from flows.access.rotate_credentials import rotate_credentials
state = asyncio.run(rotate_credentials(overdue_only=True, return_state=True))
print(state.type.value, state.message)
"""


@pytest.fixture
def newer_checkout(tmp_path: Path) -> Path:
    """A checkout of the commit that adds the next migration."""
    checkout = copy_checkout(tmp_path / "newer")
    store = checkout / "tasks" / "store"
    revision_file = store / "schema_revision.py"
    text = revision_file.read_text()
    newer_text = text.replace(f'"{HEAD_REVISION}"', f'"{_NEXT}"')
    assert newer_text != text
    revision_file.write_text(newer_text)
    (store / "migrations" / "versions" / f"{_NEXT}_colour.py").write_text(_MIGRATION)
    return checkout


def _call(checkout: Path, environment: Mapping[str, str], *arguments: str) -> str:
    python = checkout / ".venv" / "bin" / "python"
    result = subprocess.run(
        [python, *arguments],
        cwd=checkout,
        env={**os.environ, **environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return result.stdout + result.stderr


def test_old_and_new_processes_on_one_database(
    newer_checkout: Path, tmp_path: Path, prefect_server: Server
) -> None:
    environment = {
        DATABASE: migrated_sqlite(tmp_path),
        "PREFECT_API_URL": prefect_server.url,
        "REGISTRY_INTEGRATION_DATA_DIR": str(tmp_path / "data"),
    }
    run_flow, migrate = ("-c", _RUN_FLOW), ("-m", "deployments.migrate")

    output = _call(newer_checkout, environment, *run_flow)  # started before the migration
    assert f"FAILED the database schema has revision {HEAD_REVISION}, expected {_NEXT}" in output
    assert "run `make migrate`" in output
    assert "COMPLETED" in _call(PROJECT_DIR, environment, *run_flow)  # and the old one works on

    assert "up to date" in _call(newer_checkout, environment, *migrate)
    output = _call(PROJECT_DIR, environment, *run_flow)  # an old worker that was not stopped
    assert f"FAILED the database schema has revision {_NEXT}, expected {HEAD_REVISION}" in output
    assert "start that version here" in output
    assert "does not know: start the newer version" in _call(PROJECT_DIR, environment, *migrate)
    assert "COMPLETED" in _call(newer_checkout, environment, *run_flow)
