"""The installation that is backed up or restored: its databases and key files."""

import os
from dataclasses import dataclass
from pathlib import Path

from deployments.backup.databases import Database, database_of
from deployments.environment import build_environment, configured_block_key
from deployments.keys.api_password import PASSWORD_FILE_NAME
from deployments.keys.block_key import BLOCK_KEY_FILE_NAME
from models.core.settings import get_settings
from tasks.secrets.key_files import read_secret_file

SECRET_KEYS_NAME = "secret.keys"  # noqa: S105 - a file's name
CONSOLE_KEY_NAME = "console.key"


@dataclass(frozen=True)
class Installation:
    """Where the parts of an installation are.

    Attributes:
        data_dir: the data directory.
        state: the database of this service.
        prefect: Prefect's database; None if it is left out.
    """

    data_dir: Path
    state: Database
    prefect: Database | None

    @property
    def databases(self) -> tuple[Database, ...]:
        """Its databases."""
        return (self.state, self.prefect) if self.prefect else (self.state,)

    @property
    def key_paths(self) -> dict[str, Path]:
        """The places of the key files, by their names in a backup."""
        settings = get_settings()
        return {
            SECRET_KEYS_NAME: settings.key_file,
            BLOCK_KEY_FILE_NAME: self.data_dir / BLOCK_KEY_FILE_NAME,
            CONSOLE_KEY_NAME: settings.console_key_path,
            PASSWORD_FILE_NAME: self.data_dir / PASSWORD_FILE_NAME,
        }

    @property
    def block_key(self) -> str:
        """The key of saved blocks; empty if neither the environment nor a file has it."""
        path = self.key_paths[BLOCK_KEY_FILE_NAME]
        return configured_block_key() or (read_secret_file(path).strip() if path.exists() else "")


def find_installation(*, with_prefect: bool) -> Installation:
    """Return the installation of the environment: `DATA_DIR`, and the variables of both databases.

    Raises:
        InvalidRequest: a database is neither SQLite nor PostgreSQL.
    """
    data_dir = Path(os.environ.get("DATA_DIR") or get_settings().data_dir).expanduser().resolve()
    os.environ.update(build_environment(data_dir, int(os.environ.get("PORT") or 4200)))
    get_settings.cache_clear()
    prefect = database_of(_prefect_url()) if with_prefect else None
    return Installation(data_dir, database_of(get_settings().database), prefect)


def _prefect_url() -> str:
    # Settings of their own: those of the process may have been read before the environment was
    # built, and would name the database of another installation.
    from prefect.settings import Settings  # noqa: PLC0415 - slow

    url = Settings().server.database.connection_url
    return url.get_secret_value() if url else ""
