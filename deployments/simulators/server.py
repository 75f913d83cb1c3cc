"""Serve simulated services on real sockets: uvicorn in a thread, on a free loopback port."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

import uvicorn
from starlette.types import ASGIApp

from deployments.simulators.asgi import buffer_requests

LOOPBACK_HOST = "127.0.0.1"
START_SECONDS = 10.0
# Requests in progress get this long when the service stops, then they are cancelled.
SHUTDOWN_SECONDS = 1
# As nginx in front of a real Harbor: uvicorn's default of 5 s is too short on a busy machine.
KEEP_ALIVE_SECONDS = 75

FilePath = str | PathLike[str]


class ServerStartError(RuntimeError):
    """The service did not start to listen in time."""


@contextmanager
def run_server(
    app: ASGIApp,
    *,
    certfile: FilePath | None = None,
    keyfile: FilePath | None = None,
    ssl_context: ssl.SSLContext | None = None,
    host: str = LOOPBACK_HOST,
) -> Iterator[str]:
    """Serve `app` until the block ends; yield its base URL, without a trailing slash.

    Pass a certificate and key file, or a server-side `ssl_context` (trustme:
    `cert.configure_cert(context)`), to serve https. Pass the host `0.0.0.0` to answer under each
    address of 127.0.0.0/8.
    """
    secure = certfile is not None or ssl_context is not None
    # Bind before the thread starts: the port is known, and early clients wait instead of failing.
    with socket.create_server((host, 0)) as listener:
        # Headers and body are two writes: without this the second waits 40 ms for the client's
        # delayed ACK. asyncio sets it only if the protocol of the socket is given.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = listener.getsockname()[1]
        server = uvicorn.Server(_server_config(app, certfile, keyfile, ssl_context))
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name=f"simulator-{port}", daemon=True
        )
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield f"{'https' if secure else 'http'}://{host}:{port}"
        finally:
            server.should_exit = True
            thread.join(timeout=START_SECONDS)


def get_closed_url() -> str:
    """Return a URL on which nothing listens, so that connections are refused."""
    with socket.create_server((LOOPBACK_HOST, 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://{LOOPBACK_HOST}:{port}"


def _server_config(
    app: ASGIApp,
    certfile: FilePath | None,
    keyfile: FilePath | None,
    context: ssl.SSLContext | None,
) -> uvicorn.Config:
    return uvicorn.Config(
        buffer_requests(app),
        # Explicit, because uvicorn mistakes a bound method for ASGI 2.
        interface="asgi3",
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        # None: uvicorn's loggers propagate to the root logger instead of writing to stderr, so
        # tracebacks of deliberately cut responses stay inside pytest's capture.
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ssl_certfile=certfile,
        ssl_keyfile=keyfile,
        ssl_context_factory=None if context is None else lambda _config, _default: context,
    )


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise ServerStartError(f"uvicorn is not listening after {START_SECONDS:g} s")
        time.sleep(0.005)
