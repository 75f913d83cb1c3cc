"""An installation that is backed up and restored in tests."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from deployments.backup.databases import SqliteDatabase
from deployments.backup.installation import Installation
from tasks.secrets.robot_secrets import ensure_keys
from tasks.store.installation import get_installation
from tasks.store.session import get_engine, run_in_transaction
from tests.support.databases import migrated_sqlite, use_database

API_PASSWORD = "operator:a-password-of-the-api"


@contextmanager
def sqlite_installation(data_dir: Path) -> Iterator[Installation]:
    """An installation on SQLite with keys; of Prefect's database only what a backup looks at."""
    data_dir.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("SECRET_KEYS", "SECRET_KEY_FILE", "CONSOLE_KEY_FILE"):
            patch.delenv(f"REGISTRY_INTEGRATION_{variable}", raising=False)
        patch.delenv("PREFECT_SERVER_ENCRYPTION_KEY", raising=False)
        patch.setenv("REGISTRY_INTEGRATION_DATA_DIR", str(data_dir))
        with use_database(migrated_sqlite(data_dir)) as url:
            ensure_keys()
            run_in_transaction(get_installation)
            block_key = Fernet.generate_key()
            write_secret(data_dir / "blocks.key", block_key.decode())
            write_secret(data_dir / "api.password", API_PASSWORD)
            prefect = data_dir / "prefect.db"
            with closing(sqlite3.connect(prefect)) as connection:
                connection.execute("CREATE TABLE block_document (data TEXT, updated TEXT)")
                data = Fernet(block_key).encrypt(b'{"password": "secret"}').decode()
                # Prefect stores the text as JSON.
                connection.execute(
                    "INSERT INTO block_document VALUES (?, '2026-01-01')", [f'"{data}"']
                )
                connection.commit()
            get_engine(url).dispose()
            state = SqliteDatabase(data_dir / "state.db")
            yield Installation(data_dir, state, SqliteDatabase(prefect))


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.write_text(text)
    path.chmod(0o600)
