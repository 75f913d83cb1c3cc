"""State of the code on disk: it tells whether what a process has imported is still current."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deployments.environment import PROJECT_DIR

_PACKAGES = ("models", "tasks", "flows", "deployments")

_File = tuple[str, int, int]


@dataclass(frozen=True)
class CodeStamp:
    """The code of this checkout and the installed packages, at one time.

    Attributes:
        checkout: folder of our packages.
        paths: folders of packages. An upgrade of a package changes the modification time.
        files: path, modification time and size of each folder and of each module of this checkout.
    """

    checkout: Path
    paths: tuple[str, ...]
    files: frozenset[_File]

    @classmethod
    def read(cls, paths: Sequence[str], checkout: Path = PROJECT_DIR) -> Self:
        """Read the stamp from the disk."""
        folders = tuple(path for path in paths if path not in ("", str(checkout)))
        files = (*_read_modules(checkout), *_read_folders(folders))
        return cls(checkout, folders, frozenset(files))

    def is_outdated(self) -> bool:
        """Return whether the disk differs from this stamp, or cannot be read."""
        try:
            return self.read(self.paths, self.checkout) != self
        except OSError:
            return True


def _read_modules(checkout: Path) -> Iterator[_File]:
    folders = [str(checkout / package) for package in _PACKAGES]
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:  # a deployment that is going on has deleted it
            yield folder, 0, 0
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders += [entry.path] * (entry.name != "__pycache__")
            elif entry.name.endswith(".py"):
                yield _read_file(entry.path)


def _read_file(path: str) -> _File:
    """Read one file; zeros stand for one that is missing, e.g. a lock of an editor."""
    try:
        file = os.stat(path)  # noqa: PTH116 - called for each run
    except OSError:
        return path, 0, 0
    return path, file.st_mtime_ns, file.st_size


def _read_folders(paths: Sequence[str]) -> Iterator[_File]:
    for path in paths:
        _, modified_at, _ = _read_file(path)
        yield path, modified_at, 0
