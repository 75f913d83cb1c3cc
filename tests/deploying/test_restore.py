"""What a restore does beside copying: revocations, marks, other filesystems and installations."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography.fernet import Fernet
from sqlmodel import Session, select

from deployments.backup.create import create_backup
from deployments.backup.databases import SqliteDatabase
from deployments.backup.installation import Installation
from deployments.backup.postgresql import _newest_block, _version_hint
from deployments.backup.restore import apply_restore, check_restore, require_own
from deployments.backup.revocations import Member, Revocations, parse_revocations
from deployments.environment import PROJECT_DIR
from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from models.tables import (
    BindingRow,
    ClusterRow,
    InstallationRow,
    ListedNamespaceRow,
    RegistryRow,
    SpaceRow,
    WorkspaceRow,
)
from tasks.store.migrate import migrate
from tasks.store.session import get_engine, run_in_transaction
from tests.real.debian_postgres import running_debian_postgres
from tests.support.backups import write_secret
from tests.support.databases import use_database

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _fill(session: Session) -> None:
    for name in ("hub", "edge"):
        session.add(
            RegistryRow(
                name=name,
                kind="harbor",
                address=f"https://{name}.example",
                origin="external",
                tls={"type": "system"},
                drift_policy="enforce",
                integrated_at=_NOW,
            )
        )
    session.add(WorkspaceRow(name="red", source="listed"))
    session.add(ClusterRow(name="eu", reason=""))
    session.flush()
    session.add(SpaceRow(registry_name="hub", name="team-a", desired="public", observed="public"))
    session.add(ListedNamespaceRow(cluster_name="eu", namespace="shop", workspace="red", uid="1"))
    for registry, space in (("hub", "team-a"), ("hub", "a/b"), ("edge", "team-a")):
        session.add(BindingRow(registry_name=registry, space=space, workspace="red", bound_at=_NOW))


def _read(session: Session) -> dict[str, object]:
    space = session.get_one(SpaceRow, ("hub", "team-a"))
    bindings = session.exec(select(BindingRow)).all()
    return {
        "bound": {f"{row.registry_name}/{row.space}" for row in bindings if not row.held_since},
        "held": {f"{row.registry_name}/{row.space}" for row in bindings if row.held_since},
        "desired": space.desired,
        "listed": {row.namespace for row in session.exec(select(ListedNamespaceRow))},
    }


_AS_BEFORE = {
    "bound": {"hub/team-a", "hub/a/b", "edge/team-a"},
    "held": set(),
    "desired": "public",
    "listed": {"shop"},
}


@pytest.mark.parametrize(
    ("revocations", "expected", "unmatched"),
    [
        (parse_revocations([], [], [], []), {}, ()),
        (
            parse_revocations(["hub/a/b:red"], [], [], []),
            {"bound": {"hub/team-a", "edge/team-a"}},
            (),
        ),
        (parse_revocations([], ["hub/team-a"], [], []), {"desired": "private"}, ()),
        (parse_revocations([], [], ["eu/shop:red"], []), {"listed": set()}, ()),
        (
            parse_revocations(["hub/team-a:red"], [], [], ["hub"]),
            {"bound": {"edge/team-a"}, "held": {"hub/a/b"}},
            (),
        ),
        (
            parse_revocations(["hub/x:red"], ["hub/x"], ["eu/x:red"], ["x"]),
            {},
            ("--unbind hub/x:red", "--private hub/x", "--unlist eu/x:red", "--hold x"),
        ),
    ],
)
def test_revocations_are_repeated(
    installation: Installation,
    tmp_path: Path,
    revocations: Revocations,
    expected: dict[str, object],
    unmatched: tuple[str, ...],
) -> None:
    run_in_transaction(_fill)
    create_backup(installation, tmp_path / "backup")
    get_engine(get_settings().database).dispose()
    result = apply_restore(check_restore(installation, tmp_path / "backup", None), revocations)
    assert run_in_transaction(_read) == _AS_BEFORE | expected
    assert result.unmatched == unmatched


@pytest.mark.parametrize(
    ("unbound", "private"),
    [("hub/team-a", ""), ("hub:red", ""), (":red", ""), ("hub/team-a:", ""), ("", "hub")],
)
def test_malformed_revocations(unbound: str, private: str) -> None:
    with pytest.raises(InvalidRequest, match=r"expected REGISTRY/SPACE.*Nothing was changed"):
        parse_revocations([unbound] * bool(unbound), [private] * bool(private), [], [])


def test_names_with_slashes() -> None:
    revocations = parse_revocations(["hub/a/b/c:red"], [], [], [])
    assert revocations.unbound == (Member(place="hub", name="a/b/c", workspace="red"),)


def _run(data_dir: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    variables = {"DATA_DIR": str(data_dir), "REGISTRY_INTEGRATION_DATA_DIR": str(data_dir)}
    result = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=PROJECT_DIR,
        env=os.environ | variables | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stderr


def test_nothing_starts_after_an_interrupted_restore(
    installation: Installation, tmp_path: Path
) -> None:
    create_backup(installation, tmp_path / "backup")
    get_engine(get_settings().database).dispose()
    restore = check_restore(installation, tmp_path / "backup", None)
    (tmp_path / "backup" / "prefect.db").unlink()  # after the check: the disk goes
    with pytest.raises(FileNotFoundError):
        apply_restore(restore)
    api = "http://127.0.0.1:9/api"
    for module in ("worker", "console", "migrate"):
        status, errors = _run(installation.data_dir, f"deployments.{module}", PREFECT_API_URL=api)
        assert (status, errors.count("\n")) == (1, 1), errors
        assert "deployments.restore SOURCE --replace` again" in errors
    status, errors = _run(installation.data_dir, "deployments.image", "server")
    assert (status, "restore SOURCE" in errors) == (1, True), errors
    # Another machine has no such file: the database itself is marked.
    with pytest.raises(InvalidRequest, match="a restore of the database"):
        migrate(get_settings().database)
    status, errors = _run(tmp_path / "elsewhere", "deployments.migrate")
    assert (status, "a restore of the database" in errors) == (1, True), errors


def test_a_run_refuses_a_database_that_is_restored(
    installation: Installation, tmp_path: Path
) -> None:
    create_backup(installation, tmp_path / "backup")
    get_engine(get_settings().database).dispose()
    restore = check_restore(installation, tmp_path / "backup", None)
    (tmp_path / "backup" / "prefect.db").unlink()
    with pytest.raises(FileNotFoundError):
        apply_restore(restore)
    code = (
        "from tasks.store.session import run_in_transaction\n"
        "from tasks.store.installation import get_installation\n"
        "run_in_transaction(get_installation)"
    )
    program = tmp_path / "run.py"
    program.write_text(code)
    result = subprocess.run(
        [sys.executable, str(program)],
        cwd=PROJECT_DIR,
        env=os.environ | {"PYTHONPATH": str(PROJECT_DIR)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "a restore of the database is in progress or was interrupted" in result.stderr


def test_parts_on_another_filesystem(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared_memory = Path("/dev/shm")
    if not shared_memory.is_dir() or shared_memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs /dev/shm as a second filesystem")
    with TemporaryDirectory(dir=shared_memory) as name:
        elsewhere = Path(name)
        (installation.data_dir / "prefect.db").rename(tmp_path / "moved")
        (elsewhere / "prefect.db").write_bytes((tmp_path / "moved").read_bytes())
        key_file = elsewhere / "secret.keys"
        write_secret(key_file, (installation.data_dir / "secret.keys").read_text())
        monkeypatch.setenv("REGISTRY_INTEGRATION_SECRET_KEY_FILE", str(key_file))
        get_settings.cache_clear()
        apart = replace(installation, prefect=SqliteDatabase(elsewhere / "prefect.db"))
        create_backup(apart, tmp_path / "backup")
        get_engine(get_settings().database).dispose()
        key = key_file.read_text()
        copied = (tmp_path / "backup" / "prefect.db").read_bytes()
        (elsewhere / "prefect.db").write_bytes(b"former")
        write_secret(key_file, "former key")
        replaced_dir = apply_restore(check_restore(apart, tmp_path / "backup", None)).replaced_dir
        assert replaced_dir is not None
        kept = {path.name: path.read_bytes() for path in replaced_dir.iterdir()}
        assert kept["prefect.db"] == b"former"
        assert kept["secret.keys"] == b"former key"
        assert (elsewhere / "prefect.db").read_bytes() == copied
        assert key_file.read_text() == key
        assert {path.name for path in elsewhere.iterdir()} == {"prefect.db", "secret.keys"}


def test_the_state_of_another_installation(installation: Installation, tmp_path: Path) -> None:
    manifest = create_backup(installation, tmp_path / "backup")
    require_own(installation, manifest)

    def rename(session: Session) -> None:
        session.get_one(InstallationRow, 1).name = "0000beef"

    run_in_transaction(rename)
    get_engine(get_settings().database).dispose()
    with pytest.raises(InvalidRequest, match=r"installation 0000beef.*--other-installation"):
        require_own(installation, manifest)
    get_engine(get_settings().database).dispose()
    arguments = ("deployments.restore", str(tmp_path / "backup"), "--replace", "--yes")
    prefect = {"PREFECT_HOME": str(tmp_path / "prefect")}
    status, errors = _run(installation.data_dir, *arguments, **prefect)
    assert (status, "0000beef" in errors) == (1, True), errors
    (installation.data_dir / "state.db").write_bytes(b"damaged" * 1000)
    require_own(installation, manifest)
    (installation.data_dir / "state.db").unlink()
    require_own(installation, manifest)
    assert not (installation.data_dir / "state.db").exists()


def test_the_key_of_another_server(installation: Installation, tmp_path: Path) -> None:
    with closing(sqlite3.connect(installation.data_dir / "prefect.db")) as connection:
        block = Fernet(Fernet.generate_key()).encrypt(b"{}").decode()
        row = [f'"{block}"', "2026-02-01"]
        connection.execute("INSERT INTO block_document VALUES (?, ?)", row)
        connection.commit()
    create_backup(installation, tmp_path / "backup")
    get_engine(get_settings().database).dispose()
    with pytest.raises(InvalidRequest, match=r"does not decrypt the blocks in prefect\.db"):
        check_restore(installation, tmp_path / "backup", None)
    check_restore(replace(installation, prefect=None), tmp_path / "backup", None)


@pytest.mark.parametrize(
    ("script", "data"),
    [
        ("", ""),
        ("COPY public.block_document (id, data, updated) FROM stdin;\n\\.\n", ""),
        (
            "COPY public.block_document (updated, data) FROM stdin;\n"
            '2026-01-02\t"new"\n2026-01-01\t"old"\n\\.\n\nSELECT 1;\n',
            "new",
        ),
    ],
)
def test_saved_blocks_of_a_dump(script: str, data: str) -> None:
    assert _newest_block(script) == data


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("pg_restore: error: unsupported version (1.16) in file header", "made by a newer pg_dump"),
        ('ERROR: unrecognized configuration parameter "transaction_timeout"', "is newer than this"),
        ("ERROR: disk full", ""),
    ],
)
def test_versions_that_do_not_fit(line: str, hint: str) -> None:
    assert hint in _version_hint(line)
    assert bool(hint) == bool(_version_hint(line))


def test_a_backup_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "pg_dump").write_text(
        "#!/bin/sh\n[ $1 = --version ] && echo 'pg_dump (PostgreSQL) 99.0' || exec /bin/sleep 60\n"
    )
    (tmp_path / "pg_dump").chmod(0o700)
    target = tmp_path / "backups" / "monday"

    def dumps() -> set[Path]:
        return set(target.parent.glob(".*/state.dump"))

    with running_debian_postgres("state") as (server_url,):
        url = server_url.replace("postgresql:", "postgresql+psycopg:", 1)
        with use_database(url):
            migrate(url)
        environment = {"DATA_DIR": str(tmp_path / "data"), "PATH": str(tmp_path)}
        environment |= {"REGISTRY_INTEGRATION_DATABASE_URL": url}
        arguments = (sys.executable, "-m", "deployments.backup", str(target), "--without-prefect")
        left: set[Path] = set()
        for number, remaining in ((signal.SIGKILL, 1), (signal.SIGTERM, 0)):
            with subprocess.Popen(
                arguments, cwd=PROJECT_DIR, env=os.environ | environment
            ) as process:
                while process.poll() is None and not dumps() - left:
                    time.sleep(0.05)
                # A second backup deletes what the killed one left, and not what another writes.
                assert len(list(target.parent.glob(".*"))) == 1
                process.send_signal(number)
                assert process.wait() != 0
            left = dumps()
            assert len(list(target.parent.iterdir())) == remaining
