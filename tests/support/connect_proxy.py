"""A small real HTTP proxy: CONNECT tunnels and forwarded requests, with or without a user."""

import asyncio
import base64
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_MAX_HEAD = 65_536


@dataclass
class ConnectProxy:
    """A running proxy.

    Attributes:
        url: its address.
        user: the user name and password that it requires; None requires none.
        hosts: where names lead to, by `host:port`: names that only the proxy can resolve.
        refusal: status that it answers everything with; 0 answers as a proxy.
        targets: `host:port` of each tunnel, and the URL of each forwarded request.
        heads: the head of each request, as text.
    """

    url: str = ""
    user: tuple[str, str] | None = None
    hosts: Mapping[str, str] = field(default_factory=dict)
    refusal: int = 0
    targets: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection: one tunnel, or one forwarded request."""
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n"))[:_MAX_HEAD].decode("latin-1")
        method, target, _ = head.partition("\r\n")[0].split(" ")
        self.heads.append(head)
        self.targets.append(target)
        status = self.refusal or (0 if self._lets_in(head) else 407)
        if status:
            challenge = 'Proxy-Authenticate: Basic realm="proxy"\r\n' if status == 407 else ""
            answer = f"HTTP/1.1 {status} No\r\n{challenge}Content-Length: 0\r\n\r\n"
            writer.write(answer.encode())
            await writer.drain()
            return
        host = target if method == "CONNECT" else urlsplit(target).netloc
        name, _, port = self.hosts.get(host, host).rpartition(":")
        try:
            upstream = await asyncio.open_connection(name, int(port))
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            upstream[1].write(_direct_head(head).encode("latin-1"))
        await asyncio.gather(_copy(reader, upstream[1]), _copy(upstream[0], writer))

    def _lets_in(self, head: str) -> bool:
        if self.user is None:
            return True
        pair = base64.b64encode(":".join(self.user).encode()).decode()
        return f"proxy-authorization: basic {pair}".lower() in head.lower()


def _direct_head(head: str) -> str:
    # One request per connection: the next one may be for another server.
    line, _, fields = head.partition("\r\n")
    method, target, version = line.split(" ")
    parts = urlsplit(target)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    kept = [
        name
        for name in fields.rstrip("\r\n").split("\r\n")
        if not name.lower().startswith(("proxy-authorization:", "connection:"))
    ]
    return "\r\n".join([f"{method} {path} {version}", *kept, "Connection: close", "", ""])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(_MAX_HEAD):
            writer.write(piece)
            await writer.drain()
    writer.close()


@contextmanager
def running_proxy(
    *,
    user: tuple[str, str] | None = None,
    hosts: Mapping[str, str] | None = None,
    refusal: int = 0,
    tls: ssl.SSLContext | None = None,
) -> Iterator[ConnectProxy]:
    """Run one on a loopback port, in a thread of its own; see `ConnectProxy`.

    Args:
        tls: TLS context of an https proxy; None serves http.
    """
    proxy = ConnectProxy(user=user, hosts=hosts or {}, refusal=refusal)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    start = asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=tls)
    server = asyncio.run_coroutine_threadsafe(start, loop).result(10)
    scheme = "https" if tls else "http"
    proxy.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
