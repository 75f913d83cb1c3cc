"""Killed at any request that writes, a change of access is finished by the next run."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from sqlmodel import delete

from models.core.settings import get_settings
from models.tables import LeaseRow
from tasks.store.session import run_in_transaction
from tests.support.platform import Platform, bindings_of, platform, robots_in, run_schedules
from tests.support.processes import finish
from tests.support.subprocess_runs import QUICK, kill_at, start_run

BIND = "flows.access.bind_space:bind_space"
UNBIND = "flows.access.unbind_space:unbind_space"
ROTATE = "flows.access.rotate_credentials:rotate_credentials"

ROBOTS, ROBOT = r"/api/v2\.0/robots", r"/api/v2\.0/robots/\d+"
SECRET = "/api/v1/namespaces/[a-z]+/secrets/.*"
ACCOUNT = "/api/v1/namespaces/[a-z]+/serviceaccounts/.*"


@pytest.fixture(autouse=True)
def quick(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable, value in QUICK.items():
        monkeypatch.setenv(variable, value)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


class WriteRequest(NamedTuple):
    """A request that writes."""

    method: str
    path: str

    async def kill_run(self, p: Platform, flow: str, *, has_effect: bool, after: int = 0) -> None:
        """Kill a run right here, before or after the request has its effect."""
        service = p.cluster if self.path in (SECRET, ACCOUNT) else p.harbor
        parameters: dict[str, Any] = {} if flow == ROTATE else {
            "registry": p.name, "spaces": ["team-a"], "workspaces": ["red"]
        }  # fmt: skip
        kill_at(service, self, flow, after=after, has_effect=has_effect, **parameters)
        run_in_transaction(lambda session: session.exec(delete(LeaseRow)))  # its leases are over


async def _next_run(p: Platform) -> None:
    """One reconcile and one sync finish it."""
    result = await run_schedules(p.name)
    assert result.message == ""


BOTH = pytest.mark.parametrize("served", [False, True], ids=["before", "after"])


@BOTH
@pytest.mark.parametrize(
    "at",
    [WriteRequest("POST", ROBOTS), WriteRequest("PATCH", SECRET), WriteRequest("PATCH", ACCOUNT)],
    ids=str,
)
async def test_while_the_first_space_is_bound(name: str, at: WriteRequest, served: bool) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await at.kill_run(p, BIND, has_effect=served)
        assert [binding.space for binding in bindings_of(name)] == ["team-a"]
        await _next_run(p)
        assert await p.grants_exactly("team-a")


@BOTH
async def test_while_another_space_is_bound_or_unbound(name: str, served: bool) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-b")
        put = WriteRequest("PUT", ROBOT)
        await put.kill_run(p, BIND, has_effect=served)
        assert await p.pulls("shop", "team-a") is served
        await _next_run(p)
        assert await p.grants_exactly("team-a", "team-b")
        await put.kill_run(p, UNBIND, has_effect=served)
        assert await p.pulls("shop", "team-a") is not served
        await _next_run(p)
        assert await p.grants_exactly("team-b")


@BOTH
@pytest.mark.parametrize(
    "at",
    [WriteRequest("DELETE", ROBOT), WriteRequest("PATCH", ACCOUNT), WriteRequest("DELETE", SECRET)],
    ids=str,
)
async def test_while_the_last_space_is_unbound(name: str, at: WriteRequest, served: bool) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        await at.kill_run(p, UNBIND, has_effect=served)
        assert bindings_of(name) == ()
        assert await p.pulls("shop", "team-a") is (at.path == ROBOT and not served)
        await _next_run(p)
        assert await p.grants_exactly()
        assert p.cluster.image_pull_secrets("shop") == ()


@BOTH
@pytest.mark.parametrize(
    ("at", "after"),
    [
        (WriteRequest("POST", ROBOTS), 0),
        (WriteRequest("PATCH", SECRET), 0),
        (WriteRequest("PATCH", SECRET), 1),
        (WriteRequest("DELETE", ROBOT), 0),
    ],
    ids=str,
)
async def test_while_a_secret_is_rotated(
    name: str, at: WriteRequest, after: int, served: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_SUPERSEDED_MINUTES", "0")  # one run does all
    get_settings.cache_clear()
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        await at.kill_run(p, ROTATE, has_effect=served, after=after)
        for _ in range(2):  # delivered everywhere by the first, retired by the second
            assert await p.pulls("shop", "team-a")
            assert await p.pulls("till", "team-a")
            await _next_run(p)
        assert await p.grants_exactly("team-a")


async def test_two_at_once_lose_nothing(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        parameters: dict[str, Any] = {"registry": name, "workspaces": ["red"]}
        finish(
            *(
                start_run(BIND, QUICK, **parameters, spaces=[space])
                for space in ("team-a", "team-b")
            )
        )
        assert await p.grants_exactly("team-a", "team-b")
        finish(
            start_run(UNBIND, QUICK, **parameters, spaces=["team-a"]),
            start_run(BIND, QUICK, **parameters, spaces=["library"]),
        )
        assert robots_in(p.harbor) == {p.robot.stored: frozenset({"library", "team-b"})}
        assert await p.is_in_sync()
