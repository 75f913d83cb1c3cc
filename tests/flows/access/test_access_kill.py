"""Killed at any request that writes, a change of access is finished by the next run."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from sqlmodel import delete

from models.core.settings import settings
from models.tables import LeaseRow
from tasks.store.session import transact
from tests.support.platform import Platform, a_minute, bindings_of, platform, robots_in
from tests.support.processes import finish
from tests.support.subprocess_runs import QUICK, killed_at, started

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
    settings.cache_clear()
    yield
    settings.cache_clear()


class At(NamedTuple):
    """A request that writes."""

    method: str
    path: str

    async def kills(self, p: Platform, flow: str, *, served: bool, after: int = 0) -> None:
        """Kill a run right here, before or after the request has its effect."""
        where = p.cluster if self.path in (SECRET, ACCOUNT) else p.place
        wish: dict[str, Any] = {} if flow == ROTATE else {
            "registry": p.name, "spaces": ["team-a"], "workspaces": ["red"]
        }  # fmt: skip
        killed_at(where, self, flow, after=after, served=served, **wish)
        transact(lambda session: session.exec(delete(LeaseRow)))  # its leases are over


async def _next_run(p: Platform) -> None:
    """One reconcile and one sync finish it."""
    minute = await a_minute(p.name)
    assert minute.said == ""


BOTH = pytest.mark.parametrize("served", [False, True], ids=["before", "after"])


@BOTH
@pytest.mark.parametrize(
    "at", [At("POST", ROBOTS), At("PATCH", SECRET), At("PATCH", ACCOUNT)], ids=str
)
async def test_while_the_first_space_is_bound(name: str, at: At, served: bool) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await at.kills(p, BIND, served=served)
        assert [one.space for one in bindings_of(name)] == ["team-a"]
        await _next_run(p)
        assert await p.granted("team-a")


@BOTH
async def test_while_another_space_is_bound_or_unbound(name: str, served: bool) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-b")
        put = At("PUT", ROBOT)
        await put.kills(p, BIND, served=served)
        assert await p.pulls("shop", "team-a") is served
        await _next_run(p)
        assert await p.granted("team-a", "team-b")
        await put.kills(p, UNBIND, served=served)
        assert await p.pulls("shop", "team-a") is not served
        await _next_run(p)
        assert await p.granted("team-b")


@BOTH
@pytest.mark.parametrize(
    "at", [At("DELETE", ROBOT), At("PATCH", ACCOUNT), At("DELETE", SECRET)], ids=str
)
async def test_while_the_last_space_is_unbound(name: str, at: At, served: bool) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        await at.kills(p, UNBIND, served=served)
        assert bindings_of(name) == ()
        assert await p.pulls("shop", "team-a") is (at.path == ROBOT and not served)
        await _next_run(p)
        assert await p.granted()
        assert p.cluster.image_pull_secrets("shop") == ()


@BOTH
@pytest.mark.parametrize(
    ("at", "after"),
    [
        (At("POST", ROBOTS), 0),
        (At("PATCH", SECRET), 0),
        (At("PATCH", SECRET), 1),
        (At("DELETE", ROBOT), 0),
    ],
    ids=str,
)
async def test_while_a_secret_is_rotated(
    name: str, at: At, after: int, served: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_SUPERSEDED_MINUTES", "0")  # one run does all
    settings.cache_clear()
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        await at.kills(p, ROTATE, served=served, after=after)
        for _ in range(2):  # delivered everywhere by the first, retired by the second
            assert await p.pulls("shop", "team-a")
            assert await p.pulls("till", "team-a")
            await _next_run(p)
        assert await p.granted("team-a")


async def test_two_at_once_lose_nothing(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        wish: dict[str, Any] = {"registry": name, "workspaces": ["red"]}
        finish(*(started(BIND, QUICK, **wish, spaces=[each]) for each in ("team-a", "team-b")))
        assert await p.granted("team-a", "team-b")
        finish(
            started(UNBIND, QUICK, **wish, spaces=["team-a"]),
            started(BIND, QUICK, **wish, spaces=["library"]),
        )
        assert robots_in(p.place) == {p.robot.stored: frozenset({"library", "team-b"})}
        assert await p.quiet()
