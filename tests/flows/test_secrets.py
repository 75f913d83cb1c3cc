"""After all other tests: no password that was used lies anywhere in the clear."""

import base64
import sqlite3
from pathlib import Path

import pytest

from tests.support.helpers import PASSWORDS, Server, block, harbor_at, integrate, look_again

INLINE = "typed-into-the-call"


def _spellings(password: str) -> set[bytes]:
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
    with harbor_at() as place:
        assert (await integrate(name, place.url)).is_completed()
        place.harbor.users[1].password = "changed-in-Harbor"
        assert (await look_again()).is_completed()
        wrong = await block(f"{name}-wrong", "admin", "wr0ng-in-the-end")
        assert not (await integrate(f"{name}-x", place.url, credentials=wrong)).is_completed()
    ours = [*tmp_path_factory.getbasetemp().rglob("state.db")]
    files = _files(prefect_server.database, *ours)
    assert len(files) >= 2
    sought = {word for password in PASSWORDS if len(password) > 7 for word in _spellings(password)}
    assert len(sought) >= 12
    found = [
        (file.name, word) for file, content in files.items() for word in sought if word in content
    ]
    assert found == []
    assert not any(word.decode("latin-1") in caplog.text for word in sought)


async def test_an_inline_password_goes_no_further_than_the_call(
    name: str, prefect_server: Server, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It stands in the run's parameters, where Prefect put it, and nowhere else."""
    with harbor_at() as place:
        inline = {"username": "admin", "password": INLINE}
        assert not (await integrate(name, place.url, credentials=inline)).is_completed()
    assert INLINE not in caplog.text
    our_files = _files(Path(database.removeprefix("sqlite:///")))
    assert not any(INLINE.encode() in content for content in our_files.values())
    with sqlite3.connect(f"file:{prefect_server.database}?mode=ro", uri=True) as connection:
        for table, column in (
            ("log", "message"),
            ("flow_run_state", "message"),
            ("artifact", "data"),
        ):
            asked = f"SELECT count(*) FROM {table} WHERE {column} LIKE ?"
            assert connection.execute(asked, (f"%{INLINE}%",)).fetchone() == (0,), table
        asked = "SELECT count(*) FROM flow_run WHERE parameters LIKE ?"
        assert connection.execute(asked, (f"%{INLINE}%",)).fetchone()[0] >= 1
    connection.close()
