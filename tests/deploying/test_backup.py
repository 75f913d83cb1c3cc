"""What a backup contains, and when it is not restored; each refusal changes nothing."""

import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url

from deployments.backup import postgresql
from deployments.backup.create import create_backup
from deployments.backup.databases import copy_secret_file
from deployments.backup.installation import Installation, find_installation
from deployments.backup.manifest import (
    DatabaseCopy,
    Engine,
    Manifest,
    find_obstacle,
    read_manifest,
)
from deployments.backup.postgresql import PostgresDatabase
from deployments.backup.restore import apply_restore, check_restore, find_present
from deployments.data_dir import INCOMPLETE_NAME, DataDirInUse, check_complete, lock_data_dir
from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from tasks.secrets.robot_secrets import ensure_keys
from tasks.store.schema_revision import HEAD_REVISION
from tasks.store.session import get_engine
from tests.real.debian_postgres import running_debian_postgres
from tests.support.backups import API_PASSWORD, write_secret

_COPY = DatabaseCopy(file="state.db", engine="sqlite", revision=HEAD_REVISION, sha256="")
_MANIFEST = Manifest(
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    installation="12345678",
    prefect_version="3.9.1",
    state=_COPY,
    prefect=_COPY,
)


@pytest.mark.parametrize(
    ("manifest", "engines", "obstacle"),
    [
        (_MANIFEST, ("sqlite", "sqlite"), ""),
        (_MANIFEST, ("sqlite", None), ""),
        (_MANIFEST.model_copy(update={"prefect_version": "3.8.20"}), ("sqlite", "sqlite"), ""),
        (
            _MANIFEST.model_copy(update={"prefect_version": "3.10.0"}),
            ("sqlite", "sqlite"),
            "Prefect 3.10.0, which is newer",
        ),
        (
            _MANIFEST.model_copy(update={"state": _COPY.model_copy(update={"revision": "1999"})}),
            ("sqlite", "sqlite"),
            "schema revision 1999, which this version does not know",
        ),
        (_MANIFEST, ("postgresql", "sqlite"), "configured for postgresql"),
        (_MANIFEST, ("sqlite", "postgresql"), "configured for postgresql"),
    ],
)
def test_obstacles(
    manifest: Manifest, engines: tuple[Engine, Engine | None], obstacle: str
) -> None:
    found = find_obstacle(manifest, engines, {HEAD_REVISION}, "3.9.1")
    assert (obstacle in found) if obstacle else found == ""


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def test_a_backup_is_private_and_complete(installation: Installation, tmp_path: Path) -> None:
    target = tmp_path / "backups" / "monday"
    create_backup(installation, target)
    names = {"manifest.json", "state.db", "prefect.db"}
    keys = {
        f"keys/{name}" for name in ("manifest.json", "secret.keys", "blocks.key", "api.password")
    }
    assert set(_contents(target)) == names | keys
    modes = {stat.S_IMODE(path.stat().st_mode) for path in target.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert [path.name for path in target.parent.iterdir()] == ["monday"]
    with pytest.raises(InvalidRequest, match="exists"):
        create_backup(installation, target)


def test_keys_are_kept_apart(installation: Installation, tmp_path: Path) -> None:
    target, keys = tmp_path / "backup", tmp_path / "safe"
    create_backup(installation, target, keys)
    secrets = [path.read_bytes().strip() for path in keys.iterdir() if path.name != "manifest.json"]
    assert len(secrets) == 3
    assert not [
        secret for secret in secrets for text in _contents(target).values() if secret in text
    ]
    shutil.rmtree(installation.data_dir)
    installation.data_dir.mkdir()
    with pytest.raises(InvalidRequest, match="keys of this backup's robot account secrets"):
        check_restore(installation, target, None)
    (keys / "blocks.key").rename(tmp_path / "blocks.key")
    with pytest.raises(InvalidRequest, match="missing or damaged"):
        check_restore(installation, target, keys)
    assert list(installation.data_dir.iterdir()) == []
    (tmp_path / "blocks.key").rename(keys / "blocks.key")
    apply_restore(check_restore(installation, target, keys))
    assert (installation.data_dir / "api.password").read_text() == API_PASSWORD


def test_a_backup_that_failed_leaves_nothing(installation: Installation, tmp_path: Path) -> None:
    (installation.data_dir / "prefect.db").write_bytes(b"no database" * 1000)
    with pytest.raises(InvalidRequest, match=r"prefect\.db cannot be copied"):
        create_backup(installation, tmp_path / "backups" / "new")
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_backup_without_its_keys_is_none(installation: Installation, tmp_path: Path) -> None:
    (installation.data_dir / "api.password").chmod(0o644)  # refused when it is copied, as last
    with pytest.raises(InvalidRequest, match="chmod"):
        create_backup(installation, tmp_path / "backup", tmp_path / "safe")
    assert not (tmp_path / "backup").exists()
    assert not (tmp_path / "safe").exists()


def test_a_password_that_was_changed_stays_changed(
    installation: Installation, tmp_path: Path
) -> None:
    create_backup(installation, tmp_path / "backup")
    get_engine(get_settings().database).dispose()
    write_secret(installation.data_dir / "api.password", "operator:changed")
    apply_restore(check_restore(installation, tmp_path / "backup", None))
    assert (installation.data_dir / "api.password").read_text() == "operator:changed"


def test_without_prefect_its_key_stays(installation: Installation, tmp_path: Path) -> None:
    create_backup(installation, tmp_path / "backup")
    get_engine(get_settings().database).dispose()
    write_secret(installation.data_dir / "blocks.key", "of the other database")
    alone = replace(installation, prefect=None)
    apply_restore(check_restore(alone, tmp_path / "backup", None))
    assert (installation.data_dir / "blocks.key").read_text() == "of the other database"


def test_whoever_comes_while_a_person_is_asked_stops_the_restore(
    installation: Installation, tmp_path: Path
) -> None:
    create_backup(installation, tmp_path / "backup")
    get_engine(get_settings().database).dispose()
    restore = check_restore(installation, tmp_path / "backup", None)
    before = _contents(installation.data_dir)
    with closing(sqlite3.connect(installation.data_dir / "state.db")) as other:
        other.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with pytest.raises(InvalidRequest, match=r"another process uses .*state\.db"):
            apply_restore(restore)
    assert _contents(installation.data_dir) == before


def test_a_disk_that_takes_a_part_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(range(256)) * 20_000)
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:70_001]))
    copy_secret_file(source, target)
    assert target.read_bytes() == source.read_bytes()


