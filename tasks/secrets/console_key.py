"""The key that the console signs with: sessions, and the names of users who start runs.

All consoles and all workers need the same key. A worker without it records such runs as `api`.
"""

import secrets
from contextlib import suppress

from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from tasks.secrets.key_files import create_secret_file, read_secret_file

_MIN_LENGTH = 32
"""Shorter keys can be found by trying."""


def ensure_console_key() -> bytes:
    """Return the console's key; create the key file if there is no key yet.

    Raises:
        InvalidRequest: the key is too short, or other users can read the key file.
    """
    key = read_console_key()
    if key is not None:
        return key
    with suppress(FileExistsError):  # another console has created it
        create_secret_file(get_settings().console_key_path, f"{secrets.token_urlsafe(48)}\n")
    return read_console_key() or b""


def read_console_key() -> bytes | None:
    """Return the console's key; None if there is none.

    Raises:
        InvalidRequest: the key is too short, or other users can read the key file.
    """
    settings = get_settings()
    key, source = settings.console_secret_key.get_secret_value(), "CONSOLE_SECRET_KEY"
    if not key:
        source = str(settings.console_key_path)
        try:
            key = read_secret_file(settings.console_key_path).strip()
        except FileNotFoundError:
            return None
    if len(key) < _MIN_LENGTH:
        raise InvalidRequest(
            f"{source}: the key of the console is too short: expected at least {_MIN_LENGTH} "
            "characters, for example of `openssl rand -base64 48`"
        )
    return key.encode()
