"""Restore a backup: check everything, then replace the databases and the key files."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, delete, func, select, update

from deployments.backup.create import KEYS_DIR_NAME
from deployments.backup.databases import keep_file
from deployments.backup.installation import CONSOLE_KEY_NAME, SECRET_KEYS_NAME, Installation
from deployments.backup.manifest import Manifest, find_obstacle, read_keys, read_manifest
from deployments.backup.revocations import Revocations, apply_revocations
from deployments.data_dir import INCOMPLETE_NAME
from deployments.environment import configured_block_key
from deployments.keys.api_password import PASSWORD_FILE_NAME
from deployments.keys.block_key import BLOCK_KEY_FILE_NAME
from flows.runs import new_run_context
from models.core.audit import AuditEntry
from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from models.tables import AuditRow, InstallationRow, LeaseRow, RegistryRow
from tasks import clock
from tasks.secrets.key_files import create_secret_file, sync_directory
from tasks.store import audit
from tasks.store.migrate import build_alembic_config, upgrade
from tasks.store.schema_revision import RESTORING
from tasks.store.session import get_engine

_MAX_LISTED = 50
_NOTHING = Revocations()
_MARK = f"UPDATE alembic_version SET version_num = '{RESTORING}' || version_num"  # noqa: S608 - a constant
_LOGIN_KEYS = frozenset({PASSWORD_FILE_NAME, CONSOLE_KEY_NAME})


@dataclass(frozen=True)
class Restore:
    """A backup that was checked against an installation.

    Attributes:
        installation: where it is restored.
        source: folder of the backup.
        manifest: what it contains.
        keys: contents of the key files to restore, by name.
    """

    installation: Installation
    source: Path
    manifest: Manifest
    keys: Mapping[str, bytes]


def check_restore(installation: Installation, source: Path, keys_source: Path | None) -> Restore:
    """Read a backup and ensure that it can be restored here. Changes nothing.

    Args:
        installation: where to restore it.
        source: folder of the backup.
        keys_source: folder of its keys; None for `keys` in `source`.

    Raises:
        InvalidRequest: it is damaged, or belongs to another version or kind of database; its keys
            are missing; or the installation is in use.
    """
    import prefect  # noqa: PLC0415 - slow, and reads its settings

    manifest = read_manifest(source)
    if manifest.prefect is None and installation.prefect is not None:
        raise InvalidRequest(
            "the backup has no copy of Prefect's database: restore that one first, then run this "
            "with --without-prefect"
        )
    if installation.prefect is None:
        manifest = manifest.model_copy(update={"prefect": None})
    scripts = ScriptDirectory.from_config(build_alembic_config()).walk_revisions()
    engines = (
        installation.state.engine,
        installation.prefect.engine if installation.prefect else None,
    )
    revisions = {script.revision for script in scripts}
    if obstacle := find_obstacle(manifest, engines, revisions, prefect.__version__):
        raise InvalidRequest(obstacle)
    keys_folder = keys_source or source / KEYS_DIR_NAME
    if keys_source is not None and not keys_source.is_dir():
        raise InvalidRequest(f"there is no folder {keys_source}")
    keys = _select_keys(installation, read_keys(keys_folder))
    _check_keys(installation, manifest, keys)
    for database, copy in zip(installation.databases, manifest.copies, strict=True):
        database.check_copy(source / copy.file)
    _check_saved_block(installation, manifest, source, keys)
    _require_no_users(installation)
    return Restore(installation, source, manifest, keys)


def _require_no_users(installation: Installation) -> None:
    for database in installation.databases:
        if users := database.find_users():
            raise InvalidRequest(
                f"{users}: stop `make serve`, all workers, consoles and Prefect servers first"
            )


def _select_keys(installation: Installation, keys: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return the keys to restore: those without which the restored databases cannot be read.

    The password of the API and the key of the console may have been changed since because they had
    leaked: those that are there stay. The key of saved blocks belongs to Prefect's database.
    """
    return {
        name: content
        for name, content in keys.items()
        if not (name in _LOGIN_KEYS and installation.key_paths[name].is_file())
        and not (name == BLOCK_KEY_FILE_NAME and installation.prefect is None)
    }


