"""A backup is restored after the world went on: it ends as the backup says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from deployments.backup.create import create_backup
from deployments.backup.databases import SqliteDatabase, database_of
from deployments.backup.installation import Installation
from deployments.backup.restore import apply_restore, check_restore, list_later_changes
from deployments.backup.revocations import parse_revocations
from flows.access.resolve_held_bindings import resolve_held_bindings
from flows.access.rotate_credentials import rotate_credentials
from models.core.settings import get_settings
from tasks.store.migrate import migrate
from tasks.store.session import get_engine
from tests.real.debian_postgres import running_debian_postgres
from tests.support.databases import use_database
from tests.support.helpers import Server, audit_of, expect_success
from tests.support.platform import (
    bindings_of,
    platform,
    pull_secrets_in,
    recorded_robots,
    robots_in,
    run_schedules,
    unbind,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def state_url(
    request: pytest.FixtureRequest, database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A state on each kind of database."""
    if request.param == "sqlite":
        yield database
        return
    with running_debian_postgres("registries") as (server_url,):
        url = server_url.replace("postgresql:", "postgresql+psycopg:", 1)
        with use_database(url):
            migrate(url)
            yield url


def _installation(folder: Path, server: Server) -> Installation:
    folder.mkdir()
    state = database_of(get_settings().database)
    return Installation(folder, state, SqliteDatabase(server.database))


@pytest.mark.parametrize("superseded_minutes", [10, 0])
async def test_a_restored_state_is_reconciled(
    state_url: str,
    tmp_path: Path,
    prefect_server: Server,
    monkeypatch: pytest.MonkeyPatch,
    superseded_minutes: int,
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_SUPERSEDED_MINUTES", str(superseded_minutes))
    get_settings.cache_clear()
    name = f"restored-{make_url(state_url).get_backend_name()}-{superseded_minutes}"
    installation = _installation(tmp_path / "data", prefect_server)
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        await p.bind("team-b", workspace="blue")
        backup = create_backup(installation, tmp_path / "backup")
        robots_then = set(robots_in(p.harbor))
        await p.bind("team-b")
        await unbind(name, ["team-b"], "blue")
        await expect_success(rotate_credentials, name)
        await run_schedules(name)
        assert set(robots_in(p.harbor)) != robots_then

        reverted = "\n".join(list_later_changes(backup.created_at))
        assert "space.unbound" in reverted and "team-b" in reverted
        get_engine(state_url).dispose()
        state_only = Installation(installation.data_dir, installation.state, None)
        apply_restore(check_restore(state_only, tmp_path / "backup", None))
        assert {(binding.space, binding.workspace) for binding in bindings_of(name)} == {
            ("team-a", "red"),
            ("team-b", "blue"),
        }
        for _ in range(3):
            await run_schedules(name)

        assert await p.is_in_sync()
        assert {
            namespace: [await p.pulls(namespace, space) for space in ("team-a", "team-b")]
            for namespace in ("shop", "till", "lab")
        } == {"shop": [True, False], "till": [True, False], "lab": [False, True]}
        robots = {robot.login.partition("$")[2] for robot in recorded_robots(name)}
        assert robots == set(robots_in(p.harbor))
        assert set(pull_secrets_in("eu")) == {"shop", "till", "lab"}
        assert "installation.restored" in {entry.what for entry in audit_of("")}


async def test_what_was_revoked_is_never_granted_again(
    database: str, tmp_path: Path, prefect_server: Server
) -> None:
    name = "restored-revoked"
    installation = _installation(tmp_path / "data", prefect_server)
    state_only = Installation(installation.data_dir, installation.state, None)
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        await p.bind("team-b")
        await p.bind("team-b", workspace="blue")
        create_backup(installation, tmp_path / "backup")
        await unbind(name, ["team-b"], "red", "blue")
        get_engine(database).dispose()
        restore = check_restore(state_only, tmp_path / "backup", None)
        revocations = [f"{name}/team-b:{workspace}" for workspace in ("red", "blue")]
        apply_restore(restore, parse_revocations(revocations, [], [], []))
        await run_schedules(name)
        assert await p.is_in_sync()
        assert await p.pulls("shop", "team-a")
        assert not await p.pulls("shop", "team-b") and not await p.pulls("lab", "team-b")
        assert "team-b" not in str(robots_in(p.harbor))

        get_engine(database).dispose()
        apply_restore(restore, parse_revocations(revocations[1:], [], [], [name]))
        await run_schedules(name)
        assert robots_in(p.harbor) == {}
        assert {binding.is_held for binding in bindings_of(name)} == {True}
        await expect_success(resolve_held_bindings, name, "restore", ["team-a"], ["red"])
        assert await p.pulls("shop", "team-a") and not await p.pulls("shop", "team-b")
