"""One pooled HTTP client for one registry and one run.

The client sends credentials only to the registry's own origin, keeps no cookies, follows no
redirects, limits concurrency, duration and response size, and pauses requests to a registry that
does not respond.
"""

import asyncio
import time
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self

import httpx

from models.core.errors import (
    AddressNotAllowed,
    CircuitOpen,
    Rejected,
    ServerError,
    TransientRegistryError,
)
from models.registries.registry import Registry
from tasks.http import tls
from tasks.http.body import IDENTITY_ENCODING, BodyBuffer, BodyError, CorruptBody
from tasks.http.errors import transport_error
from tasks.http.fence import check_fence
from tasks.http.limits import TRANSIENT_STATUSES, CircuitBreaker, ClientLimits
from tasks.http.network import BlockedAddressError, address_guard_for, guarded_transport
from tasks.http.response import Response
from tasks.http.retry import retry_attempts
from tasks.registries.wire import error_from_response

_MAX_FAILED_CONNECTIONS = 3
"""Consecutive failed connections that open the circuit."""


class RegistryHttpClient:
    """HTTP client of one registry.

    Args:
        registry: the registry.
        client_limits: concurrency, size and time limits.
        auth: authentication for the registry's own origin.
        transport: replaces the network, for tests against a simulator in the same process.
    """

    def __init__(
        self,
        registry: Registry,
        client_limits: ClientLimits,
        auth: httpx.Auth | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name, self.origin, self.limits = registry.name, registry.address, client_limits
        self.requests = 0
        self._auth = auth
        self._semaphore = asyncio.Semaphore(client_limits.max_concurrency)
        self._circuit = CircuitBreaker(_MAX_FAILED_CONNECTIONS)
        limits = httpx.Limits(max_connections=client_limits.max_concurrency)
        context = tls.registry_tls_context(registry.tls)  # cached: building one takes 30 ms
        guard = address_guard_for(registry)
        if guard is not None and transport is None:
            transport = guarded_transport(guard, context, limits)
        self._client = httpx.AsyncClient(
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            headers={
                "Accept": "application/json",
                "User-Agent": "registry-integration",
                **IDENTITY_ENCODING,
            },
            limits=limits,
            timeout=httpx.Timeout(
                client_limits.read_seconds, connect=client_limits.connect_seconds, pool=None
            ),
            transport=transport,
            trust_env=False,  # a proxy or .netrc of this machine must not see or add credentials
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
    ) -> Response:
        """Send a GET request; see `send`."""
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
    ) -> Response:
        """Send a request and return the complete response, whatever its permanent status.

        Args:
            method: HTTP method.
            path: path of the URL.
            query: query parameters.
            json: JSON body.
            headers: additional headers.
            anonymous: do not send the client's credential.
            repeatable: whether the request may be sent twice; only then is it retried.
            origin: another origin than the registry's own. It gets no `Authorization` header
                except from `headers`.

        Raises:
            TransientRegistryError: no complete response, or only transient statuses, after retries.
            Rejected: the response is too large or has an unsupported content encoding.
            TlsFailed: the server's certificate is not trusted.
            AddressNotAllowed: a discovered address resolves to a forbidden network.
            LeaseHeld: the method is not safe and the run has lost its lease.
        """
        same_origin = origin is None or origin == self.origin
        request = self._client.build_request(
            method, (origin or self.origin) + path, params=query, json=json, headers=headers
        )
        auth = self._auth if same_origin and not anonymous else None
        async for attempt in retry_attempts(repeatable=repeatable):
            with attempt:
                response = await self._attempt(request, auth)
                if response.status in TRANSIENT_STATUSES:
                    raise error_from_response(self.name, response)
        return response

    async def _attempt(self, request: httpx.Request, auth: httpx.Auth | None) -> Response:
        method, url = request.method, str(request.url.copy_with(userinfo=b""))
        async with self._semaphore:
            self._check_circuit(method, url)
            await check_fence(method)
            self.requests += 1
            try:
                async with asyncio.timeout(self.limits.request_seconds):
                    response = await self._exchange(request, auth)
            except BlockedAddressError as error:
                raise AddressNotAllowed(self.name, method, url, str(error)) from None
            except (httpx.TransportError, TimeoutError) as error:
                failure = transport_error(error, self.name, method, url)
                if isinstance(failure, TransientRegistryError):
                    self._circuit.record_failure(failure.message, failure.reason)
                raise failure from error
        self._circuit.record_success()
        return response

    def _check_circuit(self, method: str, url: str) -> None:
        if last_failure := self._circuit.open_reason:
            raise CircuitOpen(self.name, method, url, *last_failure)

    async def _exchange(self, request: httpx.Request, auth: httpx.Auth | None) -> Response:
        started = time.monotonic()
        response = await self._client.send(request, stream=True, auth=auth)
        url = str(request.url)
        try:
            body = BodyBuffer(response.headers.get("content-encoding", ""), self.limits.max_bytes)
            async for piece in response.aiter_raw():
                body.add(piece)
            content = body.content()
        except BodyError as error:
            error_class = ServerError if isinstance(error, CorruptBody) else Rejected
            raise error_class(self.name, request.method, url, str(error)) from None
        finally:
            await response.aclose()
        return Response(
            method=request.method,
            url=url,
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=content,
            seconds=time.monotonic() - started,
        )