def _check_keys(installation: Installation, manifest: Manifest, keys: Mapping[str, bytes]) -> None:
    secret_keys = get_settings().secret_keys.get_secret_value().split(",")
    if not any(secret_keys):
        secret_keys = _key_text(installation, keys, SECRET_KEYS_NAME).split()
    if manifest.key_check and not _decrypts(secret_keys, manifest.key_check):
        raise InvalidRequest(
            "the keys of this backup's robot account secrets are missing: pass their folder with "
            "--keys-from, or set REGISTRY_INTEGRATION_SECRET_KEYS. Nothing was changed"
        )
    if manifest.prefect is None or not manifest.block_key_check:
        return
    block_key = configured_block_key() or _key_text(installation, keys, BLOCK_KEY_FILE_NAME)
    if not _decrypts([block_key], manifest.block_key_check):
        raise InvalidRequest(
            "the key of this backup's saved blocks is missing: pass its folder with --keys-from, "
            "or set PREFECT_SERVER_ENCRYPTION_KEY. Nothing was changed"
        )


def _check_saved_block(
    installation: Installation, manifest: Manifest, source: Path, keys: Mapping[str, bytes]
) -> None:
    """Ensure that the key that the Prefect server will get decrypts what is saved in the copy.

    Raises:
        InvalidRequest: it does not.
    """
    key = configured_block_key() or _key_text(installation, keys, BLOCK_KEY_FILE_NAME)
    if installation.prefect is None or manifest.prefect is None or not key:
        return  # without one the server uses a key that is in its database
    block = installation.prefect.read_saved_block(source / manifest.prefect.file)
    if block and not _decrypts([key], block):
        raise InvalidRequest(
            f"the key of saved blocks does not decrypt the blocks in {manifest.prefect.file}: the "
            "server of that backup used another one. Set PREFECT_SERVER_ENCRYPTION_KEY to it, or "
            "pass its folder with --keys-from. Nothing was changed"
        )


def _key_text(installation: Installation, keys: Mapping[str, bytes], name: str) -> str:
    path = installation.key_paths[name]
    if name in keys:
        return keys[name].decode().strip()
    return path.read_text().strip() if path.is_file() else ""


def _decrypts(keys: list[str], ciphertext: str) -> bool:
    for key in filter(None, (key.strip() for key in keys)):
        try:
            Fernet(key).decrypt(ciphertext.encode())
        except (InvalidToken, ValueError):
            continue
        return True
    return False


