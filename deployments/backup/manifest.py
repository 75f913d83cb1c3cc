"""The manifest of a backup, and the decision whether a backup can be restored here."""

import hashlib
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, ValidationError

from models.core.base import FrozenModel
from models.core.errors import InvalidRequest

MANIFEST_NAME = "manifest.json"
Engine = Literal["sqlite", "postgresql"]


class DatabaseCopy(FrozenModel):
    """The copy of one database.

    Attributes:
        file: name of the file in the backup.
        engine: kind of the database.
        revision: revision of its schema; empty if it has none.
        sha256: checksum of the file.
    """

    file: str
    engine: Engine
    revision: str
    sha256: str


class Manifest(FrozenModel):
    """What a backup contains. It is written last: a folder without one is no backup.

    Attributes:
        created_at: when the copy of the state began. What changed later is not in it.
        installation: id of the installation, with which robot accounts are marked.
        prefect_version: version of Prefect that the copied database belongs to.
        state: the database of this service.
        prefect: Prefect's database, copied after the state; None if it was left out.
        key_check: text that only the keys of robot account secrets decrypt; empty if none is used.
        block_key_check: text that only the key of saved blocks decrypts; empty if it is not known,
            or in Prefect's database.
    """

    format: Literal[1] = 1
    created_at: AwareDatetime
    installation: str
    prefect_version: str
    state: DatabaseCopy
    prefect: DatabaseCopy | None
    key_check: str = ""
    block_key_check: str = ""

    @property
    def copies(self) -> tuple[DatabaseCopy, ...]:
        """All copies of databases."""
        return (self.state, self.prefect) if self.prefect else (self.state,)


class KeyManifest(FrozenModel):
    """The key files of a backup, with their checksums."""

    format: Literal[1] = 1
    files: dict[str, str]


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a backup, after comparing all its files with their checksums.

    Raises:
        InvalidRequest: the folder is not a complete, undamaged backup.
    """
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST_NAME).read_bytes())
    except FileNotFoundError:
        raise InvalidRequest(
            f"{folder} is not a backup, or it was interrupted: it has no {MANIFEST_NAME}"
        ) from None
    except ValidationError:
        raise InvalidRequest(
            f"{folder / MANIFEST_NAME} is damaged, or was written by a newer version"
        ) from None
    _check_files(folder, {copy.file: copy.sha256 for copy in manifest.copies})
    return manifest


def read_keys(folder: Path) -> Mapping[str, bytes]:
    """Return the contents of the key files of a folder by name; empty if there is no such folder.

    Raises:
        InvalidRequest: a file is missing or damaged.
    """
    if not folder.is_dir():
        return {}
    try:
        keys = KeyManifest.model_validate_json((folder / MANIFEST_NAME).read_bytes())
    except (FileNotFoundError, ValidationError):
        raise InvalidRequest(f"{folder} has no valid {MANIFEST_NAME} of keys") from None
    _check_files(folder, keys.files)
    return {name: (folder / name).read_bytes() for name in keys.files}


def _check_files(folder: Path, checksums: Mapping[str, str]) -> None:
    for name, checksum in checksums.items():
        path = folder / name
        if Path(name).name != name or not path.is_file() or checksum_of(path) != checksum:
            raise InvalidRequest(
                f"{path} is missing or damaged: it is not what {MANIFEST_NAME} describes. Use "
                "another backup; nothing was changed"
            )


def checksum_of(path: Path) -> str:
    """Return the SHA-256 checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_obstacle(
    manifest: Manifest,
    engines: tuple[Engine, Engine | None],
    known_revisions: Collection[str],
    prefect_version: str,
) -> str:
    """Return why a backup cannot be restored into an installation; empty if it can be.

    Args:
        manifest: manifest of the backup.
        engines: kinds of the installation's databases: of the state, and of Prefect or None.
        known_revisions: revisions of the state's schema that this version knows.
        prefect_version: version of Prefect that is installed.
    """
    if manifest.state.revision not in known_revisions:
        return (
            f"the backup has the schema revision {manifest.state.revision or 'none'}, which this "
            "version does not know: restore it with the version that created it, or a newer one"
        )
    if _version_key(manifest.prefect_version) > _version_key(prefect_version):
        return (
            f"the backup was made with Prefect {manifest.prefect_version}, which is newer than the "
            f"installed {prefect_version}: restore it with the version of this service that made it"
        )
    for copy, engine in zip((manifest.state, manifest.prefect), engines, strict=True):
        if copy is not None and engine is not None and copy.engine != engine:
            return (
                f"{copy.file} is a copy of a {copy.engine} database, but this installation is "
                f"configured for {engine}: restore it into a database of the same kind"
            )
    return ""


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
