"""ASGI beyond Starlette: whole requests, and captured responses."""

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

RawHeaders = list[tuple[bytes, bytes]]

_FRAMING = (b"content-length", b"transfer-encoding")


def request_target(scope: Scope) -> str:
    """Return path and query as received: `%252F` is still `%252F`."""
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{path}?{query}" if query else path


def buffer_requests(app: ASGIApp) -> ASGIApp:
    """Pass each request to an app either complete or not at all.

    When a client disconnects before the app reads the body, an ASGI server delivers the part that
    has arrived: a slow app would see a different request than the client sent.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        await app(scope, replay_body(body, receive), send)

    return serve


def replay_body(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that repeats a body that was read, then continues with the server's."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return first.pop() if first else await receive()

    return again


def report_status(send: Send, report: Callable[[int], None]) -> Send:
    """Return a `send` that reports the status of the response before it sends it."""

    async def report_and_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            report(message["status"])
        await send(message)

    return report_and_send


@dataclass
class CapturedResponse:
    """A response captured from an app instead of being sent."""

    status: int = 500
    headers: RawHeaders = field(default_factory=list)
    body: bytes = b""

    async def send(self, message: Message) -> None:
        """Capture a message; replaces the server's `send`."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", ()))
        else:
            self.body += message.get("body", b"")

    def headers_with_length(self, length: int) -> RawHeaders:
        """Return the headers with this Content-Length."""
        headers = [(k, v) for k, v in self.headers if k.lower() not in _FRAMING]
        return [*headers, (b"content-length", str(length).encode())]