def find_present(installation: Installation, keys: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return what a restore would replace, in words; empty in a new installation."""
    present = [database.location for database in installation.databases if database.has_tables()]
    present += [
        str(path)
        for name, path in installation.key_paths.items()
        if name in keys and path.is_file() and path.read_bytes() != keys[name]
    ]
    return tuple(present)


def require_own(installation: Installation, manifest: Manifest) -> None:
    """Ensure that no other installation is there.

    Raises:
        InvalidRequest: the state is that of an installation that did not make the backup.
    """
    if not installation.state.has_tables():
        return
    try:
        with Session(get_engine(get_settings().database)) as session:
            name = session.exec(select(InstallationRow.name)).first()
    except SQLAlchemyError:  # damaged, which is a reason to restore it
        return
    if name and manifest.installation and name != manifest.installation:
        raise InvalidRequest(
            f"{installation.state.location} is the state of the installation {name}, and the "
            f"backup is of the installation {manifest.installation}: check DATA_DIR and the "
            "database URL, or add --other-installation to replace it. Nothing was changed"
        )


def list_later_changes(since: datetime) -> tuple[str, ...]:
    """Return what the audit of the present state has after a backup: a restore undoes it there.

    Args:
        since: when the backup was made.
    """
    where = col(AuditRow.at) > since
    try:
        with Session(get_engine(get_settings().database)) as session:
            count = session.exec(select(func.count()).where(where).select_from(AuditRow)).one()
            rows = session.exec(
                select(AuditRow)
                .where(where, col(AuditRow.what).in_(_FORGOTTEN))
                .order_by(col(AuditRow.id).desc())
                .limit(_MAX_LISTED)
            ).all()
    except SQLAlchemyError:
        return ("The present state cannot be read, so its changes since then are not listed.",)
    lines = [
        f"Audit entries since then: {count}. Of these, at most {_MAX_LISTED} of the last that "
        "restoring reverts:"
    ]
    return (*lines, *(_describe(row) for row in reversed(rows))) if rows else ()


_FORGOTTEN = (
    "space.unbound",
    "space.binding-held",
    "space.asked",
    "namespace.left",
    "workspace.removed",
    "workspace.updated",
    "registry.updated",
    "registry.removed",
    "cluster.updated",
    "cluster.replaced",
    "cluster.removed",
)
"""Actions that take something away or redirect a credential; reverting them gives it back."""


def _describe(row: AuditRow) -> str:
    if row.what == "space.unbound":
        place = f"{row.registry_name}/{row.subject}:{row.workspace}"
        return f"  {row.at:%Y-%m-%d %H:%M} {row.what}; keep it with --unbind {place}"
    names = " ".join(dict.fromkeys(filter(None, (row.registry_name, row.subject, row.workspace))))
    change = f": {row.before or '-'} → {row.after or '-'}" if row.before or row.after else ""
    return f"  {row.at:%Y-%m-%d %H:%M} {row.what} {names}{change}"


@dataclass(frozen=True)
class RestoreResult:
    """What a restore did.

    Attributes:
        replaced_dir: the folder with replaced files; None if there are none.
        unmatched: the revocations that name nothing in the backup.
    """

    replaced_dir: Path | None
    unmatched: tuple[str, ...]


def apply_restore(restore: Restore, revocations: Revocations = _NOTHING) -> RestoreResult:
    """Replace the databases and the key files, and repeat revocations in the restored state.

    The installation must be locked. Until the end the data directory and the state are marked, so
    that no process uses them; an interrupted call leaves the marks, and can be repeated.

    Args:
        restore: the backup and the installation.
        revocations: what is taken away before the marks are removed.

    Raises:
        InvalidRequest: a database is in use, or could not be replaced.
    """
    installation, manifest = restore.installation, restore.manifest
    marker = installation.data_dir / INCOMPLETE_NAME
    replaced_dir = installation.data_dir / f"replaced-{clock.now():%Y%m%dT%H%M%S}"
    get_engine(get_settings().database).dispose()  # connections to what is replaced
    _require_no_users(installation)  # again: somebody may have come while a person was asked
    _mark(marker)
    for database, copy in zip(installation.databases, manifest.copies, strict=True):
        is_state = copy == manifest.state
        database.replace(restore.source / copy.file, replaced_dir, _MARK if is_state else "")
    for name, content in restore.keys.items():
        _replace_key(installation.key_paths[name], content, replaced_dir)
    # One transaction: nobody can use the state before the revocations are in it.
    with get_engine(get_settings().database).begin() as connection:
        unmatched = _finish(connection, manifest, revocations)
    marker.unlink()
    return RestoreResult(replaced_dir if replaced_dir.exists() else None, unmatched)


def _mark(marker: Path) -> None:
    marker.touch(mode=0o600)
    sync_directory(marker.parent)


def _replace_key(path: Path, content: bytes, replaced_dir: Path) -> None:
    if path.is_file():
        if path.read_bytes() == content:
            return
        keep_file(path, replaced_dir)
        path.unlink()
    create_secret_file(path, content.decode())


def _finish(
    connection: Connection, manifest: Manifest, revocations: Revocations
) -> tuple[str, ...]:
    revision = {"revision": manifest.state.revision}
    connection.execute(text("UPDATE alembic_version SET version_num = :revision"), revision)
    upgrade(connection, build_alembic_config())
    with Session(connection) as session:
        _settle(session, manifest.created_at)
        unmatched = apply_revocations(session, revocations, new_run_context())
        session.commit()
    return unmatched


def _settle(session: Session, created_at: datetime) -> None:
    """Let the first runs observe everything again, and record the restore."""
    session.exec(delete(LeaseRow))  # of runs that ended long ago
    # Older observations are stale: reconcile-all observes all registries at once.
    session.exec(update(RegistryRow).values(doubted_at=clock.now()))
    entry = AuditEntry(
        subject="installation",
        action="installation.restored",
        after=f"{created_at:%Y-%m-%d %H:%M:%S} UTC",
        reason="restored from a backup; what was changed after it is not on record",
        emit_event=False,
    )
    audit.append(session, "", [entry], new_run_context())
