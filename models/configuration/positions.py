"""Where in which file something is declared, and what is wrong there."""

from collections.abc import Iterable

from models.core.base import FrozenModel
from models.core.errors import InvalidRequest

MAX_ERRORS = 100
"""Errors in one message; a document of the wrong kind has thousands."""


class Position(FrozenModel):
    """A place in a document; lines and columns are counted from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class DocumentError(FrozenModel):
    """An error in a document; the message never repeats a value that may be a secret."""

    position: Position
    message: str

    def __str__(self) -> str:
        return f"{self.position}: {self.message}"


def check_no_errors(errors: Iterable[DocumentError]) -> None:
    """Check that documents are valid.

    Raises:
        InvalidRequest: they are not; the message has one line for each error.
    """
    key = {error: (error.position.file, error.position.line) for error in errors}
    lines = [str(error) for error in sorted(key, key=lambda error: key[error])]
    if len(lines) > MAX_ERRORS:
        lines[MAX_ERRORS:] = [f"and {len(lines) - MAX_ERRORS} more errors"]
    if lines:
        raise InvalidRequest("\n".join(["the configuration is invalid; nothing was done", *lines]))
