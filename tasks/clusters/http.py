"""One pooled client for one cluster and one run.

It bounds how many requests run at once, how long they take and how much they answer, tries passing
faults again, and stops asking a cluster that does not answer at all. The requests themselves are
kubernetes_asyncio's: it knows how to authenticate, also where tokens change while a run lasts.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp

from models.core.errors import ClusterCircuitOpen, ClusterError, TransientClusterError
from models.core.reasons import Reason
from tasks.clusters import api_errors
from tasks.http.body import IDENTITY_ENCODING, BodyBuffer, BodyError, CorruptBody
from tasks.http.fence import check_fence
from tasks.http.limits import TRANSIENT_STATUSES, CircuitBreaker, ClientLimits
from tasks.http.response import Response
from tasks.http.retry import retry_attempts

_MAX_FAILED_CONNECTIONS = 9
"""Connections that fail in a row until this client stops asking: the three tries of three lists."""


class ApiCaller(Protocol):
    """What is used of kubernetes_asyncio's ApiClient."""

    async def call_api(self, resource_path: str, method: str, **options: Any) -> Any:  # noqa: ANN401 - as the library has it
        """Send one request."""


class ClusterHttpClient:
    """Requests to one cluster.

    Args:
        cluster: its name, for errors.
        api: sends requests.
        limits: how much at once, how long.
    """

    def __init__(self, cluster: str, api: ApiCaller, client_limits: ClientLimits) -> None:
        self.cluster, self.limits = cluster, client_limits
        self.requests = 0
        self._api = api
        self._semaphore = asyncio.Semaphore(client_limits.max_concurrency)
        self._timeout = aiohttp.ClientTimeout(
            sock_connect=client_limits.connect_seconds, sock_read=client_limits.read_seconds
        )
        self._circuit = CircuitBreaker(_MAX_FAILED_CONNECTIONS)

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Response:
        """GET a path; see `send`."""
        return await self.send("GET", path, query=query)

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content: str = "application/json",
    ) -> Response:
        """Send a request and return the complete answer, unless its status is a passing fault's.

        Every request is tried again after a passing fault, so it must be fit to be sent twice.

        Args:
            content: the body's media type; it says which kind of patch it is.

        Raises:
            ClusterTransient: no complete answer came, or only passing faults, also after retries.
            ClusterError: the server's certificate is not trusted, or its answer is too large.
            Busy: it would change something, and the run has lost its lease.
        """
        async for attempt in retry_attempts(repeatable=True):
            with attempt:
                response = await self._attempt(method, path, query, body, content)
                if response.status in TRANSIENT_STATUSES:
                    raise api_errors.cluster_error_from_response(self.cluster, response)
        return response

    async def _attempt(
        self, method: str, path: str, query: Mapping[str, str] | None, body: object, content: str
    ) -> Response:
        async with self._semaphore:
            self._check_circuit(method, path)
            await check_fence(method)
            self.requests += 1
            try:
                async with asyncio.timeout(self.limits.request_seconds):
                    response = await self._exchange(method, path, query, body, content)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                cluster_error = api_errors.cluster_transport_error(
                    error, self.cluster, method, path
                )
                if isinstance(cluster_error, TransientClusterError):
                    self._circuit.record_failure(cluster_error.message, cluster_error.reason)
                raise cluster_error from error
        self._circuit.record_success()
        return response

    def _check_circuit(self, method: str, path: str) -> None:
        if last_failure := self._circuit.open_reason:
            raise ClusterCircuitOpen(self.cluster, method, path, *last_failure)

    async def _exchange(
        self, method: str, path: str, query: Mapping[str, str] | None, body: object, content: str
    ) -> Response:
        started = time.monotonic()
        # Not preloaded: the library would write whole answers, Secrets too, into its debug log.
        response: aiohttp.ClientResponse = await self._api.call_api(
            path,
            method,
            query_params=dict(query or {}),
            header_params={
                "Accept": "application/json",
                "Content-Type": content,
                **IDENTITY_ENCODING,
            },
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=self._timeout,
        )
        async with response:
            try:
                raw_body = await self._read_body(response)
            except CorruptBody as error:
                message, reason = str(error), Reason.SERVER_BROKEN
                raise TransientClusterError(self.cluster, method, path, message, reason) from None
            except BodyError as error:
                message = str(error)
                raise ClusterError(self.cluster, method, path, message, Reason.REJECTED) from None
        return Response(
            method=method,
            url=path,
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=raw_body,
            seconds=time.monotonic() - started,
        )

    async def _read_body(self, response: aiohttp.ClientResponse) -> bytes:
        coding = ", ".join(response.headers.getall("Content-Encoding", ()))
        body = BodyBuffer(coding, self.limits.max_bytes)
        async for piece in response.content.iter_any():
            body.add(piece)
        return body.content()
