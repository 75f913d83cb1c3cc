"""The key that the console signs with: sessions, and the names of users who start runs.

All consoles and all workers need the same key. A worker without it records such runs as `api`.
"""

import secrets
from pathlib import Path

from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from tasks.secrets.key_files import create_secret_file, read_secret_file

_MIN_LENGTH = 32
"""Shorter keys can be found by trying."""


def ensure_console_key() -> bytes:
    """Return the console's key; create the key file if there is no key yet.

    Raises:
        InvalidRequest: the key is too short, or its file cannot be used.
    """
    key = read_console_key()
    if key is not None:
        return key
    path = get_settings().console_key_path
    try:
        create_secret_file(path, f"{secrets.token_urlsafe(48)}\n")
    except FileExistsError:  # another console has created it
        pass
    except OSError as error:
        raise _file_error(path, "created", error) from None
    return read_console_key() or b""


def read_console_key() -> bytes | None:
    """Return the console's key; None if there is none.

    Raises:
        InvalidRequest: the key is too short, or its file cannot be used.
    """
    settings = get_settings()
    key, source = settings.console_secret_key.get_secret_value(), "CONSOLE_SECRET_KEY"
    if not key:
        source = str(settings.console_key_path)
        try:
            key = read_secret_file(settings.console_key_path).strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _file_error(settings.console_key_path, "read", error) from None
    if len(key) < _MIN_LENGTH:
        raise InvalidRequest(
            f"{source}: the key of the console is too short: expected at least {_MIN_LENGTH} "
            "characters, for example of `openssl rand -base64 48`"
        )
    return key.encode()


def _file_error(path: Path, verb: str, error: OSError) -> InvalidRequest:
    return InvalidRequest(
        f"{path}: the key of the console cannot be {verb} ({error.strerror}): let the user of this "
        "process own the file, or set CONSOLE_SECRET_KEY"
    )
