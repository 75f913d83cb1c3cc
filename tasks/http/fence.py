"""The lease fence: blocks write requests of a run that has lost its lease.

The fence is checked right before each request is sent. Requests of many changes wait in a queue,
and some are retried, so a check at the start of a change would be outdated.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Fence = Callable[[], Awaitable[None]]
"""Raises `LeaseHeld` if its lease is lost."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_current_fence: ContextVar[Fence | None] = ContextVar("fence", default=None)


@contextmanager
def fence_requests(fence: Fence) -> Iterator[None]:
    """Apply a fence to all requests sent within the block, including those of its tasks."""
    outer = _current_fence.get()
    _current_fence.set(fence)
    try:
        yield
    finally:
        _current_fence.set(outer)


async def check_fence(method: str) -> None:
    """Check that a request may still be sent.

    Raises:
        LeaseHeld: the method is not safe and the run has lost its lease.
    """
    fence = _current_fence.get()
    if fence is not None and method not in SAFE_METHODS:
        await fence()
