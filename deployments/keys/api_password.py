"""Password of the Prefect API: generated once and stored in the data directory."""

import secrets
from contextlib import suppress
from pathlib import Path

from tasks.secrets.key_files import create_secret_file, read_secret_file

PASSWORD_FILE_NAME = "api.password"  # noqa: S105 - a file's name
_USER = "operator"


def load_api_password(data_dir: Path) -> tuple[str, bool]:
    """Return the password `operator:<random>`, and whether this call generated it.

    Raises:
        InvalidRequest: other users can read the file.
    """
    path = data_dir / PASSWORD_FILE_NAME
    with suppress(FileNotFoundError):
        return read_secret_file(path).strip(), False
    password = f"{_USER}:{secrets.token_urlsafe(24)}"
    create_secret_file(path, f"{password}\n")
    return password, True