def test_no_password_of_a_url_is_on_a_command_line() -> None:
    url = (
        "postgresql+asyncpg://u@h/db?password=s3cret&prepared_statement_cache_size=0&host=a&host=b"
    )
    database = PostgresDatabase(make_url(url))
    assert "s3cret" not in database._conninfo
    assert database._password == "s3cret"
    assert "prepared_statement" not in database._conninfo
    assert "host=a,b" in database._conninfo


def test_another_key_is_noticed(installation: Installation, tmp_path: Path) -> None:
    write_secret(installation.data_dir / "secret.keys", Fernet.generate_key().decode())
    with pytest.raises(InvalidRequest, match="not the one"):
        create_backup(installation, tmp_path / "backup")


def test_writes_during_a_backup(installation: Installation, tmp_path: Path) -> None:
    with closing(sqlite3.connect(installation.data_dir / "state.db")) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO publication VALUES ('late', '', '2026-01-01')")
        create_backup(installation, tmp_path / "backup")
        writer.commit()
    with closing(sqlite3.connect(tmp_path / "backup" / "state.db")) as copy:
        assert copy.execute("SELECT count(*) FROM publication").fetchone() == (0,)


def _cut(backup: Path) -> None:
    path = backup / "prefect.db"
    path.write_bytes(path.read_bytes()[:-1])


