"""The requests and the time of one slice of a sweep."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, NamedTuple, TypeVar

from models.core.errors import RemoteError
from models.images.sweep import MAX_FAILURES, throttle_pause
from tasks.registries.protocol import ImageReader

T = TypeVar("T")


class Answer(NamedTuple, Generic[T]):
    """The answer to a request: a value, or a failure without one."""

    value: T | None = None
    has_failed: bool = False


class SliceBudget:
    """The requests and the time of one slice; requests are spread evenly over the time.

    Args:
        reader: reader whose requests count.
        requests: maximum number of requests; a request that is repeated, or needs a token, can
            exceed it by a few.
        seconds: maximum time in which requests begin.
        max_concurrency: concurrent requests.

    Attributes:
        pause: how long the sweep has to pause after this slice.
    """

    def __init__(
        self, reader: ImageReader, requests: int, seconds: float, max_concurrency: int
    ) -> None:
        self._reader, self._requests, self._seconds = reader, requests, seconds
        self._started_at, self._first_count = time.monotonic(), reader.request_count
        self._semaphore = asyncio.Semaphore(max_concurrency)
        self._taken = self._failures = 0
        self._is_stopped = False
        self.pause = timedelta()

    @property
    def remaining(self) -> int:
        """Requests that may still begin."""
        return 0 if self.is_over else self._requests - self._spent

    @property
    def is_over(self) -> bool:
        """Whether no further request may begin."""
        return self._has_ended or self._spent >= self._requests

    @property
    def _has_ended(self) -> bool:
        return self._is_stopped or time.monotonic() - self._started_at >= self._seconds

    @property
    def _spent(self) -> int:
        return max(self._taken, self._reader.request_count - self._first_count)

    async def run(self, send: Callable[[], Awaitable[T]]) -> Answer[T] | None:
        """Send a request when its time has come.

        Returns:
            The answer; None if the slice is over and nothing was sent.
        """
        if self.is_over:
            return None
        due_at = self._started_at + self._spent * self._seconds / self._requests
        self._taken += 1
        if (delay := due_at - time.monotonic()) > 0:
            await asyncio.sleep(delay)
        async with self._semaphore:
            if self._has_ended:
                return None
            try:
                value = await send()
            except RemoteError as error:
                self._record_failure(error)
                return Answer(has_failed=True)
        self._failures = 0
        return Answer(value)

    def _record_failure(self, error: RemoteError) -> None:
        # An error of one repository or tag is no reason to stop; it is not counted, that is all.
        self._failures += error.transient
        pause = throttle_pause(error)
        if pause is not None:
            self.pause = max(self.pause, pause)
        if pause is not None or self._failures >= MAX_FAILURES:
            self._is_stopped = True
