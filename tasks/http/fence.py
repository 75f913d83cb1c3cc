"""The fence: a run that lost its lease sends no request any more that changes anything.

It stands where requests leave, since those of many changes wait there for their turn, and some are
tried again: what was checked when a change began is old by then.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Fence = Callable[[], Awaitable[None]]
"""Raises `Busy` if the lease that it belongs to is lost."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_current_fence: ContextVar[Fence | None] = ContextVar("fence", default=None)


@contextmanager
def fence_requests(fence: Fence) -> Iterator[None]:
    """Hold what is sent within the block, also by tasks that it starts, to a fence."""
    outer = _current_fence.get()
    _current_fence.set(fence)
    try:
        yield
    finally:
        _current_fence.set(outer)


async def check_fence(method: str) -> None:
    """Make sure that a request may still be sent.

    Raises:
        Busy: it would change something, and the run has lost its lease.
    """
    fence = _current_fence.get()
    if fence is not None and method not in _SAFE_METHODS:
        await fence()
