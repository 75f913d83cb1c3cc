"""Simulated Harbors in a process of their own, so that they do not slow what is measured.

Many registries share one server: it listens on one port for each and tells them apart by it.
"""

import asyncio
import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import uvicorn
from starlette.types import Receive, Scope, Send

from deployments.simulators.harbor import SimulatedHarbor

PASSWORD = "Harbor12345"


REAL_PASSWORD_SECONDS = 0.095
"""What a real Harbor takes to check a local user's password, at every request."""


@contextmanager
def harbors(count: int, spaces: int, password_seconds: float = 0.0) -> Iterator[list[str]]:
    """Run `count` Harbors with `spaces` projects each; yield their addresses.

    Args:
        password_seconds: what each request with credentials waits; 0 is an instant Harbor, before
            which any work of ours looks large.
    """
    parent_end, child_end = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(child_end, count, spaces, password_seconds), daemon=True
    )
    process.start()
    try:
        yield parent_end.recv()
    finally:
        process.terminate()
        process.join()


def _run(pipe: Connection, count: int, spaces: int, password_seconds: float) -> None:
    sockets = [_create_listener() for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    by_port = {port: _harbor(spaces, password_seconds).app for port in ports}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await by_port[scope["server"][1]](scope, receive, send)

    config = uvicorn.Config(
        app, access_log=False, log_level="error", lifespan="off", timeout_keep_alive=75
    )
    server = uvicorn.Server(config)

    async def serve() -> None:
        task = asyncio.create_task(server.serve(sockets=sockets))
        while not server.started:
            await asyncio.sleep(0.01)
        pipe.send([f"http://127.0.0.1:{port}" for port in ports])
        await task

    asyncio.run(serve())


def _create_listener() -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", 0))
    return listener


def _harbor(spaces: int, password_seconds: float) -> SimulatedHarbor:
    harbor = SimulatedHarbor(admin_password=PASSWORD, password_seconds=password_seconds)
    for number in range(spaces - 1):  # `library` is there already
        harbor.add_project(f"team-{number:05d}", public=number % 3 == 0, storage_used=number)
    return harbor
