"""Key and password files: accessible to their owner only, and durable after a power failure."""

import os
import stat
import tempfile
from pathlib import Path

from models.core.errors import InvalidRequest

_ROOT_UID = 0


def create_secret_file(file: Path, content: str) -> None:
    """Create a file with mode 0600 atomically; never replace a file.

    The file and its directory are synced: data that is encrypted with a key is lost if the key does
    not survive a power failure.

    Raises:
        FileExistsError: the file exists.
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
    """Return the text of a secret file.

    Raises:
        FileNotFoundError: the file does not exist.
        InvalidRequest: users other than its owner can access it; the message explains the fix.
    """
    with file.open() as stream:
        status = os.fstat(stream.fileno())  # of the open file: the name may be replaced meanwhile
        if is_exposed(status.st_mode, status.st_uid, os.geteuid()):
            raise InvalidRequest(
                f"{file} can be read or changed by other users of this machine (mode "
                f"{stat.S_IMODE(status.st_mode):04o}): run chmod 600 {file}, and replace its "
                "content if it may have been read"
            )
        return stream.read()


def is_exposed(mode: int, owner: int, reader: int) -> bool:
    """Return whether users other than the reader can access a secret file.

    Args:
        mode: permission bits of the file.
        owner: user id of the file's owner.
        reader: user id of this process.
    """
    # A file of root that this process reads through its group is accepted. Kubernetes mounts a
    # Secret like that for a process that is not root (`fsGroup`), and distributions install
    # service secrets like that; only root can have chosen the group.
    if owner == _ROOT_UID != reader:
        return bool(mode & (stat.S_IWGRP | stat.S_IRWXO))
    return bool(mode & (stat.S_IRWXG | stat.S_IRWXO))


def sync_directory(directory: Path) -> None:
    """Flush the entries of a directory to disk (fsync)."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
