"""Share the HTTP clients of one run: whoever opens a server again gets the open client."""

from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar

from tasks.http.client import HttpClient

_MAX_CLIENTS = 50
"""Clients that stay open until the end of a run: each may keep several idle connections."""


class _SharedClients(AsyncExitStack):
    """The open clients by server and credential; closing the stack closes them."""

    def __init__(self) -> None:
        super().__init__()
        self.clients: dict[Hashable, HttpClient] = {}


_shared_clients: ContextVar[_SharedClients | None] = ContextVar("shared_clients", default=None)


@asynccontextmanager
async def share_clients() -> AsyncIterator[None]:
    """Open each server at most once within the block, including its tasks.

    A client holds connections and a credential, and nothing that was observed.
    """
    outer = _shared_clients.get()
    if outer is not None:
        yield
        return
    async with _SharedClients() as shared:
        _shared_clients.set(shared)
        try:
            yield
        finally:
            _shared_clients.set(None)


@asynccontextmanager
async def open_client(key: Hashable, create: Callable[[], HttpClient]) -> AsyncIterator[HttpClient]:
    """Open a client, or use the one that was opened with this key; see `share_clients`.

    Args:
        key: everything that the client is made of: the server, the credential and the limits.
        create: creates the client.
    """
    shared = _shared_clients.get()
    client = shared.clients.get(key) if shared is not None else None
    if client is not None:
        yield client
    elif shared is None or len(shared.clients) >= _MAX_CLIENTS:
        async with create() as client:
            yield client
    else:
        client = shared.clients[key] = create()
        shared.push_async_exit(client)
        yield client
