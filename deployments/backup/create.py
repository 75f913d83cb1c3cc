"""Make a backup while the service runs."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from cryptography.fernet import Fernet
from sqlmodel import Session

from deployments.backup.databases import Database, open_secret_file, write_all
from deployments.backup.installation import Installation
from deployments.backup.manifest import (
    MANIFEST_NAME,
    DatabaseCopy,
    KeyManifest,
    Manifest,
    checksum_of,
)
from deployments.data_dir import check_complete
from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from models.tables import InstallationRow
from tasks import clock
from tasks.secrets.cipher import cipher_from
from tasks.secrets.key_files import read_secret_file, sync_directory
from tasks.store.session import run_in_snapshot

KEYS_DIR_NAME = "keys"
_PARTIAL_PREFIX = ".registry-integration-partial-"
_BLOCK_KEY_TEXT = b"saved blocks"
T = TypeVar("T")


def create_backup(
    installation: Installation, target: Path, keys_target: Path | None = None
) -> Manifest:
    """Copy both databases and the keys into a new folder.

    The state is copied first. A block or run that was saved afterwards is only in Prefect's copy,
    and nothing refers to it; the other order would copy registries without their credentials. Keys
    are copied last: a key that was put before the others meanwhile still leaves the older ones.

    Args:
        installation: what to copy.
        target: the folder to create.
        keys_target: the folder to create for the keys; None for `keys` in `target`.

    Raises:
        InvalidRequest: a part cannot be copied, or the keys are not those of the databases; then
            there is no folder.
    """
    check_complete(installation.data_dir)
    for folder in filter(None, (target, keys_target)):
        if folder.exists():
            raise InvalidRequest(f"{folder} exists: choose a new folder, a backup replaces none")
    created_at = clock.now()
    if keys_target is None:
        return _create_folder(
            target, lambda folder: _write_backup(installation, folder, created_at, has_keys=True)
        )

    def write_with_keys(folder: Path) -> Manifest:
        manifest = _write_backup(installation, folder, created_at, has_keys=False)
        # The backup gets its name after the keys: without them it is none.
        _create_folder(keys_target, lambda keys: _write_key_files(installation.key_paths, keys))
        return manifest

    return _create_folder(target, write_with_keys)


def _write_backup(
    installation: Installation, folder: Path, created_at: datetime, *, has_keys: bool
) -> Manifest:
    name, key_check = run_in_snapshot(_read_installation)
    state = _copy(installation.state, folder, "state")
    prefect = _copy(installation.prefect, folder, "prefect") if installation.prefect else None
    manifest = Manifest(
        created_at=created_at,
        installation=name,
        prefect_version=_prefect_version(),
        state=state,
        prefect=prefect,
        key_check=key_check,
        block_key_check=_encrypt_check(installation.block_key),
    )
    _check_keys(key_check)
    if has_keys:
        _write_keys(installation.key_paths, folder / KEYS_DIR_NAME)
    _write_file(folder / MANIFEST_NAME, manifest.model_dump_json(indent=2))
    return manifest


def _copy(database: Database, folder: Path, name: str) -> DatabaseCopy:
    path = folder / f"{name}.{'db' if database.engine == 'sqlite' else 'dump'}"
    with open_secret_file(path):
        pass  # the programs keep the mode of an existing file
    revision = database.dump(path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return DatabaseCopy(
        file=path.name, engine=database.engine, revision=revision, sha256=checksum_of(path)
    )


def _read_installation(session: Session) -> tuple[str, str]:
    row = session.get(InstallationRow, 1)
    return (row.name, row.canary) if row else ("", "")


def _check_keys(key_check: str) -> None:
    """Ensure that the configured keys are those that the copied secrets were encrypted with.

    Raises:
        InvalidRequest: they are not; or they were replaced while the state was copied.
    """
    if key_check:
        cipher_from(get_settings()).decrypt(key_check)


def _encrypt_check(block_key: str) -> str:
    return Fernet(block_key).encrypt(_BLOCK_KEY_TEXT).decode() if block_key else ""


def _prefect_version() -> str:
    import prefect  # noqa: PLC0415 - slow, and reads its settings

    return prefect.__version__


def _write_keys(paths: Mapping[str, Path], folder: Path) -> None:
    folder.mkdir(mode=0o700)
    _write_key_files(paths, folder)
    sync_directory(folder)


def _write_key_files(paths: Mapping[str, Path], folder: Path) -> None:
    files = {name: path for name, path in paths.items() if path.is_file()}
    for name, path in files.items():
        _write_file(folder / name, read_secret_file(path))
    manifest = KeyManifest(files={name: checksum_of(folder / name) for name in files})
    _write_file(folder / MANIFEST_NAME, manifest.model_dump_json(indent=2))


def _write_file(path: Path, text: str) -> None:
    with open_secret_file(path) as handle:
        write_all(handle, text.encode())


def _create_folder(target: Path, write: Callable[[Path], T]) -> T:
    """Let `write` fill a folder, and give it its name when all of it is on disk."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _delete_abandoned(target.parent)
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=_PARTIAL_PREFIX))
    with _lock_folder(folder):
        return _fill_folder(folder, target, write)


def _fill_folder(folder: Path, target: Path, write: Callable[[Path], T]) -> T:
    try:
        result = write(folder)
        sync_directory(folder)
        folder.rename(target)
        sync_directory(target.parent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return result


@contextmanager
def _lock_folder(folder: Path) -> Iterator[bool]:
    """Lock a folder until the end; yields whether nobody else has.

    The system releases the lock of a process that was killed. Some network filesystems have none:
    there nothing is locked, and nothing counts as abandoned.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield _lock(handle)
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _delete_abandoned(parent: Path) -> None:
    """Delete what backups that were killed have left: it may contain keys."""
    for folder in parent.glob(f"{_PARTIAL_PREFIX}*"):
        if folder.is_dir() and not folder.is_symlink():
            with _lock_folder(folder) as is_abandoned:
                if is_abandoned:
                    shutil.rmtree(folder, ignore_errors=True)
