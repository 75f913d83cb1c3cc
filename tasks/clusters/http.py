"""One pooled client for one cluster and one run.

The client limits concurrency, duration and response size, retries transient faults, and pauses
requests to a cluster that does not respond. kubernetes_asyncio sends the requests: it handles the
authentication, including tokens that are rotated during a run.
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
"""Consecutive failed connections that open the circuit: three attempts for each of three lists."""


class ApiCaller(Protocol):
    """The used part of kubernetes_asyncio's ApiClient."""

    async def call_api(self, resource_path: str, method: str, **options: Any) -> Any:  # noqa: ANN401 - signature of the library
        """Send one request."""


class ClusterHttpClient:
    """HTTP client of one cluster.

    Args:
        cluster: name of the cluster, for errors.
        api: sends the requests.
        client_limits: concurrency, size and time limits.
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
        """Send a GET request; see `send`."""
        return await self.send("GET", path, query=query)

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> Response:
        """Send a request and return the complete response, whatever its permanent status.

        Every request is retried after a transient fault, so it must be repeatable.

        Args:
            method: HTTP method.
            path: path of the URL.
            query: query parameters.
            body: JSON body.
            content_type: media type of the body; it determines the kind of patch.

        Raises:
            TransientClusterError: no complete response, or only transient statuses, after retries.
            ClusterError: the server's certificate is not trusted, or the response is too large.
            LeaseHeld: the method is not safe and the run has lost its lease.
        """
        async for attempt in retry_attempts(repeatable=True):
            with attempt:
                response = await self._attempt(method, path, query, body, content_type)
                if response.status in TRANSIENT_STATUSES:
                    raise api_errors.cluster_error_from_response(self.cluster, response)
        return response

    async def _attempt(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: object,
        content_type: str,
    ) -> Response:
        async with self._semaphore:
            self._check_circuit(method, path)
            await check_fence(method)
            self.requests += 1
            try:
                async with asyncio.timeout(self.limits.request_seconds):
                    response = await self._exchange(method, path, query, body, content_type)
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
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: object,
        content_type: str,
    ) -> Response:
        started = time.monotonic()
        # Not preloaded: the library would write whole responses, with Secrets, to its debug log.
        response: aiohttp.ClientResponse = await self._api.call_api(
            path,
            method,
            query_params=dict(query or {}),
            header_params={
                "Accept": "application/json",
                "Content-Type": content_type,
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
