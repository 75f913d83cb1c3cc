"""Servers that are used again: to start and stop one for each test takes most of its time."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.simulators.server import run_server


class _Stage:
    """What a server serves just now."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.app
        assert app is not None, "a client asks after its test has ended"
        await app(scope, receive, send)


_FREE: list[tuple[_Stage, str]] = []
_OPEN = ExitStack()


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve `app` on a real socket until the block ends, as `run_server` does."""
    stage, url = _FREE.pop() if _FREE else _start()
    stage.app = app
    try:
        yield url
    finally:
        stage.app = None
        _FREE.append((stage, url))


def _start() -> tuple[_Stage, str]:
    stage = _Stage()
    return stage, _OPEN.enter_context(run_server(stage))


def stop_all() -> None:
    """Stop the servers, at the end of the session."""
    _FREE.clear()
    _OPEN.close()
