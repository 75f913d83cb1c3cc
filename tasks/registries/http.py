"""One pooled HTTP client for one registry and one run.

It sends credentials to the registry's own origin and to nobody else, keeps no cookies, follows no
redirects, bounds how many requests run at once, how long they take and how much they answer, and
stops asking a registry that does not answer at all.
"""

import asyncio
import time
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self

import httpx

from models.core.errors import AddressRefused, NotAskedAgain, Rejected, ServerBroken, Transient
from models.registries.registry import Registry
from tasks.http import tls
from tasks.http.body import IDENTITY, Body, BodyDamaged, BodyError
from tasks.http.errors import translated
from tasks.http.fence import check_fence
from tasks.http.limits import PASSING, Bounds, Circuit
from tasks.http.network import AddressForbidden, guard_of, transport_for
from tasks.http.response import Answer
from tasks.http.retry import attempts
from tasks.registries.wire import error_of

_DEAF = 3
"""Connections that fail in a row until this client stops asking."""


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
        self._circuit = Circuit(_DEAF)
        limits = httpx.Limits(max_connections=bounds.at_once)
        context = tls.context_for(registry.tls)  # cached: building one takes 30 ms
        guard = guard_of(registry)
        if guard is not None and transport is None:
            transport = transport_for(guard, context, limits)
        self._client = httpx.AsyncClient(
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            headers={
                "Accept": "application/json",
                "User-Agent": "registry-integration",
                **IDENTITY,
            },
            limits=limits,
            timeout=httpx.Timeout(bounds.read_seconds, connect=bounds.connect_seconds, pool=None),
            transport=transport,
            trust_env=False,  # no proxy or .netrc of this machine gets to see or add credentials
            verify=context,
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
            Rejected: the answer is larger than allowed, or compressed in a way nobody asked for.
            TlsFailed: the server's certificate is not trusted.
            AddressRefused: a discovered address leads where it must not.
            Busy: it would change something, and the run has lost its lease.
        """
        own = origin is None or origin == self.origin
        request = self._client.build_request(
            method, (origin or self.origin) + path, params=query, json=json, headers=headers
        )
        auth = self._auth if own and not anonymous else None
        async for attempt in attempts(repeatable=repeatable):
            with attempt:
                answer = await self._attempt(request, auth)
                if answer.status in PASSING:
                    raise error_of(self.name, answer)
        return answer

    async def _attempt(self, request: httpx.Request, auth: httpx.Auth | None) -> Answer:
        method, url = request.method, str(request.url.copy_with(userinfo=b""))
        async with self._places:
            self._check_circuit(method, url)
            await check_fence(method)
            self.requests += 1
            try:
                async with asyncio.timeout(self.bounds.request_seconds):
                    answer = await self._exchange(request, auth)
            except AddressForbidden as error:
                raise AddressRefused(self.name, method, url, str(error)) from None
            except (httpx.TransportError, TimeoutError) as error:
                failure = translated(error, self.name, method, url)
                if isinstance(failure, Transient):
                    self._circuit.failed(failure.said, failure.reason)
                raise failure from error
        self._circuit.answered()
        return answer

    def _check_circuit(self, method: str, url: str) -> None:
        if why := self._circuit.open:
            raise NotAskedAgain(self.name, method, url, *why)

    async def _exchange(self, request: httpx.Request, auth: httpx.Auth | None) -> Answer:
        started = time.monotonic()
        response = await self._client.send(request, stream=True, auth=auth)
        url = str(request.url)
        try:
            body = Body(response.headers.get("content-encoding", ""), self.bounds.largest)
            async for piece in response.aiter_raw():
                body.add(piece)
            received = body.whole()
        except BodyError as error:
            kind = ServerBroken if isinstance(error, BodyDamaged) else Rejected
            raise kind(self.name, request.method, url, str(error)) from None
        finally:
            await response.aclose()
        return Answer(
            method=request.method,
            url=url,
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=received,
            seconds=time.monotonic() - started,
        )
