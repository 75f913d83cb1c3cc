"""Secrets in files, as Docker and Kubernetes mount them."""

from collections.abc import Mapping
from pathlib import Path

SECRET_VARIABLES = (
    "PREFECT_API_AUTH_STRING",
    "PREFECT_SERVER_API_AUTH_STRING",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_ENCRYPTION_KEY",
    "REGISTRY_INTEGRATION_CONSOLE_SECRET_KEY",
    "REGISTRY_INTEGRATION_DATABASE_URL",
    "REGISTRY_INTEGRATION_SECRET_KEYS",
)
"""Variables that can be read from a file; the variable with the suffix `_FILE` names it."""

_MAX_BYTES = 100_000


class SecretFileError(Exception):
    """A secret cannot be read; the message contains the variable and the cause, not the secret."""


def read_secret_files(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables whose values are in files.

    Raises:
        SecretFileError: a file cannot be read, is empty or too large, or a variable is set twice.
    """
    return {
        name: _read(name, environment[f"{name}_FILE"], is_set=bool(environment.get(name)))
        for name in SECRET_VARIABLES
        if environment.get(f"{name}_FILE")
    }


def _read(name: str, path: str, *, is_set: bool) -> str:
    if is_set:
        raise SecretFileError(f"{name} and {name}_FILE are both set: set one of them")
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        value = content.decode().strip()
    except OSError as error:
        raise SecretFileError(f"{name}_FILE: {path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SecretFileError(f"{name}_FILE: {path} is not UTF-8 text") from None
    if not value or len(content) > _MAX_BYTES or "\0" in value:
        raise SecretFileError(f"{name}_FILE: {path} is empty or is not a secret")
    return value
