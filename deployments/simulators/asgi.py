"""Minimal ASGI for the simulated services: read a whole request, send a whole response.

Plain ASGI rather than a framework, so that headers, bodies and their order are under full control.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
AsgiMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[AsgiMessage]]
Send = Callable[[AsgiMessage], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """A complete request; header names are lower case, the path is decoded."""

    method: str
    path: str
    target: str
    origin: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def query_value(self, name: str) -> str:
        """Return the first value of a query parameter; empty if not given."""
        return self.query.get(name, [""])[0]


@dataclass(frozen=True)
class AsgiResponse:
    """A complete response."""

    status: int
    body: bytes = b""
    headers: Headers = ()


@dataclass
class CapturedResponse:
    """A response captured from an app instead of being sent."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def send(self, message: AsgiMessage) -> None:
        """Capture a message; replaces the server's `send`."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", ()))
        else:
            self.body += message.get("body", b"")

    def headers_with_length(self, length: int) -> list[tuple[bytes, bytes]]:
        """Return the headers with this Content-Length."""
        headers = [(k, v) for k, v in self.headers if k.lower() not in _FRAMING]
        return [*headers, (b"content-length", str(length).encode())]


_FRAMING = (b"content-length", b"transfer-encoding")


def request_target(scope: Scope) -> str:
    """Return path and query as received: `%252F` is still `%252F`."""
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{path}?{query}" if query else path


class ClientDisconnected(Exception):
    """The client disconnected before its request was complete; the request is ignored."""


async def read_body(receive: Receive) -> bytes:
    """Read the whole request body.

    Raises:
        ClientDisconnected: the client disconnected before the end of the body.
    """
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def buffer_requests(app: AsgiApp) -> AsgiApp:
    """Pass each request to an app either complete or not at all.

    When a client disconnects before the app reads the body, an ASGI server delivers the part that
    has arrived: a slow app would see a different request than the client sent.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(receive)
        except ClientDisconnected:
            return
        await app(scope, replay_body(body, receive), send)

    return serve


def replay_body(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that repeats a body that was read, then continues with the server's."""
    first: list[AsgiMessage] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> AsgiMessage:
        return first.pop() if first else await receive()

    return again


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Read the whole request."""
    headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
    return Request(
        method=scope["method"],
        path=scope["path"],
        target=request_target(scope),
        origin=f"{scope['scheme']}://{headers.get('host', 'localhost')}",
        query=parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True),
        headers=headers,
        body=await read_body(receive),
    )


async def send_response(send: Send, reply: AsgiResponse) -> None:
    """Send a response; Content-Length is added unless the response has one."""
    headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in reply.headers]
    if not any(name.lower() in _FRAMING for name, _ in headers):
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
