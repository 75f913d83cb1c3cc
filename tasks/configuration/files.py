"""Read configuration files: one file, or all YAML files of a folder."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from models.configuration.parse import MAX_FILES
from models.configuration.scope import Scope
from models.configuration.yaml_tree import MAX_LENGTH
from models.core.errors import InvalidRequest
from models.core.settings import get_settings

_SUFFIXES = (".yaml", ".yml")
_MAX_BYTES = 4 * MAX_LENGTH
_MAX_FOLDER_LENGTH = 16 * MAX_LENGTH


class Sources(NamedTuple):
    """Documents, not parsed yet.

    Attributes:
        texts: documents by the name of their file.
        scope: the files that a run with them speaks for.
    """

    texts: dict[str, str]
    scope: Scope


def read_configured(path: str) -> Sources:
    """Read a file or folder below CONFIGURATION_DIR.

    Args:
        path: relative path; empty for the whole folder.

    Raises:
        InvalidRequest: it does not exist, cannot be read, or is outside of the folder.
    """
    folder = get_settings().configuration_dir
    if folder is None:
        raise InvalidRequest(
            "REGISTRY_INTEGRATION_CONFIGURATION_DIR is not set for this worker: set it to the "
            "folder of the configuration files, or pass the document inline"
        )
    return read_folder(folder, folder / path)


def read_folder(root: Path, path: Path) -> Sources:
    """Read a file or folder; files are named by the folder's name and their path in it.

    Args:
        root: the folder; nothing outside of it is read, also not through symbolic links.
        path: the file, or a folder in it or itself.

    Raises:
        InvalidRequest: it does not exist, cannot be read, or is outside of the folder.
    """
    try:
        folder = root.resolve(strict=True)
        _check_inside(folder, path.resolve(strict=True), path)
        name = _name(root, path)
        if path.is_dir():
            texts = _read_all(folder, root, path)
            scope = Scope(name=name, is_folder=True)
        else:
            texts, scope = {name: _read(folder, path)}, Scope(name=name)
    except (RuntimeError, ValueError):  # Python 3.11 raises RuntimeError for a loop of links
        raise InvalidRequest(
            f"{path!s:.200} cannot be read: a loop of symbolic links, or an invalid path"
        ) from None
    except OSError as error:
        raise InvalidRequest(
            f"{error.filename or path} cannot be read: {error.strerror or type(error).__name__}"
        ) from None
    if not texts:
        raise InvalidRequest(f"{path} contains no file that ends in {' or '.join(_SUFFIXES)}")
    return Sources(texts, scope)


def read_file(path: Path) -> Sources:
    """Read one file, which is named by its own name only.

    Raises:
        InvalidRequest: it does not exist or cannot be read.
    """
    (text,) = read_folder(path.parent, path).texts.values()
    return Sources({path.name: text}, Scope(name=path.name))


def _name(root: Path, path: Path) -> str:
    """Return the name of a file or folder, with symbolic links as they are.

    Their targets change with each update of a ConfigMap, and with each commit of git-sync; the
    name is the owner of what is declared.
    """
    folder, file = to_absolute(root), to_absolute(path)
    is_below = file.is_relative_to(folder)
    parts = (
        file.relative_to(folder).parts
        if is_below
        else path.resolve().relative_to(root.resolve()).parts
    )
    return "/".join([folder.name, *parts])


def to_absolute(path: Path) -> Path:
    """Return an absolute path without following links, also not that of the working directory.

    A shell that went to the folder through a link says so in PWD; `os.getcwd` follows it, so `.`
    would be another owner than the path of the link.
    """
    working = Path(os.environ.get("PWD", ""))
    try:
        is_current = working.is_absolute() and working.samefile(Path.cwd())
    except OSError:
        is_current = False
    return Path(os.path.normpath((working if is_current else Path.cwd()) / path))


def _read_all(folder: Path, root: Path, path: Path) -> dict[str, str]:
    texts, length = {}, 0
    for file in _find(path):
        text = _read(folder, file)
        length += len(text)
        if length > _MAX_FOLDER_LENGTH:
            raise InvalidRequest(
                f"the files of {path} have more than {_MAX_FOLDER_LENGTH:,} characters: apply its "
                "folders one by one"
            )
        texts[_name(root, file)] = text
    return texts


def _find(folder: Path) -> Iterator[Path]:
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in _SUFFIXES
        # Kubernetes mounts a ConfigMap with hidden copies of its files.
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if len(paths) > MAX_FILES:
        raise InvalidRequest(f"{folder} contains more than {MAX_FILES:,} files")
    yield from paths


def _check_inside(folder: Path, target: Path, path: Path) -> None:
    if not target.is_relative_to(folder):
        raise InvalidRequest(f"{path} is outside of {folder}: it is not read")


def _read(folder: Path, path: Path) -> str:
    _check_inside(folder, path.resolve(strict=True), path)
    if not path.is_file():
        raise InvalidRequest(f"{path} is no regular file")
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise InvalidRequest(f"{path} is larger than {_MAX_BYTES:,} bytes: split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRequest(f"{path} is not UTF-8 text") from None
