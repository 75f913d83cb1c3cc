"""Files that hold our keys and passwords: for their owner alone, and there after a power cut."""

import os
import stat
import tempfile
from pathlib import Path

from models.core.errors import InvalidRequest

_ROOT_UID = 0


def create_secret_file(file: Path, content: str) -> None:
    """Create a file with mode 0600, whole or not at all; never replace one.

    The file and its directory are synced: what is encrypted with a key outlives a power cut only
    together with the key.

    Raises:
        FileExistsError: there is one.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(
        "w", dir=file.parent, prefix=".key-"
    ) as temporary_file:  # mode 0600
        temporary_file.write(content)
        temporary_file.flush()
        os.fsync(temporary_file.fileno())
        os.link(temporary_file.name, file)
    sync_directory(file.parent)


def read_secret_file(file: Path) -> str:
    """Return a file's text.

    Raises:
        FileNotFoundError: there is none.
        InputRefused: others than its owner have access to it; the message says how to mend that.
    """
    with file.open() as stream:
        status = os.fstat(stream.fileno())  # of what was opened, whatever the name means by now
        if is_exposed(status.st_mode, status.st_uid, os.geteuid()):
            raise InvalidRequest(
                f"{file} can be read or changed by other users of this machine (mode "
                f"{stat.S_IMODE(status.st_mode):04o}): run chmod 600 {file}, and replace what is "
                "in it if somebody may have read it"
            )
        return stream.read()


def is_exposed(mode: int, owner: int, reader: int) -> bool:
    """Return whether others than the reader have access to a secret file.

    A file of root's that we read through its group is how Kubernetes mounts a Secret for a process
    that is not root (`fsGroup`), and how distributions hand one to a service: nobody but root can
    have chosen that group.

    Args:
        mode: permission bits.
        owner, reader: user ids.
    """
    if owner == _ROOT_UID != reader:
        return bool(mode & (stat.S_IWGRP | stat.S_IRWXO))
    return bool(mode & (stat.S_IRWXG | stat.S_IRWXO))


def sync_directory(directory: Path) -> None:
    """Have the disk write down which files a directory holds."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
