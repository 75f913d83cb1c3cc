"""Parse documents: all errors of all files at once, each with file, line and column."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from models.configuration.document import EXTENSION_PREFIX, Document
from models.configuration.positions import DocumentError, Position, check_no_errors
from models.configuration.yaml_tree import Node, find_position, parse_yaml, to_plain
from models.core.text import to_single_line

MAX_FILES = 1_000
_SECRET_FIELDS = frozenset({"password", "secret", "token", "kubeconfig", "username", "passphrase"})


class ParsedDocument(NamedTuple):
    """A valid document with the tree that knows its positions."""

    file: str
    document: Document
    root: Node

    def position(self, *path: str | int) -> Position:
        """Return the place of a value, or of its key."""
        place = find_position(self.root, path)
        return Position(file=self.file, line=place.line, column=place.column)


def parse_documents(texts: Mapping[str, str]) -> tuple[ParsedDocument, ...]:
    """Parse documents, sorted by the names of their files.

    Args:
        texts: documents by the name of their file.

    Raises:
        InvalidRequest: one of them is invalid; the message has one line for each error.
    """
    documents: list[ParsedDocument] = []
    errors: list[DocumentError] = []
    for file, text in sorted(texts.items()):
        parsed, document_errors = parse_document(text, file)
        errors.extend(document_errors)
        if parsed is not None:
            documents.append(parsed)
    check_no_errors(errors)
    return tuple(documents)


def parse_document(text: str, file: str) -> tuple[ParsedDocument | None, tuple[DocumentError, ...]]:
    """Parse one document; return it, or None, and its errors."""
    root, errors = parse_yaml(text, file)
    if root is None:
        return None, errors
    plain = to_plain(root)
    if isinstance(plain, dict):
        plain = {key: plain[key] for key in plain if not key.startswith(EXTENSION_PREFIX)}
    try:
        document = Document.model_validate(plain)
    except ValidationError as error:
        return None, (*errors, *_document_errors(root, file, error.errors(include_url=False)))
    return ParsedDocument(file, document, root), errors


def _document_errors(
    root: Node, file: str, details: Iterable[ErrorDetails]
) -> tuple[DocumentError, ...]:
    errors = []
    for detail in details:
        place = find_position(root, detail["loc"])
        position = Position(file=file, line=place.line, column=place.column)
        errors.append(DocumentError(position=position, message=_describe(detail)))
    return tuple(errors)


def _describe(detail: ErrorDetails) -> str:
    """Return what is wrong; never the value, which may be a secret in a wrong place."""
    steps = [str(step) for step in detail["loc"] if step != "[key]"] or ["the document"]
    path, name = to_single_line(".".join(steps), 200), steps[-1]
    if detail["type"] == "extra_forbidden":
        if name.lower() in _SECRET_FIELDS:
            return (
                f"{path}: a document must not contain credentials: name a credential instead, and "
                "change this one, because it was written in clear text"
            )
        return f"{path}: unknown field"
    if detail["type"] == "missing":
        return f"{path}: required, but missing"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{path}: {message}"
