"""Debian's PostgreSQL, which has the extension `pg_trgm` that a Prefect server asks for."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.real.skip import report_missing

_OWNER = "postgres"  # PostgreSQL refuses to run as root


@contextmanager
def running_debian_postgres(*databases: str) -> Iterator[list[str]]:
    """Run a server in a folder of its own; yields the URL of each database, without a driver."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        report_missing("Debian's PostgreSQL", "apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _OWNER)
        _run(programs[-1] / "initdb", "-D", folder / "data", "-U", _OWNER, "-A", "trust", "-N")
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        control = (programs[-1] / "pg_ctl", "-D", folder / "data", "-w")
        _run(*control, "-o", options, "-l", folder / "log", "start")
        try:
            _create(folder, databases)
            yield [f"postgresql://{_OWNER}@/{name}?host={folder}" for name in databases]
        finally:
            _run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(*command: str | Path) -> None:
    owner = ("runuser", "-u", _OWNER, "--") if os.geteuid() == 0 else ()
    subprocess.run((*owner, *command), check=True, stdout=subprocess.DEVNULL, cwd="/")


def _create(folder: Path, databases: tuple[str, ...]) -> None:
    with psycopg.connect(host=str(folder), user=_OWNER, dbname=_OWNER, autocommit=True) as admin:
        for name in databases:
            admin.execute(f"CREATE DATABASE {name}".encode())
