"""State of the code on disk: it tells whether what a process has imported is still current."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from deployments.environment import PROJECT_DIR

_PACKAGES = ("models", "tasks", "flows", "deployments")

_File = tuple[str, int, int]


@dataclass(frozen=True)
class CodeStamp:
    """The code of this checkout and the installed packages, at one time.

    Attributes:
        paths: folders of packages. An upgrade of a package changes the modification time.
        files: path, modification time and size of each folder and of each module of this checkout.
    """

    paths: tuple[str, ...]
    files: frozenset[_File]

    @classmethod
    def read(cls, paths: Sequence[str]) -> Self:
        """Read the stamp from the disk."""
        folders = tuple(path for path in paths if path not in ("", str(PROJECT_DIR)))
        return cls(folders, frozenset((*_read_modules(), *_read_folders(folders))))

    def is_outdated(self) -> bool:
        """Return whether the disk differs from this stamp."""
        return self.read(self.paths) != self


def _read_modules() -> Iterator[_File]:
    folders = [str(PROJECT_DIR / package) for package in _PACKAGES]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders += [entry.path] * (entry.name != "__pycache__")
                elif entry.name.endswith(".py"):
                    file = entry.stat()
                    yield entry.path, file.st_mtime_ns, file.st_size


def _read_folders(paths: Sequence[str]) -> Iterator[_File]:
    for path in paths:
        try:
            yield path, os.stat(path).st_mtime_ns, 0  # noqa: PTH116 - called for each run
        except OSError:
            yield path, 0, 0
