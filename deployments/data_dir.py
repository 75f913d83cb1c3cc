"""The data directory: who uses it, and whether it is complete."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.core.errors import InvalidRequest

INCOMPLETE_NAME = "restore.incomplete"
"""Exists while a restore changes the installation, and after one that was interrupted."""

_LOCK_NAME = "serve.lock"


class DataDirInUse(Exception):
    """Another process serves or restores the data directory; the message names it."""


@contextmanager
def lock_data_dir(data_dir: Path) -> Iterator[None]:
    """Let no other process serve or restore this data directory.

    Raises:
        DataDirInUse: another process does.
    """
    with (data_dir / _LOCK_NAME).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataDirInUse(
                f"{data_dir} is in use by another process, `make serve` or a restore"
            ) from None
        yield


def check_complete(data_dir: Path) -> None:
    """Ensure that no restore of this data directory was interrupted.

    Raises:
        InvalidRequest: one was.
    """
    if (data_dir / INCOMPLETE_NAME).exists():
        raise InvalidRequest(
            f"a restore into {data_dir} is in progress or was interrupted, so its parts do not "
            "belong together: run `python -m deployments.restore SOURCE --replace` again"
        )
