"""Files that hold a secret: for their owner alone, written whole or not at all.

Imports nothing of Prefect, see `deployments.environment`.
"""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


class ReadableByOthers(Exception):
    """A file that holds a secret can be read by other users; the message says what to do."""


def read_private(path: Path) -> str | None:
    """Return what a secret file holds, without the line break at its end; None if there is none.

    Raises:
        ReadableByOthers: its mode lets others read or write it.
    """
    with suppress(FileNotFoundError), path.open() as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise ReadableByOthers(
                f"{path} holds a secret and other users can read it (mode {mode:04o}). Run "
                f"'chmod 600 {path}', and replace the secret if others may have read it"
            )
        return file.read().strip()
    return None


def write_private(path: Path, text: str) -> None:
    """Write a secret to a new file with mode 0600. After a power cut it is whole or not there.

    Raises:
        FileExistsError: there is a file of that name; it is left alone.
    """
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-") as fresh:
        fresh.write(f"{text}\n")
        fresh.flush()
        os.fsync(fresh.fileno())
        os.link(fresh.name, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the disk write down which files a folder holds."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
