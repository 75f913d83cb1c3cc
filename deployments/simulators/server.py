"""Real sockets for simulated services: uvicorn in a thread, on a loopback port of its own."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

import uvicorn

from deployments.simulators.asgi import AsgiApp, buffer_requests

LOOPBACK_HOST = "127.0.0.1"
START_SECONDS = 10.0
# What is still being answered when the service stops gets this long, then it is cancelled.
SHUTDOWN_SECONDS = 1
# As nginx before a real Harbor: uvicorn's own 5 s is less than a busy machine may need to plan.
KEEP_ALIVE_SECONDS = 75

FilePath = str | PathLike[str]


class ServerStartError(RuntimeError):
    """The service did not begin to listen in time."""


@contextmanager
def run_server(
    app: AsgiApp,
    *,
    certfile: FilePath | None = None,
    keyfile: FilePath | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """Serve `app` until the block ends; yields its base URL, without a trailing slash.

    Pass a certificate and key file, or a server-side `ssl_context` (trustme:
    `cert.configure_cert(context)`), to serve https.
    """
    secure = certfile is not None or ssl_context is not None
    # Bound before the thread starts, so the port is known and a client can only wait, not miss.
    with socket.create_server((LOOPBACK_HOST, 0)) as listener:
        # Headers and body are two writes: without this the second waits 40 ms for the client's
        # delayed ACK. asyncio sets it only where the socket's protocol is named.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = listener.getsockname()[1]
        server = uvicorn.Server(_server_config(app, certfile, keyfile, ssl_context))
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name=f"simulator-{port}", daemon=True
        )
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield f"{'https' if secure else 'http'}://{LOOPBACK_HOST}:{port}"
        finally:
            server.should_exit = True
            thread.join(timeout=START_SECONDS)


def get_closed_url() -> str:
    """An address on which nothing listens, so that connecting is refused."""
    with socket.create_server((LOOPBACK_HOST, 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://{LOOPBACK_HOST}:{port}"


def _server_config(
    app: AsgiApp,
    certfile: FilePath | None,
    keyfile: FilePath | None,
    context: ssl.SSLContext | None,
) -> uvicorn.Config:
    return uvicorn.Config(
        buffer_requests(app),
        # Said, because uvicorn takes a bound method for the two-call ASGI of old.
        interface="asgi3",
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        # None: uvicorn's loggers hand their records to the root instead of writing to stderr
        # themselves, so the tracebacks of answers cut on purpose stay inside pytest's capture.
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
