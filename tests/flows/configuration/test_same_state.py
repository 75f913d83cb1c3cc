"""By file only is the same as by flows; and a run that is killed anywhere is finished."""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger
from sqlalchemy import Connection, delete, event
from sqlmodel import Session

from flows.access.bind_space import bind_space
from flows.access.create_workspace import create_workspace
from flows.clusters.register_cluster import register_cluster
from flows.clusters.sync_namespaces import sync_namespaces
from flows.configuration.apply_configuration import apply_configuration
from flows.registries.create_space import create_space
from flows.registries.integrate import integrate_registry
from flows.registries.set_visibility import set_space_visibility
from models.core.settings import get_settings
from models.tables import LeaseRow
from tasks.store.configuration import load_world
from tasks.store.session import get_engine, run_in_transaction
from tests.flows.configuration.test_apply import save_block
from tests.support.databases import migrated_sqlite, use_database
from tests.support.helpers import (
    HarborServer,
    expect_success,
    harbor_with,
    reconcile_all_now,
    registry_names,
    save_credentials,
)
from tests.support.platform import (
    bindings_of,
    cluster_with,
    pull_secrets_in,
    pulls,
    recorded_robots,
    robots_in,
    save_kubeconfig,
)

DOCUMENT = """\
registries:
  {name}: {{type: harbor, address: "{url}", credential: {{block: {name}}}, description: prod}}
spaces:
  {name}: {{team-a: public, fresh: private}}
clusters:
  eu: {{credential: {{block: eu}}}}
workspaces:
  red: {{description: the shop, namespaces: [eu/plain]}}
bindings:
  - {{registry: {name}, spaces: [team-b, fresh], workspaces: [red]}}
"""


async def _state(name: str, harbor: HarborServer, cluster: Any) -> dict[str, Any]:
    """Return all that a person can notice, without what differs between any two servers."""
    world = run_in_transaction(load_world)
    secrets = pull_secrets_in("eu")
    robots = recorded_robots(name)
    return {
        "registries": registry_names(),
        "things": {
            str(key): (str(thing.spec).replace(harbor.url, "URL"), thing.held_reason)
            for key, thing in world.things.items()
        },
        "public": {space for space in harbor.simulator.projects if harbor.is_public(space)},
        "projects": set(harbor.simulator.projects),
        "robots": sorted(map(sorted, robots_in(harbor).values())),
        "recorded": [(robot.workspace, robot.spaces) for robot in robots],
        "bindings": {(item.space, item.workspace, item.is_held) for item in bindings_of(name)},
        "secrets": {key: (secret.status, secret.links) for key, secret in secrets.items()},
        "pulls": {
            (namespace, space): await pulls(harbor, cluster, namespace, space)
            for namespace in ("shop", "plain", "lab")
            for space in ("team-a", "team-b")
        },
    }


@contextmanager
def _empty_installation(folder: Path) -> Iterator[tuple[HarborServer, Any]]:
    folder.mkdir()
    with (
        use_database(migrated_sqlite(folder)),
        harbor_with("team-a", "team-b") as harbor,
        cluster_with(shop="red", lab=None, plain=None) as cluster,
    ):
        for space in ("team-a", "team-b"):
            harbor.simulator.add_image(f"{space}/app", "latest")
        yield harbor, cluster


async def test_by_file_only_is_the_same_as_by_flows(name: str, tmp_path: Path) -> None:
    with _empty_installation(tmp_path / "flows") as (harbor, cluster):
        credentials, kubeconfig = await save_credentials(name), await save_kubeconfig("eu", cluster)
        form = {"type": "harbor", "address": harbor.url}
        await expect_success(integrate_registry, name, form, credentials, description="prod")
        await expect_success(register_cluster, "eu", kubeconfig)
        await expect_success(create_workspace, "red", ["eu/plain"], "the shop")
        await expect_success(create_space, name, ["fresh"])
        await expect_success(set_space_visibility, name, ["team-a"], "public")
        await expect_success(bind_space, name, ["team-b", "fresh"], ["red"])
        by_flows = await _state(name, harbor, cluster)
    with _empty_installation(tmp_path / "file") as (harbor, cluster):
        await save_block(name, harbor.url)
        await save_kubeconfig("eu", cluster)
        text = DOCUMENT.format(name=name, url=harbor.url)
        await expect_success(apply_configuration, document=text, name="own.yaml")
        assert await _state(name, harbor, cluster) == by_flows
    assert by_flows["pulls"]["plain", "team-b"]
    assert not by_flows["pulls"]["lab", "team-b"]


