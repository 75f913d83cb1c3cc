"""One pooled HTTP client for one registry and one run.

It sends credentials to the registry's own origin and to nobody else, keeps no cookies, follows no
redirects, bounds how many requests run at once, how long they take and how much they answer, and
stops asking a registry that does not answer at all.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self

import httpx

from models.base import Value
from models.errors import (
    NotAskedAgain,
    RegistryError,
    ServerBroken,
    TimedOut,
    TlsFailed,
    Unreachable,
)
from models.reason import Reason
from models.registry import Registry
from models.settings import Settings
from tasks.registries import tls
from tasks.registries.answer import Answer
from tasks.registries.wire import error_of
from tasks.retrying import attempts

_DEAF = 3
"""Connections that fail in a row until this run stops asking."""

_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""TLS's words for a connection that ended; they say nothing about the certificate."""

_PASSING = frozenset({408, 429, 500, 502, 503, 504})


class Bounds(Value):
    """How much one registry is asked at once, and how long for.

    Attributes:
        at_once: parallel requests.
        connect_seconds, read_seconds: until a connection stands; between two pieces of an answer.
        request_seconds: for one whole request.
        largest: bytes of one answer.
    """

    at_once: int = 4
    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    request_seconds: float = 60.0
    largest: int = 16_000_000

    @classmethod
    def of(cls, settings: Settings) -> "Bounds":
        """Take the bounds from the settings."""
        return cls(
            at_once=settings.requests_at_once,
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            request_seconds=2 * settings.read_seconds,
        )


class HttpClient:
    """Requests to one registry.

    Args:
        registry: whom to ask.
        bounds: how much at once, how long.
        auth: what to send as `Authorization` to the registry's own origin.
        transport: replaces the network, for tests against a simulator in the same process.
    """

    def __init__(
        self,
        registry: Registry,
        bounds: Bounds,
        auth: httpx.Auth | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name, self.origin, self.bounds = registry.name, registry.address, bounds
        self.requests = 0
        self._auth = auth
        self._places = asyncio.Semaphore(bounds.at_once)
        self._deaf = 0
        self._client = httpx.AsyncClient(
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            headers={"Accept": "application/json", "User-Agent": "registry-integration"},
            limits=httpx.Limits(max_connections=bounds.at_once),
            timeout=httpx.Timeout(bounds.read_seconds, connect=bounds.connect_seconds, pool=None),
            transport=transport,
            trust_env=False,  # no proxy or .netrc of this machine gets to see or add credentials
            verify=_context(registry),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def get(
        self,
        path: str,
        query: Mapping[str, str | int] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        anonymous: bool = False,
    ) -> Answer:
        """GET a path of the registry; see `send`."""
        return await self.send("GET", path, query=query, headers=headers, anonymous=anonymous)

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        anonymous: bool = False,
        repeatable: bool = True,
        origin: str | None = None,
    ) -> Answer:
        """Send a request and return the complete answer, unless its status is a passing fault's.

        Args:
            anonymous: leave the credential out.
            repeatable: sending it twice does no harm; only then is it retried.
            origin: another origin than the registry's own, which gets no `Authorization` unless
                it is in `headers`.

        Raises:
            Transient: no complete answer came, or only passing faults, also after retries.
            TlsFailed: the server's certificate is not trusted.
        """
        own = origin is None or origin == self.origin
        request = self._client.build_request(
            method, (origin or self.origin) + path, params=query, json=json, headers=headers
        )
        auth = self._auth if own and not anonymous else None
        async for attempt in attempts(repeatable=repeatable):
            with attempt:
                answer = await self._attempt(request, auth)
                if answer.status in _PASSING:
                    raise error_of(self.name, answer)
        return answer

    async def _attempt(self, request: httpx.Request, auth: httpx.Auth | None) -> Answer:
        method, url = request.method, str(request.url.copy_with(userinfo=b""))
        async with self._places:
            if self._deaf >= _DEAF:
                said = "not asked again in this run: the last connections all failed"
                raise NotAskedAgain(self.name, method, url, said)
            self.requests += 1
            try:
                async with asyncio.timeout(self.bounds.request_seconds):
                    answer = await self._exchange(request, auth)
            except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
                self._deaf += 1
                raise _translated(error, self.name, method, url) from error
        self._deaf = 0
        return answer

    async def _exchange(self, request: httpx.Request, auth: httpx.Auth | None) -> Answer:
        started = time.monotonic()
        response = await self._client.send(request, stream=True, auth=auth)
        url = str(request.url)
        try:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > self.bounds.largest:
                    said = f"answered more than {self.bounds.largest / 1e6:.0f} MB"
                    raise ServerBroken(self.name, request.method, url, said)
        finally:
            await response.aclose()
        return Answer(
            method=request.method,
            url=url,
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=bytes(body),
            seconds=time.monotonic() - started,
        )


def _context(registry: Registry) -> ssl.SSLContext | bool:
    return tls.context_for(registry.tls) if registry.address.startswith("https") else True


def _translated(error: Exception, registry: str, method: str, url: str) -> RegistryError:
    """Say in our words why no complete answer came."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, _CUT):
            reason, said = tls.refusal(cause)
            return TlsFailed(registry, method, url, said, reason)
        if isinstance(cause, socket.gaierror):
            said = "the host name is unknown (DNS)"
            return Unreachable(registry, method, url, said, Reason.UNKNOWN_HOST)
        if isinstance(cause, ConnectionRefusedError):
            said = "nothing listens on this port"
            return Unreachable(registry, method, url, said, Reason.CONNECTION_REFUSED)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return TimedOut(registry, method, url, "no complete answer in time")
    if isinstance(error, httpx.ConnectError):
        return Unreachable(registry, method, url, "no connection")
    return Unreachable(registry, method, url, f"the connection was cut ({type(error).__name__})")


def _causes(error: BaseException) -> list[BaseException]:
    """List an error and what led to it, through chains and groups."""
    found: list[BaseException] = []
    open_: list[BaseException | None] = [error]
    while open_:
        one = open_.pop()
        if one is None or one in found:
            continue
        found.append(one)
        open_ += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            open_ += one.exceptions
    return found
