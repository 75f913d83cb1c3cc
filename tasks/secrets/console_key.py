"""The key that signs the console's sessions, and the name of the person who started a run."""

import secrets
from contextlib import suppress
from pathlib import Path

from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from tasks.secrets.key_files import create_secret_file, read_secret_file

KEY_FILE_NAME = "console.key"
_MIN_LENGTH = 32


def load_console_key() -> bytes | None:
    """Return the key: the setting, or the content of the key file; None if there is neither.

    Raises:
        InvalidRequest: the key is too short, or other users can read the file.
    """
    key = get_settings().console_secret_key.get_secret_value()
    if key:
        return _checked(key, "REGISTRY_INTEGRATION_CONSOLE_SECRET_KEY")
    path = _key_file()
    with suppress(FileNotFoundError):
        return _checked(read_secret_file(path).strip(), str(path))
    return None


def ensure_console_key() -> bytes:
    """Return the key; the first call creates the key file in the data directory.

    Raises:
        InvalidRequest: the key is too short, or other users can read the file.
    """
    if (key := load_console_key()) is not None:
        return key
    with suppress(FileExistsError):  # another process was first
        create_secret_file(_key_file(), f"{secrets.token_urlsafe(48)}\n")
    return _checked(read_secret_file(_key_file()).strip(), str(_key_file()))


def _key_file() -> Path:
    return get_settings().data_dir / KEY_FILE_NAME


def _checked(key: str, source: str) -> bytes:
    if len(key) < _MIN_LENGTH:
        raise InvalidRequest(
            f"{source}: the key is shorter than {_MIN_LENGTH} characters: use a random one, for "
            "example of `openssl rand -base64 48`"
        )
    return key.encode()
