"""Faults of a simulated service; `faults` defines when they occur."""

import asyncio
import inspect
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.simulators.asgi import CapturedResponse, replay_body, request_target

ENDLESS_BOUND_SECONDS = 60.0
LATE_BOUND_SECONDS = 30.0
HUGE_CHUNK_BYTES = 64 * 1024

Headers = tuple[tuple[str, str], ...]
"""Headers in order; a name may be there more than once."""


class FaultAction(Protocol):
    """Action on a request, before or instead of the response of the service."""

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to the request, with or without calling `app`."""


@dataclass(frozen=True)
class Delay:
    """Wait, then let the service respond."""

    seconds: float

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, then call the app."""
        await asyncio.sleep(self.seconds)
        await app(scope, receive, send)


class GatewayTimeout:
    """Respond 504 like a gateway after a timeout; the service handles the request on `complete`.

    So a test controls when a request that its client gave up on takes effect.
    """

    def __init__(self) -> None:
        self._pending: Future[Callable[[], Future[None]]] = Future()

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond 504 and keep the request."""
        body, loop = await Request(scope, receive).body(), asyncio.get_running_loop()

        async def serve() -> None:
            await app(scope, replay_body(body, receive), CapturedResponse().send)

        self._pending.set_result(lambda: asyncio.run_coroutine_threadsafe(serve(), loop))
        await Response(status_code=504)(scope, receive, send)

    def complete(self) -> None:
        """Let the service handle the request, and wait. Do not call this in the server's thread.

        Raises:
            TimeoutError: there was no such request, or the service did not respond.
        """
        serve = self._pending.result(LATE_BOUND_SECONDS)
        serve().result(LATE_BOUND_SECONDS)


@dataclass(frozen=True)
class RunCallback:
    """Call a plain or async function, then let the service respond.

    It runs in the server's thread just before the request is handled, e.g. to change the state
    between two pages of a list.
    """

    callback: Callable[[], object]

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the function, then the app."""
        result = self.callback()
        if inspect.isawaitable(result):
            await result
        await app(scope, receive, send)


@dataclass(frozen=True)
class Respond:
    """Send this response without calling the service."""

    status: int
    body: bytes = b""
    headers: Headers = ()

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response; Content-Length is added unless the headers have it."""
        await Request(scope, receive).body()
        names = {name.lower() for name, _ in self.headers}
        response = Response(self.body, self.status)
        if names & {"content-length", "transfer-encoding"}:
            del response.headers["content-length"]
        for name, value in self.headers:
            response.headers.append(name, value)
        await response(scope, receive, send)


@dataclass(frozen=True)
class Redirect:
    """Redirect the client."""

    to: str
    status: int = 302

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond with a Location header."""
        await Respond(self.status, headers=(("Location", self.to),)).act(app, scope, receive, send)


@dataclass(frozen=True)
class CutConnection:
    """Send the beginning of the real response with its full length, then drop the connection.

    At least one byte is withheld, so that the response is never complete by chance.
    """

    after_bytes: int = 0

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the beginning, then raise: uvicorn closes the connection of an app that raises."""
        real = await _capture_response(app, scope, receive)
        length = max(len(real.body), 1)
        body = real.body[: min(self.after_bytes, length - 1)]
        headers = real.headers_with_length(length)
        await send({"type": "http.response.start", "status": real.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        # An error of httpx, so that a client gets the same one over an ASGI transport.
        raise httpx.RemoteProtocolError(
            f"cut on purpose: {len(body)} of {length} bytes of {request_target(scope)} sent"
        )


@dataclass(frozen=True)
class TruncateBody:
    """Send half of the real body with a matching length: valid HTTP, invalid JSON."""

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the first half as a complete body."""
        real = await _capture_response(app, scope, receive)
        body = real.body[: len(real.body) // 2]
        headers = real.headers_with_length(len(body))
        await send({"type": "http.response.start", "status": real.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@dataclass(frozen=True)
class EndlessBody:
    """A response that never ends: chunks keep arriving in time.

    It ends after `max_seconds` seconds or when the client disconnects, so no test can hang.
    """

    chunk: bytes = b" "
    pause: float = 0.05
    max_seconds: float = ENDLESS_BOUND_SECONDS

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Send chunk after chunk."""
        await Request(scope, receive).body()
        await _start_json(send)
        disconnect = asyncio.ensure_future(receive())
        deadline = time.monotonic() + self.max_seconds
        try:
            while not disconnect.done() and time.monotonic() < deadline:
                await send({"type": "http.response.body", "body": self.chunk, "more_body": True})
                await asyncio.wait({disconnect}, timeout=self.pause)
        finally:
            disconnect.cancel()
        await send({"type": "http.response.body", "body": b""})


@dataclass(frozen=True)
class HugeBody:
    """Valid JSON of exactly `size` bytes (one string in a list), streamed without a length."""

    size: int

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream the body; the server's flow control limits its memory."""
        await Request(scope, receive).body()
        await _start_json(send)
        await send({"type": "http.response.body", "body": b'["', "more_body": True})
        remaining_bytes = max(self.size - 4, 0)
        disconnect = asyncio.ensure_future(receive())
        try:
            while remaining_bytes and not disconnect.done():
                chunk = b"x" * min(remaining_bytes, HUGE_CHUNK_BYTES)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                remaining_bytes -= len(chunk)
                await asyncio.sleep(0)
        finally:
            disconnect.cancel()
        await send({"type": "http.response.body", "body": b'"]'})


async def _capture_response(app: ASGIApp, scope: Scope, receive: Receive) -> CapturedResponse:
    real = CapturedResponse()
    await app(scope, receive, real.send)
    return real


async def _start_json(send: Send) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
