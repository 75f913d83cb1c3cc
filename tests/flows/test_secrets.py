"""After all other tests: no password that was used lies anywhere in the clear."""

import base64
import sqlite3
from pathlib import Path

import pytest

from tests.support.helpers import (
    PASSWORDS,
    Server,
    harbor_with,
    integrate,
    reconcile_all_now,
    save_credentials,
)

INLINE = "typed-into-the-call"


def _encodings(password: str) -> set[bytes]:
    """A password as it is, and as Basic authentication sends it."""
    plain = {password.encode(), password.encode("utf-16-le")}
    users = ("admin", "jane", "second", "user")
    return plain | {base64.b64encode(f"{user}:{password}".encode()) for user in users}


def _files(*databases: Path) -> dict[Path, bytes]:
    return {
        file: file.read_bytes()
        for database in databases
        for file in database.parent.glob(f"{database.name}*")
    }


async def test_no_password_is_anywhere_in_the_clear(
    name: str,
    prefect_server: Server,
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with harbor_with() as harbor:
        assert (await integrate(name, harbor.url)).is_completed()
        harbor.simulator.users[1].password = "changed-in-Harbor"
        assert (await reconcile_all_now()).is_completed()
        wrong_credentials = await save_credentials(f"{name}-wrong", "admin", "wr0ng-in-the-end")
        assert not (
            await integrate(f"{name}-x", harbor.url, credentials=wrong_credentials)
        ).is_completed()
    databases = [*tmp_path_factory.getbasetemp().rglob("state.db")]
    files = _files(prefect_server.database, *databases)
    assert len(files) >= 2
    needles = {word for password in PASSWORDS if len(password) > 7 for word in _encodings(password)}
    assert len(needles) >= 12
    leaks = [
        (file.name, word) for file, content in files.items() for word in needles if word in content
    ]
    assert leaks == []
    assert not any(word.decode("latin-1") in caplog.text for word in needles)


async def test_an_inline_password_goes_no_further_than_the_call(
    name: str, prefect_server: Server, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It stands in the run's parameters, where Prefect put it, and nowhere else."""
    with harbor_with() as harbor:
        inline = {"username": "admin", "password": INLINE}
        assert not (await integrate(name, harbor.url, credentials=inline)).is_completed()
    assert INLINE not in caplog.text
    our_files = _files(Path(database.removeprefix("sqlite:///")))
    assert not any(INLINE.encode() in content for content in our_files.values())
    with sqlite3.connect(f"file:{prefect_server.database}?mode=ro", uri=True) as connection:
        for table, column in (
            ("log", "message"),
            ("flow_run_state", "message"),
            ("artifact", "data"),
        ):
            query = f"SELECT count(*) FROM {table} WHERE {column} LIKE ?"
            assert connection.execute(query, (f"%{INLINE}%",)).fetchone() == (0,), table
        query = "SELECT count(*) FROM flow_run WHERE parameters LIKE ?"
        assert connection.execute(query, (f"%{INLINE}%",)).fetchone()[0] >= 1
    connection.close()
