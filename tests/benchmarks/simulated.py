"""Simulated Harbors in a process of their own, so that they do not slow what is measured.

Many registries share one server: it listens on one port for each and tells them apart by it.
"""

import asyncio
import multiprocessing
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.simulators.docker_registry import SimulatedDockerRegistry
from deployments.simulators.harbor import SimulatedHarbor

PASSWORD = "Harbor12345"


class HarborCosts(NamedTuple):
    """What a simulated Harbor waits, as a real one works.

    Attributes:
        password_seconds: for each request with a local user's password.
        row_seconds: for each project in a list.
    """

    password_seconds: float = 0.0
    row_seconds: float = 0.0

    def __str__(self) -> str:
        if not any(self):
            return "instant Harbor"
        return (
            f"{1_000 * self.password_seconds:.0f} ms a password, "
            f"{100_000 * self.row_seconds:.0f} ms a page of 100 projects"
        )


INSTANT_HARBOR = HarborCosts()
"""Before it, any work of ours looks large."""

REAL_HARBOR = HarborCosts(password_seconds=0.095, row_seconds=0.0014)
"""Harbor 2.15.2 with 2,007 projects; rows as measured with four requests at once."""


@contextmanager
def harbors(count: int, spaces: int, costs: HarborCosts = INSTANT_HARBOR) -> Iterator[list[str]]:
    """Run `count` Harbors with `spaces` projects each; yield their addresses."""
    parent_end, child_end = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(child_end, count, spaces, costs), daemon=True
    )
    process.start()
    try:
        yield parent_end.recv()
    finally:
        process.terminate()
        process.join()


@contextmanager
def docker_registry(build: Callable[[], SimulatedDockerRegistry]) -> Iterator[str]:
    """Run a Docker Registry, built by a function of a module; yield its address."""
    parent_end, child_end = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_run_docker_registry, args=(child_end, build), daemon=True
    )
    process.start()
    try:
        yield parent_end.recv()[0]
    finally:
        process.terminate()
        process.join()


def _run_docker_registry(pipe: Connection, build: Callable[[], SimulatedDockerRegistry]) -> None:
    listener = _create_listener()
    _serve(pipe, [listener], {listener.getsockname()[1]: build().app})


def _run(pipe: Connection, count: int, spaces: int, costs: HarborCosts) -> None:
    sockets = [_create_listener() for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    _serve(pipe, sockets, {port: _harbor(spaces, costs).app for port in ports})


def _serve(pipe: Connection, sockets: list[socket.socket], by_port: Mapping[int, ASGIApp]) -> None:
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
        pipe.send([f"http://127.0.0.1:{port}" for port in by_port])
        await task

    asyncio.run(serve())


def _create_listener() -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", 0))
    return listener


def _harbor(spaces: int, costs: HarborCosts) -> SimulatedHarbor:
    harbor = SimulatedHarbor(admin_password=PASSWORD, **costs._asdict())
    for number in range(spaces - 1):  # `library` is there already
        harbor.add_project(f"team-{number:05d}", public=number % 3 == 0, storage_used=number)
    return harbor
