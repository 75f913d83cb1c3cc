"""`make serve`: the whole product on one machine, until it is stopped.

State and Prefect's data lie in one directory; the Prefect server is a process of its own; the flows
are served by this one.
"""

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployments.api_password import FILE_NAME, load_api_password
from deployments.block_key import BlockKeyMissing, load_block_key
from deployments.environment import (
    HOME,
    HOST,
    environment,
    given_block_key,
    given_password,
    own_api,
    prepare,
    server_environment,
)
from deployments.private_files import ReadableByOthers

_PATIENCE = 120.0
_PR_SET_PDEATHSIG = 1  # man 2 prctl


def main() -> int:
    """Run until Ctrl-C or SIGTERM; the server goes down with it."""
    data_dir = Path(os.environ.get("DATA_DIR") or _default_data_dir()).expanduser().resolve()
    port = int(os.environ.get("PORT") or 4200)
    prepare(data_dir)
    os.environ.update(environment(data_dir, port))
    os.chdir(HOME)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if os.environ["PREFECT_API_URL"] != own_api(port):
        asyncio.run(serve())
        return 0
    if _taken(port):
        print(f"Port {port} is taken; choose another one: make serve PORT=4300", file=sys.stderr)
        return 1
    try:
        server_settings = _guard(data_dir, port)
    except (ReadableByOthers, BlockKeyMissing) as error:
        print(f"Not served: {error}", file=sys.stderr)
        return 1
    with _server(port, data_dir, server_settings):
        asyncio.run(serve())
    return 0


def _guard(data_dir: Path, port: int) -> dict[str, str]:
    """Set the API password for all that is started; return the settings of the server."""
    password, made = given_password(), False
    if not password:
        password, made = load_api_password(data_dir)
    os.environ["PREFECT_API_AUTH_STRING"] = password
    if made:
        print(
            f"Made the password of the UI and the API: {password}\n"
            f"It is in {data_dir / FILE_NAME}; the UI asks for the whole line, once."
        )
    return server_environment(port, password, given_block_key() or load_block_key(data_dir))


async def serve() -> None:
    """Bring the database up to date, register the block types, serve every deployment."""
    from prefect.runner import Runner  # noqa: PLC0415 - only now is Prefect's environment set

    from deployments.definitions import BLOCKS, definitions, served  # noqa: PLC0415
    from models.errors import InputRefused  # noqa: PLC0415
    from models.settings import settings  # noqa: PLC0415
    from tasks.sealing import ready_keys  # noqa: PLC0415
    from tasks.store.migrating import migrate  # noqa: PLC0415

    migrate(settings().database)
    try:
        told = ready_keys()
    except InputRefused as error:
        sys.exit(f"Not served: {error}")
    if told:
        print(told)
    for block in BLOCKS:
        await block.aregister_type_and_schema()
    runner = Runner(name="registry-integration", pause_on_shutdown=True)
    for definition in definitions():
        await runner.aadd_deployment(served(definition))
    print(f"Registry integration is served. UI: {_ui()}   Stop it with Ctrl-C.")
    print(f"The overview: {_ui()}/v2/artifacts/key/overview", flush=True)
    await runner.start()


def _ui() -> str:
    return os.environ["PREFECT_API_URL"].removesuffix("/api")


def _default_data_dir() -> Path:
    from models.settings import Settings  # noqa: PLC0415 - keeps this module free of imports

    return Settings().data_dir


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


@contextmanager
def _server(port: int, data_dir: Path, settings: dict[str, str]) -> Iterator[None]:
    """Run a Prefect server on the loopback; its log is `server.log` in the data directory."""
    command = [sys.executable, "-m", "prefect", "server", "start"]
    command += ["--host", HOST, "--port", str(port)]
    log_path = data_dir / "server.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            command,
            env={**os.environ, **settings},
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )
    try:
        _wait_until_healthy(process, log_path)
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def _die_with_parent() -> None:
    """Let Linux end the server when this process is killed, which could not do so itself."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_healthy(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    url = f"{os.environ['PREFECT_API_URL']}/health"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"The Prefect server did not start; see {log}")
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own loopback address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    sys.exit(f"The Prefect server did not become healthy within {_PATIENCE:.0f} s; see {log}")


if __name__ == "__main__":
    sys.exit(main())
