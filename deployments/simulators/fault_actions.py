"""The ways in which a simulated service can misbehave; `faults` says when."""

import asyncio
import inspect
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import httpx

from deployments.simulators.asgi import (
    App,
    Captured,
    Headers,
    Receive,
    Reply,
    Scope,
    Send,
    read_body,
    replay,
    send_reply,
    target,
)

ENDLESS_BOUND_SECONDS = 60.0
LATE_BOUND_SECONDS = 30.0
HUGE_CHUNK_BYTES = 64 * 1024


class Action(Protocol):
    """What happens to a request in place of, or before, the service's own answer."""

    async def act(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, with or without asking `app`."""


@dataclass(frozen=True)
class Delay:
    """Wait, then let the service answer."""

    seconds: float

    async def act(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, then pass on."""
        await asyncio.sleep(self.seconds)
        await app(scope, receive, send)


class Late:
    """Answer 504 as a gateway that waits no longer, and let the service do it when released.

    So a test chooses when that happens which its client no longer waits for.
    """

    def __init__(self) -> None:
        self._held: Future[Callable[[], Future[None]]] = Future()

    async def act(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in the gateway's name and keep the request."""
        request, loop = replay(await read_body(receive), receive), asyncio.get_running_loop()

        async def serve() -> None:
            await app(scope, request, Captured().send)

        self._held.set_result(lambda: asyncio.run_coroutine_threadsafe(serve(), loop))
        await send_reply(send, Reply(504))

    def release(self) -> None:
        """Let the service do it, and return once it has. Not to be called in its own thread.

        Raises:
            TimeoutError: there was no such request, or the service does not answer.
        """
        serve = self._held.result(LATE_BOUND_SECONDS)
        serve().result(LATE_BOUND_SECONDS)


@dataclass(frozen=True)
class Call:
    """Call a plain or async function, then let the service answer.

    Runs in the server's thread just before the request is served: the way to change the
    world between two pages.
    """

    fn: Callable[[], object]

    async def act(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Call, then pass on."""
        result = self.fn()
        if inspect.isawaitable(result):
            await result
        await app(scope, receive, send)


@dataclass(frozen=True)
class Answer:
    """Give this answer; the service is not asked."""

    status: int
    body: bytes = b""
    headers: Headers = ()

    async def act(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in the service's place."""
        await read_body(receive)
        await send_reply(send, Reply(self.status, self.body, self.headers))


@dataclass(frozen=True)
class Redirect:
    """Send the client elsewhere."""

    to: str
    status: int = 302

    async def act(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a Location."""
        await Answer(self.status, headers=(("Location", self.to),)).act(app, scope, receive, send)


@dataclass(frozen=True)
class Cut:
    """Begin the service's real answer, promise all of it, then drop the connection.

    At least one promised byte is always kept back, so the answer is never complete by chance.
    """

    after_bytes: int = 0

    async def act(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the beginning, then raise: uvicorn closes the socket of an app that raises."""
        real = await _captured(app, scope, receive)
        promised = max(len(real.body), 1)
        sent = real.body[: min(self.after_bytes, promised - 1)]
        headers = real.headers_promising(promised)
        await send({"type": "http.response.start", "status": real.status, "headers": headers})
        await send({"type": "http.response.body", "body": sent, "more_body": True})
        # httpx's own error, so that a client sees the same one over an ASGI transport.
        raise httpx.RemoteProtocolError(
            f"cut on purpose: {len(sent)} of {promised} bytes of {target(scope)} sent"
        )


@dataclass(frozen=True)
class Truncate:
    """Give half of the real body under headers that say this is all: broken JSON, sound HTTP."""

    async def act(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the first half as if it were the whole."""
        real = await _captured(app, scope, receive)
        body = real.body[: len(real.body) // 2]
        headers = real.headers_promising(len(body))
        await send({"type": "http.response.start", "status": real.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@dataclass(frozen=True)
class Endless:
    """An answer that begins and never ends: each chunk comes in time, the last one never.

    It does end after `bound` seconds, or as soon as the client has gone, so no test can hang.
    """

    chunk: bytes = b" "
    pause: float = 0.05
    bound: float = ENDLESS_BOUND_SECONDS

    async def act(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Send chunk after chunk."""
        await read_body(receive)
        await _start_json(send)
        gone = asyncio.ensure_future(receive())
        deadline = time.monotonic() + self.bound
        try:
            while not gone.done() and time.monotonic() < deadline:
                await send({"type": "http.response.body", "body": self.chunk, "more_body": True})
                await asyncio.wait({gone}, timeout=self.pause)
        finally:
            gone.cancel()
        await send({"type": "http.response.body", "body": b""})


@dataclass(frozen=True)
class Huge:
    """Valid JSON of exactly `size` bytes (one string in a list), streamed without a length."""

    size: int

    async def act(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream it; the server's flow control keeps it out of memory."""
        await read_body(receive)
        await _start_json(send)
        await send({"type": "http.response.body", "body": b'["', "more_body": True})
        left = max(self.size - 4, 0)
        gone = asyncio.ensure_future(receive())
        try:
            while left and not gone.done():
                chunk = b"x" * min(left, HUGE_CHUNK_BYTES)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                left -= len(chunk)
                await asyncio.sleep(0)
        finally:
            gone.cancel()
        await send({"type": "http.response.body", "body": b'"]'})


async def _captured(app: App, scope: Scope, receive: Receive) -> Captured:
    real = Captured()
    await app(scope, receive, real.send)
    return real


async def _start_json(send: Send) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