_STEP = 3
"""The run is killed before every third of its commits."""


class Killed(BaseException):
    """The process has ended: no later statement of it reaches the database."""


class _Commits:
    """Counts the transactions that write, and ends the process before one of them is committed."""

    def __init__(self, limit: int | None = None) -> None:
        self.count, self.limit = 0, limit

    def note_statement(self, connection: Connection, _: Any, statement: str, *__: Any) -> None:
        words = ("INSERT", "UPDATE", "DELETE")
        if statement.lstrip().upper().startswith(words):
            connection.info["has_written"] = True

    def check(self, connection: Connection) -> None:
        if connection.info.pop("has_written", False):
            if self.limit is not None and self.count >= self.limit:
                connection.invalidate()  # as the end of a process closes it
                raise Killed
            self.count += 1


@contextmanager
def _counted_commits(limit: int | None = None) -> Iterator[_Commits]:
    engine, commits = get_engine(get_settings().database), _Commits(limit)
    event.listen(engine, "before_cursor_execute", commits.note_statement)
    event.listen(engine, "commit", commits.check)
    try:
        yield commits
    finally:
        event.remove(engine, "before_cursor_execute", commits.note_statement)
        event.remove(engine, "commit", commits.check)


def _expire_leases(session: Session) -> None:
    session.connection().execute(delete(LeaseRow))


async def _apply(text: str) -> None:
    await expect_success(apply_configuration, document=text, name="own.yaml")


async def _run_schedules(_: str) -> None:
    await reconcile_all_now()
    await expect_success(sync_namespaces)
    await reconcile_all_now()


async def _is_killed(text: str, limit: int) -> bool:
    """Apply a document until a number of commits; return whether there were more."""
    try:
        with _counted_commits(limit):
            await apply_configuration(document=text, name="own.yaml")
    except Killed:
        run_in_transaction(_expire_leases)
        return True
    return False


async def _finished_state(name: str, harbor: HarborServer, cluster: Any) -> dict[str, Any]:
    state = await _state(name, harbor, cluster)
    # A link that a killed run made is known by its field manager, not by its record.
    state["secrets"] = {key: status for key, (status, _) in state["secrets"].items()}
    marks = run_in_transaction(load_world).marks
    return state | {"marks": {str(key): mark.line for key, mark in marks.items()}}


@pytest.mark.parametrize("finish", [_apply, _run_schedules])
async def test_a_run_that_is_killed_is_finished(
    name: str, tmp_path: Path, finish: Callable[[str], Awaitable[None]]
) -> None:
    """By the next run; and by the schedules, if all was saved and only the roll-out is left."""
    expected: dict[str, Any] = {}
    # The first ones are before the bindings are saved.
    limits = itertools.chain([-1], itertools.count(0 if finish is _apply else 6 * _STEP, _STEP))
    finished = 0
    for limit in limits:
        with disable_run_logger(), _empty_installation(tmp_path / str(limit)) as (harbor, cluster):
            await save_block(name, harbor.url)
            await save_kubeconfig("eu", cluster)
            text = DOCUMENT.format(name=name, url=harbor.url)
            if limit >= 0 and not await _is_killed(text, limit):
                break
            is_saved = len(bindings_of(name)) == 2
            if finish is _apply or not expected:
                await _apply(text)
            elif is_saved:
                await finish(text)
            else:
                continue
            finished += is_saved
            state = await _finished_state(name, harbor, cluster)
            expected = expected or state
            assert state == expected, f"killed before commit {limit}"
            with _counted_commits() as later:
                message = await expect_success(apply_configuration, document=text, name="own.yaml")
            assert message.startswith("nothing to do")
            assert finish is not _apply or later.count == 1  # the sums of what runs count
    assert finished >= 3
