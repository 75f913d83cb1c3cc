"""Credentials in environment variables and files of the worker, read when used.

For registries, both contain JSON: `{"username": "…", "password": "…", "origins": ["https://harbor.example.com"]}`.
The origins are the only addresses that the credential may be sent to. `for_pull`, `allow_push` and
`allow_weak_tls` say what else a configuration file may do with it, see `DeclaredCredential`.
"""

import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError

from models.configuration.credential_check import DeclaredCredential
from models.core.base import FrozenModel
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.registries.address import AddressText
from models.registries.registry import EnvironmentRef, FileRef
from tasks.registries.protocol import Credential, SavedCredential, unusable_credential

_MAX_BYTES = 200_000


class _Content(FrozenModel):
    """The content of a variable or file."""

    username: str = Field(min_length=1, max_length=255)
    password: SecretStr = Field(min_length=1)
    origins: frozenset[AddressText] = Field(min_length=1)
    for_pull: bool = False
    allow_push: bool = False
    allow_weak_tls: bool = False


class SourceUnreadable(Exception):
    """The credential cannot be used; the message never contains its content."""


def read_sources(references: Iterable[EnvironmentRef | FileRef]) -> dict[str, SavedCredential]:
    """Read credentials by reference key; those that cannot be used have an error."""
    return {reference.ref_key: _read_source(reference) for reference in references}


def declare_sources(
    references: Iterable[EnvironmentRef | FileRef],
) -> dict[str, DeclaredCredential]:
    """Return what is declared about credentials, by reference key, without their content."""
    return {reference.ref_key: _declare_source(reference) for reference in references}


def _read_source(reference: EnvironmentRef | FileRef) -> SavedCredential:
    content = _read_content(reference)
    if isinstance(content, str):
        return SavedCredential(
            unusable_credential(content, Reason.CREDENTIALS_MISSING), frozenset()
        )
    return SavedCredential(Credential(content.username, content.password), content.origins)


def _declare_source(reference: EnvironmentRef | FileRef) -> DeclaredCredential:
    content = _read_content(reference)
    if isinstance(content, str):
        return DeclaredCredential(error=content)
    return DeclaredCredential(
        origins=content.origins,
        for_pull=content.for_pull,
        allow_push=content.allow_push,
        allow_weak_tls=content.allow_weak_tls,
    )


def _read_content(reference: EnvironmentRef | FileRef) -> _Content | str:
    """Return the content of a variable or file, or why it cannot be used."""
    try:
        return _parse(read_text(reference))
    except SourceUnreadable as error:
        return f"{reference} cannot be used: {error}"


def read_text(reference: EnvironmentRef | FileRef) -> str:
    """Return the text of a variable or file.

    Raises:
        SourceUnreadable: it does not exist, cannot be read, or is outside of CREDENTIALS_DIR.
    """
    if isinstance(reference, FileRef):
        return _read_file(reference.name)
    text = os.environ.get(reference.name, "")
    if not text:
        raise SourceUnreadable("it is not set in the environment of the worker")
    return text


def _read_file(name: str) -> str:
    folder = get_settings().credentials_dir
    if folder is None:
        raise SourceUnreadable("REGISTRY_INTEGRATION_CREDENTIALS_DIR is not set for the worker")
    try:
        root = folder.resolve(strict=True)
        path = (root / name).resolve(strict=True)
        if not path.is_relative_to(root):
            raise SourceUnreadable("it is a symbolic link that leads out of CREDENTIALS_DIR")
        return _read_regular_file(path)
    except UnicodeDecodeError:
        raise SourceUnreadable("it is not UTF-8 text") from None
    except OSError as error:
        raise SourceUnreadable(error.strerror or type(error).__name__) from None
    except (RuntimeError, ValueError):  # Python 3.11 raises RuntimeError for a loop of links
        raise SourceUnreadable("its path has a loop of symbolic links, or is invalid") from None


def _read_regular_file(path: Path) -> str:
    # The path is resolved: a link that replaces it in the meantime is not followed, and a pipe
    # does not block.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SourceUnreadable("it is no regular file")
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise SourceUnreadable(f"it is larger than {_MAX_BYTES:,} bytes")
    return content.decode()


def _parse(text: str) -> _Content:
    try:
        content = _Content.model_validate(json.loads(text))
    except ValidationError as error:
        # An unknown field may be a password in a wrong place.
        fields = {str(detail["loc"][0]) for detail in error.errors() if detail["loc"]}
        names = sorted(fields & _Content.model_fields.keys()) + ["others"] * bool(
            fields - _Content.model_fields.keys()
        )
        raise SourceUnreadable(f"check these fields: {', '.join(names) or 'all'}") from None
    except (ValueError, RecursionError):
        raise SourceUnreadable(
            'it is no JSON of the form {"username": …, "password": …, "origins": […]}'
        ) from None
    if ":" in content.username or not content.username.isprintable():
        raise SourceUnreadable("the user name has a colon or a control character")
    return content
