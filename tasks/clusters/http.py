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

from models.core.errors import ClusterError, ClusterNotAskedAgain, ClusterTransient
from models.core.reasons import Reason
from tasks.clusters import api_errors
from tasks.http.body import IDENTITY, Body, BodyDamaged, BodyError
from tasks.http.fence import check_fence
from tasks.http.limits import PASSING, Bounds, Circuit
from tasks.http.response import Answer
from tasks.http.retry import attempts

_DEAF = 9
"""Connections that fail in a row until this client stops asking: the three tries of three lists."""


class Api(Protocol):
    """What is used of kubernetes_asyncio's ApiClient."""

    async def call_api(self, resource_path: str, method: str, **options: Any) -> Any:  # noqa: ANN401 - as the library has it
        """Send one request."""


class ClusterHttp:
    """Requests to one cluster.

    Args:
        cluster: its name, for errors.
        api: sends requests.
        bounds: how much at once, how long.
    """

    def __init__(self, cluster: str, api: Api, bounds: Bounds) -> None:
        self.cluster, self.bounds = cluster, bounds
        self.requests = 0
        self._api = api
        self._places = asyncio.Semaphore(bounds.at_once)
        self._timeout = aiohttp.ClientTimeout(
            sock_connect=bounds.connect_seconds, sock_read=bounds.read_seconds
        )
        self._circuit = Circuit(_DEAF)

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
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
    ) -> Answer:
        """Send a request and return the complete answer, unless its status is a passing fault's.

        Every request is tried again after a passing fault, so it must be fit to be sent twice.

        Args:
            content: the body's media type; it says which kind of patch it is.

        Raises:
            ClusterTransient: no complete answer came, or only passing faults, also after retries.
            ClusterError: the server's certificate is not trusted, or its answer is too large.
            Busy: it would change something, and the run has lost its lease.
        """
        async for attempt in attempts(repeatable=True):
            with attempt:
                answer = await self._attempt(method, path, query, body, content)
                if answer.status in PASSING:
                    raise api_errors.error_of(self.cluster, answer)
        return answer

    async def _attempt(
        self, method: str, path: str, query: Mapping[str, str] | None, body: object, content: str
    ) -> Answer:
        async with self._places:
            self._check_circuit(method, path)
            await check_fence(method)
            self.requests += 1
            try:
                async with asyncio.timeout(self.bounds.request_seconds):
                    answer = await self._exchange(method, path, query, body, content)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                found = api_errors.translated(error, self.cluster, method, path)
                if isinstance(found, ClusterTransient):
                    self._circuit.failed(found.said, found.reason)
                raise found from error
        self._circuit.answered()
        return answer

    def _check_circuit(self, method: str, path: str) -> None:
        if why := self._circuit.open:
            raise ClusterNotAskedAgain(self.cluster, method, path, *why)

    async def _exchange(
        self, method: str, path: str, query: Mapping[str, str] | None, body: object, content: str
    ) -> Answer:
        started = time.monotonic()
        # Not preloaded: the library would write whole answers, Secrets too, into its debug log.
        response: aiohttp.ClientResponse = await self._api.call_api(
            path,
            method,
            query_params=dict(query or {}),
            header_params={"Accept": "application/json", "Content-Type": content, **IDENTITY},
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=self._timeout,
        )
        async with response:
            try:
                received = await self._received(response)
            except BodyDamaged as error:
                said, broken = str(error), Reason.SERVER_BROKEN
                raise ClusterTransient(self.cluster, method, path, said, broken) from None
            except BodyError as error:
                said = str(error)
                raise ClusterError(self.cluster, method, path, said, Reason.REJECTED) from None
        return Answer(
            method=method,
            url=path,
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=received,
            seconds=time.monotonic() - started,
        )

    async def _received(self, response: aiohttp.ClientResponse) -> bytes:
        coding = ", ".join(response.headers.getall("Content-Encoding", ()))
        body = Body(coding, self.bounds.largest)
        async for piece in response.content.iter_any():
            body.add(piece)
        return body.whole()
