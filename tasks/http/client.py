"""One pooled HTTP client for one server and one run: a registry or the API server of a cluster.

The client sends credentials only to the server's own origin, keeps no cookies, follows no
redirects, limits concurrency, duration and response size, retries transient faults, and pauses
requests to a server that does not respond.
"""

import asyncio
import logging
import ssl
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, cast

import httpcore
import httpx

from models.core.errors import (
    CircuitOpen,
    IntegrationError,
    Rejected,
    RemoteError,
    ResponseTooLarge,
    ServerError,
)
from models.core.reasons import Reason
from models.registries.address import parse_address
from tasks.counters import count_request
from tasks.http.connection.network import AddressGuard, BlockedAddressError, ProxyConnectionError
from tasks.http.connection.proxy import (
    AUTHENTICATION_REQUIRED,
    PROXY_TLS_ADVICE,
    Proxy,
    environment_proxy,
    status_of,
)
from tasks.http.errors import transport_error
from tasks.http.fence import check_fence
from tasks.http.limits import TRANSIENT_STATUSES, CircuitBreaker, ClientLimits
from tasks.http.request import authorize, build_request, url_without_credentials
from tasks.http.request_log import log_request
from tasks.http.response import (
    BodyBuffer,
    BodyError,
    BodyTooLarge,
    CorruptBody,
    Response,
)
from tasks.http.retry import retry
from tasks.http.transport import Transport

_log = logging.getLogger(__name__)

_BODY_ERRORS: Mapping[type[BodyError], type[RemoteError]] = {
    CorruptBody: ServerError,
    BodyTooLarge: ResponseTooLarge,
}

# Debug records of httpcore contain response headers, such as the session cookies of Harbor.
logging.getLogger("httpcore").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Server:
    """The server of one client.

    Attributes:
        name: name of the registry or cluster.
        target: the server in errors, for example `prod` or `cluster eu`.
        origin: URL of the server, without a trailing slash; a cluster behind a proxy has a path.
        tls_context: TLS context of all connections.
        tls_advice: what to do about a certificate that is not trusted, by reason.
        to_error: returns the error for a response with an unexpected status.
        max_failed_connections: consecutive failed connections that open the circuit.
        address_guard: checks the IP address of each connection; None checks none.
        server_name: host name to verify in the certificate, if it differs from the URL's.
        error_statuses: permanent statuses that are always errors, whatever the request is.
        shows_certificate: whether `tls_context` has a client certificate.
        proxy: proxy of all connections; None connects directly.
        uses_environment_proxies: whether a request without this proxy goes through the one that
            the environment names for its origin.
        proxy_tls_context: TLS context for an https proxy.
        is_registry: whether its requests are counted, and logged with its request ids.
    """

    name: str
    target: str
    origin: str
    tls_context: ssl.SSLContext
    tls_advice: Mapping[Reason, str]
    to_error: Callable[[Response], RemoteError]
    max_failed_connections: int
    address_guard: AddressGuard | None = None
    server_name: str = ""
    error_statuses: frozenset[int] = frozenset()
    shows_certificate: bool = False
    proxy: Proxy | None = None
    uses_environment_proxies: bool = False
    proxy_tls_context: ssl.SSLContext | None = None
    is_registry: bool = False

    def choose_proxy(self, origin: str) -> Proxy | None:
        """Return the proxy for requests to an origin: the server's own, or a token service's."""
        if self.proxy is not None or not self.uses_environment_proxies:
            return self.proxy
        try:
            return environment_proxy(parse_address(origin))
        except ValueError:  # the request fails, too
            return None


@dataclass(frozen=True, slots=True)
class _Call:
    """One request, and what its attempts need."""

    request: httpx.Request
    auth: httpx.Auth | None = field(repr=False)
    url: str
    proxy: Proxy | None

    @property
    def method(self) -> str:
        return self.request.method


