"""A run opens each server once."""

import asyncio
from types import TracebackType

import pytest

from models.core.errors import RemoteError
from tasks.http import shared
from tasks.http.client import HttpClient
from tasks.http.shared import open_client, share_clients
from tasks.registries.server import registry_server
from tests.support.builders import registry
from tests.tasks.registries.tools import QUICK


class Clients:
    """Creates clients, and counts how many are open."""

    def __init__(self) -> None:
        self.created = self.closed = 0

    def create(self) -> HttpClient:
        self.created += 1
        return CountedClient(self)


class CountedClient(HttpClient):
    """A client that counts that it is closed."""

    def __init__(self, clients: Clients) -> None:
        super().__init__(registry_server(registry()), QUICK)
        self._clients = clients

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clients.closed += 1
        await super().__aexit__(kind, error, trace)


@pytest.fixture
def clients() -> Clients:
    return Clients()


async def test_without_a_scope_each_client_is_opened_and_closed(clients: Clients) -> None:
    for number in (1, 2):
        async with open_client("prod", clients.create):
            assert (clients.created, clients.closed) == (number, number - 1)
    assert (clients.created, clients.closed) == (2, 2)


async def test_within_a_scope_a_server_is_opened_once_by_all_tasks(clients: Clients) -> None:
    async def use(key: str) -> HttpClient:
        async with open_client(key, clients.create) as client:
            await asyncio.sleep(0)
            return client

    async with share_clients():
        first, second, other = await asyncio.gather(use("prod"), use("prod"), use("test"))
        async with share_clients():
            third = await use("prod")
        assert first is second is third is not other
        assert (clients.created, clients.closed) == (2, 0)
    assert (clients.created, clients.closed) == (2, 2)
    assert await use("prod") is not first


async def test_an_error_closes_all_and_ends_the_scope(clients: Clients) -> None:
    with pytest.raises(RemoteError):
        async with share_clients():
            for key in ("prod", "test"):
                async with open_client(key, clients.create):
                    pass
            raise RemoteError("prod", "GET", "-", "on purpose")
    assert (clients.created, clients.closed) == (2, 2)
    async with open_client("prod", clients.create):
        pass
    assert (clients.created, clients.closed) == (3, 3)


async def test_a_scope_keeps_no_more_open_than_it_may(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_MAX_CLIENTS", 2)
    async with share_clients():
        for key in ("one", "two", "three", "one"):
            async with open_client(key, clients.create):
                pass
        assert (clients.created, clients.closed) == (3, 1)
    assert (clients.created, clients.closed) == (3, 3)
