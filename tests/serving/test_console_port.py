"""The port of the console."""

import socket
import subprocess
import sys
from pathlib import Path

from deployments.environment import PROJECT_DIR
from tests.support.product_server import foreign_environment, free_port


def test_a_port_that_is_taken_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ports = {"PORT": str(free_port()), "CONSOLE_PORT": str(port)}
        result = subprocess.run(
            [sys.executable, "-m", "deployments.serve"],
            cwd=PROJECT_DIR,
            env={**foreign_environment(), **ports, "DATA_DIR": str(tmp_path / "data")},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert result.returncode == 1
    expected = f"port {port} is in use; choose another one: make serve CONSOLE_PORT={port + 100}"
    assert expected in result.stderr