class HttpClient:
    """HTTP client of one server.

    Args:
        server: the server.
        client_limits: concurrency, size and time limits.
        auth: authentication for the server's own origin.
        transport: replaces the network, for tests.
    """

    def __init__(
        self,
        server: Server,
        client_limits: ClientLimits,
        auth: httpx.Auth | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name, self.target, self.origin = server.name, server.target, server.origin
        self.limits, self.requests = client_limits, 0
        self._server, self._auth = server, auth
        self._semaphore = asyncio.Semaphore(client_limits.max_concurrency)
        self._circuit = CircuitBreaker(server.max_failed_connections)
        self._timeouts = httpx.Timeout(
            client_limits.read_seconds, connect=client_limits.connect_seconds, pool=None
        ).as_dict()
        # No .netrc of this machine, and no proxy but those that were chosen for the server.
        self._fixed_transport = transport
        self._transports: dict[Proxy | None, httpx.AsyncBaseTransport] = {}
        self._proxies: dict[str, Proxy | None] = {}
        self._is_closed = False

    def _choose_proxy(self, origin: str) -> Proxy | None:
        if origin not in self._proxies:
            self._proxies[origin] = self._server.choose_proxy(origin)
        return self._proxies[origin]

    def _transport_through(self, proxy: Proxy | None) -> httpx.AsyncBaseTransport:
        if proxy not in self._transports:
            self._transports[proxy] = self._fixed_transport or Transport(
                self._server.tls_context,
                self.limits.max_concurrency,
                self._server.address_guard,
                self._server.server_name,
                proxy.connection(self._server.proxy_tls_context) if proxy else None,
            )
        return self._transports[proxy]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_closed = True
        for transport in self._transports.values():
            await transport.aclose()
        _log.debug("%s: closed after %d requests", self.target, self.requests)

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
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        anonymous: bool = False,
        repeatable: bool = True,
        origin: str | None = None,
    ) -> Response:
        """Send a request and return the complete response, whatever its permanent status.

        Statuses in the server's `error_statuses` are raised as errors, too.

        Args:
            method: HTTP method.
            path: path of the URL.
            query: query parameters.
            json: JSON body.
            form: form body, instead of a JSON body.
            headers: additional headers.
            anonymous: do not send the client's credential.
            repeatable: whether the request may be sent twice; only then is it retried.
            origin: another origin than the server's own. It gets no `Authorization` header except
                from `headers`.

        Raises:
            RemoteError: no complete response, or only transient statuses, after retries; a status
                in `error_statuses`; the response is too large; the server's certificate is not
                trusted; the address is not allowed.
            LeaseHeld: the method is not safe and the run has lost its lease.
        """
        same_origin = origin is None or origin == self.origin
        url = (origin or self.origin) + path
        proxy = self._choose_proxy(origin or self.origin)
        try:
            request = build_request(
                method, url, self._timeouts, query=query, json=json, form=form, headers=headers
            )
        except (httpx.InvalidURL, UnicodeError) as error:
            raise self._to_error(error, method, url, proxy) from None
        auth = self._auth if same_origin and not anonymous else None
        call = _Call(request, auth, url_without_credentials(request), proxy)
        return await retry(lambda: self._attempt(call), repeatable=repeatable)

    async def _attempt(self, call: _Call) -> Response:
        async with self._semaphore:
            self._check_circuit(call)
            await check_fence(call.method)
            self.requests += 1
            try:
                async with asyncio.timeout(self.limits.request_seconds):
                    response = await self._exchange_and_count(call)
            except IntegrationError:
                raise
            except Exception as error:  # the boundary: whatever happens, a run gets a reason
                failure = self._to_error(error, call.method, call.url, call.proxy)
                if failure.transient:
                    self._circuit.record_failure(failure.message, failure.reason)
                if failure.reason is Reason.UNFORESEEN:
                    _log_bug(error, call)
                raise failure from None  # the text of a protocol error can contain a header
        self._circuit.record_success()
        if self._server.is_registry:
            log_request(self.name, response, is_anonymous=call.auth is None)
        if response.status == AUTHENTICATION_REQUIRED and call.proxy is not None:
            raise call.proxy.refusal(self.target, call.method, call.url, response.status)
        if response.status in TRANSIENT_STATUSES | self._server.error_statuses:
            raise self._server.to_error(response)
        return response

    def _to_error(
        self, error: Exception, method: str, url: str, proxy: Proxy | None
    ) -> RemoteError:
        if isinstance(error, BlockedAddressError):
            reason = Reason.ADDRESS_FORBIDDEN
            return RemoteError(self.target, method, url, str(error), reason)
        if proxy is not None and isinstance(error, httpcore.ProxyError):
            return proxy.refusal(self.target, method, url, status_of(error))
        if proxy is not None and isinstance(error, ProxyConnectionError):
            return proxy.failure(transport_error(error, self.target, method, url, PROXY_TLS_ADVICE))
        return transport_error(
            error,
            self.target,
            method,
            url,
            self._server.tls_advice,
            shows_certificate=self._server.shows_certificate,
        )

    def _check_circuit(self, call: _Call) -> None:
        if last_failure := self._circuit.open_reason:
            raise CircuitOpen(self.target, call.method, call.url, *last_failure)

    async def _exchange_and_count(self, call: _Call) -> Response:
        started, response = time.monotonic(), None
        try:
            response = await self._exchange(call, started)
            return response
        finally:
            if self._server.is_registry:
                status = response.status if response else None
                count_request(status, time.monotonic() - started)

    async def _exchange(self, call: _Call, started: float) -> Response:
        if self._is_closed:
            raise RuntimeError("this client is closed")
        authorize(call.request, call.auth)
        response = await self._transport_through(call.proxy).handle_async_request(call.request)
        stream = cast("httpx.AsyncByteStream", response.stream)
        try:
            body = BodyBuffer(response.headers.get("content-encoding", ""), self.limits.max_bytes)
            async for piece in stream:
                body.add(piece)
            content = body.content()
        except BodyError as error:
            error_class = _BODY_ERRORS.get(type(error), Rejected)
            raise error_class(self.target, call.method, call.url, str(error)) from None
        finally:
            await stream.aclose()
        return Response(
            target=self.target,
            method=call.method,
            url=call.url,
            status=response.status_code,
            headers=dict(response.headers),
            body=content,
            seconds=time.monotonic() - started,
        )


def _log_bug(error: Exception, call: _Call) -> None:
    # Where it happened, without the text of the exception, which can contain a secret.
    location = "".join(traceback.format_tb(error.__traceback__))
    _log.error("unexpected %s: %s %s\n%s", type(error).__name__, call.method, call.url, location)
