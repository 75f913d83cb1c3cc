"""The password of the Prefect API of `make serve`: made once, kept in the data directory."""

import secrets
from pathlib import Path

from deployments.private_files import read_private, write_private

FILE_NAME = "api.password"
_USER = "operator"


def load_api_password(data_dir: Path) -> tuple[str, bool]:
    """Return `operator:<random>`, and whether this call made it.

    Raises:
        ReadableByOthers: other users can read the file.
    """
    path = data_dir / FILE_NAME
    if (password := read_private(path)) is not None:
        return password, False
    password = f"{_USER}:{secrets.token_urlsafe(24)}"
    write_private(path, password)
    return password, True
