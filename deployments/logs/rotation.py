"""Rotation of the log files of `make serve`, as `copytruncate` of logrotate does it.

The processes write through descriptors that they have inherited, so a file that is renamed would
still be written to. Its content is copied, and then it is cut to nothing; because it is opened for
appending, the next line is its first one. A line that is written between the last read and the cut,
a few microseconds, is lost: https://man.archlinux.org/man/logrotate.8#copytruncate
"""

import os
import sys
import time
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

MAX_BYTES = 10 * 1024 * 1024
MAX_FILES = 5
"""A file and its predecessors: what the kubelet keeps of a container by default, see
https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-rotation"""

_RETRY_SECONDS = 60.0
_PIECE_BYTES = 1024 * 1024


def rotate(path: Path, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES) -> bool:
    """Empty a log file that is full; its content becomes `<name>.1`, and that of `.1` `.2`.

    Args:
        path: the file; processes may be appending to it.
        max_bytes: size from which it is full.
        max_files: number of files to keep, with this one; at least 2.

    Returns:
        Whether it was full. If the copy fails, the file keeps its content.

    Raises:
        OSError: the file cannot be read, or its content cannot be saved.
    """
    if not path.is_file() or path.stat().st_size < max_bytes:
        return False
    copy = path.with_name(f"{path.name}.new")
    with path.open("r+b", buffering=0) as log:
        try:
            with copy.open("wb") as target:
                _copy_rest(log, target)
                os.fsync(target.fileno())  # a power cut must not take what was cut off
                _shift(path, max_files)
                copy.replace(_predecessor(path, 1))
                _copy_rest(log, target)
                os.ftruncate(log.fileno(), 0)
        finally:
            copy.unlink(missing_ok=True)
    return True


def _copy_rest(log: FileIO, target: BinaryIO) -> None:
    while piece := log.read(_PIECE_BYTES):
        target.write(piece)
        target.flush()


def _shift(path: Path, max_files: int) -> None:
    for number in range(max_files - 1, 1, -1):
        older, newer = _predecessor(path, number), _predecessor(path, number - 1)
        if newer.exists():
            newer.replace(older)


def _predecessor(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


class LogFiles:
    """Log files of child processes; a failure to rotate one is reported once and retried."""

    def __init__(self) -> None:
        self._retry_at: dict[Path, float] = {}
        self._errors: dict[Path, str] = {}

    def open(self, path: Path) -> BinaryIO:
        """Open a file for the output of a process, and rotate it from now on.

        Raises:
            OSError: the file cannot be opened.
        """
        self._rotate(path)
        return path.open("ab")

    def rotate(self) -> None:
        """Rotate the files that are full; it raises no `OSError`."""
        for path, retry_at in tuple(self._retry_at.items()):
            if time.monotonic() >= retry_at:
                self._rotate(path)

    def _rotate(self, path: Path) -> None:
        self._retry_at[path] = 0.0
        try:
            rotate(path)
            self._errors.pop(path, None)
        except OSError as error:
            self._retry_at[path] = time.monotonic() + _RETRY_SECONDS
            self._report(
                path, f"{path} cannot be rotated ({error.strerror}): it grows until that works"
            )

    def _report(self, path: Path, message: str) -> None:
        if self._errors.get(path) != message:
            self._errors[path] = message
            with suppress(OSError):  # the terminal may be gone
                print(message, file=sys.stderr, flush=True)