def _change(backup: Path) -> None:
    path = backup / "state.db"
    path.write_bytes(path.read_bytes().replace(b"installation", b"INSTALLATION", 1))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda backup: (backup / "manifest.json").unlink(), "is not a backup"),
        (lambda backup: (backup / "manifest.json").write_text("{"), "is damaged"),
        (lambda backup: (backup / "state.db").unlink(), "missing or damaged"),
        (_cut, "missing or damaged"),
        (_change, "missing or damaged"),
    ],
)
def test_damaged_backups(
    installation: Installation, tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    create_backup(installation, tmp_path / "backup")
    read_manifest(tmp_path / "backup")
    damage(tmp_path / "backup")
    before = _contents(installation.data_dir)
    with pytest.raises(InvalidRequest, match=message):
        check_restore(installation, tmp_path / "backup", None)
    assert _contents(installation.data_dir) == before


@pytest.mark.parametrize("name", ["state.db", "prefect.db"])
def test_a_database_in_use(installation: Installation, tmp_path: Path, name: str) -> None:
    create_backup(installation, tmp_path / "backup")
    get_engine(get_settings().database).dispose()
    with closing(sqlite3.connect(installation.data_dir / name)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with pytest.raises(InvalidRequest, match=f"another process uses .*{name}"):
            check_restore(installation, tmp_path / "backup", None)
    check_restore(installation, tmp_path / "backup", None)


def test_what_is_replaced_is_kept(installation: Installation, tmp_path: Path) -> None:
    create_backup(installation, tmp_path / "backup")
    get_engine(get_settings().database).dispose()
    (installation.data_dir / "state.db").write_bytes(b"overwritten by accident" * 500)
    write_secret(installation.data_dir / "secret.keys", "another")
    restore = check_restore(installation, tmp_path / "backup", None)
    present = find_present(installation, restore.keys)
    assert [Path(path).name for path in present] == ["state.db", "prefect.db", "secret.keys"]
    replaced_dir = apply_restore(restore).replaced_dir
    assert replaced_dir is not None
    assert {"state.db", "prefect.db", "secret.keys"} <= set(_contents(replaced_dir))
    assert ensure_keys() == ""  # the restored key is that of the restored state
    check_complete(installation.data_dir)


def test_an_interrupted_restore(installation: Installation, tmp_path: Path) -> None:
    create_backup(installation, tmp_path / "backup")
    get_engine(get_settings().database).dispose()
    restore = check_restore(installation, tmp_path / "backup", None)
    (tmp_path / "backup" / "prefect.db").unlink()  # after the check: the disk goes
    with pytest.raises(FileNotFoundError):
        apply_restore(restore)
    assert (installation.data_dir / INCOMPLETE_NAME).exists()
    with pytest.raises(InvalidRequest, match="was interrupted"):
        check_complete(installation.data_dir)
    with pytest.raises(InvalidRequest, match="was interrupted"):
        create_backup(installation, tmp_path / "other")


def test_a_locked_data_directory(tmp_path: Path) -> None:
    with lock_data_dir(tmp_path), pytest.raises(DataDirInUse), lock_data_dir(tmp_path):
        pass


def test_programs_as_old_as_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 14.9'\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgresql, "_PROGRAM_DIRS", str(tmp_path / "none"))
    assert postgresql._find_program("pg_dump", 140009) == str(program)
    with pytest.raises(InvalidRequest, match=r"pg_dump 15 or newer .* newest here is 14"):
        postgresql._find_program("pg_dump", 150004)
    with pytest.raises(InvalidRequest, match="there is none here"):
        postgresql._find_program("psql", 150004)


def test_postgresql(tmp_path: Path) -> None:
    with running_debian_postgres("one", "two") as (one_url, two_url):
        one, two = (PostgresDatabase(make_url(url)) for url in (one_url, two_url))
        with one._connect() as connection:
            connection.execute("CREATE EXTENSION pg_trgm")
            connection.execute("CREATE TYPE colour AS ENUM ('red')")
            connection.execute("CREATE TABLE kept (colour colour)")
            connection.execute("CREATE TABLE named (id serial PRIMARY KEY, name text)")
            connection.execute("INSERT INTO kept VALUES ('red')")
            connection.execute("CREATE INDEX trigrams ON named USING gin (name gin_trgm_ops)")
            connection.execute("CREATE SCHEMA other")
            connection.execute("CREATE TABLE other.apart (number int)")
            connection.commit()
            assert "other connections: 1" in one.find_users()
            leaving = threading.Timer(0.5, connection.close)
            leaving.start()
            assert one.find_users() == ""
            leaving.join()
        one.dump(tmp_path / "one.dump")
        with two._connect() as connection:
            connection.execute("CREATE TYPE colour AS ENUM ('blue')")
            connection.execute("CREATE TABLE newer (colour colour, id serial)")
            connection.execute("CREATE VIEW seen AS SELECT * FROM newer")
            connection.execute("CREATE SEQUENCE counted")
            connection.execute("CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'")
            connection.execute("CREATE SCHEMA other")
            connection.execute("CREATE TABLE other.of_others AS SELECT 1")
        assert two.has_tables()
        os.truncate(tmp_path / "one.dump", 200)
        with pytest.raises(InvalidRequest, match="pg_restore failed"):
            two.replace(tmp_path / "one.dump", tmp_path / "replaced")
        with two._connect() as connection:
            connection.execute("SELECT * FROM newer")
        one.dump(tmp_path / "whole.dump")
        two.check_copy(tmp_path / "whole.dump")
        for _ in range(2):
            two.replace(tmp_path / "whole.dump", tmp_path / "replaced")
        with two._connect() as connection:
            assert connection.execute("SELECT colour::text FROM kept").fetchall() == [("red",)]
            for name in ("newer", "seen", "counted", "other.apart"):
                assert connection.execute(f"SELECT to_regclass('{name}')").fetchone() == (None,)
            assert connection.execute("SELECT to_regprocedure('one()')").fetchone() == (None,)
            assert connection.execute("SELECT * FROM other.of_others").fetchall() == [(1,)]
        elsewhere = PostgresDatabase(make_url(f"{two_url}&options=-csearch_path%3Dother"))
        with pytest.raises(InvalidRequest, match=r"copy of the schema public.*uses other"):
            elsewhere.check_copy(tmp_path / "whole.dump")
        assert two.find_users() == ""


def test_the_databases_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REGISTRY_INTEGRATION_DATABASE_URL", "REGISTRY_INTEGRATION_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("PREFECT_HOME", "PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))  # Prefect's settings of this process name others
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", os.environ.copy())
        installation = find_installation(with_prefect=True)
        locations = [database.location for database in installation.databases]
    get_settings.cache_clear()
    assert locations == [str(tmp_path / "state.db"), str(tmp_path / "prefect" / "prefect.db")]
