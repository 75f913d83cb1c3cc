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

from models.base import Value
from models.errors import ClusterError, ClusterNotAskedAgain, ClusterTransient
from models.reason import Reason
from models.settings import Settings
from tasks.kubernetes import failure
from tasks.registries.answer import Answer
from tasks.retrying import attempts

_DEAF = 9
"""Connections that fail in a row until this client stops asking: the three tries of three lists."""

_REST_SECONDS = 1.5
"""How long it then rests; shorter than the pause before a task is tried again."""

_PASSING = frozenset({408, 429, 500, 502, 503, 504})


class Bounds(Value):
    """How much one cluster is asked at once, and how long for.

    Attributes:
        at_once: parallel requests.
        connect_seconds, read_seconds: until a connection stands; between two pieces of an answer.
        request_seconds: for one whole request.
        largest: bytes of one answer; a page of 500 full pull secrets has some millions.
    """

    at_once: int = 8
    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    request_seconds: float = 60.0
    largest: int = 64_000_000

    @classmethod
    def of(cls, settings: Settings) -> "Bounds":
        """Take the bounds from the settings."""
        return cls(
            at_once=settings.cluster_requests_at_once,
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            request_seconds=2 * settings.read_seconds,
        )


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
        self._deaf = 0
        self._last: ClusterTransient | None = None
        self._last_at = 0.0

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
        """
        async for attempt in attempts(repeatable=True):
            with attempt:
                answer = await self._attempt(method, path, query, body, content)
                if answer.status in _PASSING:
                    raise failure.error_of(self.cluster, answer)
        return answer

    async def _attempt(
        self, method: str, path: str, query: Mapping[str, str] | None, body: object, content: str
    ) -> Answer:
        async with self._places:
            self._check_circuit(method, path)
            self.requests += 1
            try:
                async with asyncio.timeout(self.bounds.request_seconds):
                    answer = await self._exchange(method, path, query, body, content)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                found = failure.translated(error, self.cluster, method, path)
                if isinstance(found, ClusterTransient):
                    self._deaf += 1
                    self._last, self._last_at = found, _now()
                raise found from error
        self._deaf = 0
        return answer

    def _check_circuit(self, method: str, path: str) -> None:
        """Stop asking for a while when the last connections all failed."""
        if self._deaf < _DEAF or self._last is None or _now() - self._last_at > _REST_SECONDS:
            return
        said = f"{self._last.said} (the last {self._deaf} tries; not asked again right now)"
        raise ClusterNotAskedAgain(self.cluster, method, path, said, self._last.reason)

    async def _exchange(
        self, method: str, path: str, query: Mapping[str, str] | None, body: object, content: str
    ) -> Answer:
        started = _now()
        # Not preloaded: the library would write whole answers, Secrets too, into its debug log.
        response: aiohttp.ClientResponse = await self._api.call_api(
            path,
            method,
            query_params=dict(query or {}),
            header_params={"Accept": "application/json", "Content-Type": content},
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=self._timeout,
        )
        received = bytearray()
        async with response:
            async for piece in response.content.iter_any():
                received += piece
                if len(received) > self.bounds.largest:
                    said = f"answered more than {self.bounds.largest / 1e6:.0f} MB"
                    raise ClusterError(self.cluster, method, path, said, Reason.REJECTED)
        return Answer(
            method=method,
            url=path,
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=bytes(received),
            seconds=_now() - started,
        )


def _now() -> float:
    return time.monotonic()
