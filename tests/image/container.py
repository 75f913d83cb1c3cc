"""Processes in the file system of a built image: read-only, with a user and volumes of their own.

No container engine runs where these tests do, so namespaces and chroot stand for it: the network is
that of the machine.
"""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

UID = 10001
_PATH = "/app/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """An image that is mounted.

    Attributes:
        root: its file system.
        environment: the variables that the image sets.
        entrypoint: its entry point.
        user: the user and group that it runs as.
        health_check: the command of its HEALTHCHECK, after the word `CMD`.
    """

    root: Path
    environment: Mapping[str, str]
    entrypoint: Sequence[str]
    user: str
    health_check: Sequence[str]

    @contextmanager
    def start(
        self, command: Sequence[str], data: Path, log: Path, **environment: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command in a container until the block ends."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                self._command(command, data),
                env={"PATH": _PATH, **self.environment, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # unshare itself ignores it
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise

    def check_health(self, process: subprocess.Popen[bytes], **environment: str) -> tuple[int, str]:
        """Run the health check in a started container; return its status and what it printed."""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        command = [
            *("nsenter", "--mount", "--pid", "--target", children.strip()),
            *("chroot", f"--userspec={self.user}", str(self.root)),
            *("/bin/sh", "-c", 'cd /app && exec "$@"', "sh", *self.health_check),
        ]
        result = subprocess.run(
            command,
            env={"PATH": _PATH, **self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return result.returncode, result.stdout + result.stderr

    def run(self, command: Sequence[str], data: Path, **environment: str) -> str:
        """Run a command in a container to its end, and return what it printed."""
        result = subprocess.run(
            self._command(command, data),
            env={"PATH": _PATH, **self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        output = result.stdout + result.stderr
        assert result.returncode == 0, output
        return output

    def _command(self, command: Sequence[str], data: Path) -> list[str]:
        root = shlex.quote(str(self.root))
        steps = [
            "set -e",
            f"mount --bind {root} {root}",
            f"mount -o remount,bind,ro {root}",
            f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp",
            f"mount --bind {shlex.quote(str(data))} {root}/data",
            f"mount -t proc proc {root}/proc",
            f"mount --rbind /dev {root}/dev",
            *(f"mount --bind /etc/{name} {root}/etc/{name}" for name in ("hosts", "resolv.conf")),
            f"exec chroot --userspec={self.user} {root} "
            + shlex.join(
                ["/bin/sh", "-c", 'cd /app && exec "$@"', "sh", *self.entrypoint, *command]
            ),
        ]
        namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
        return ["unshare", *namespaces, "sh", "-c", "\n".join(steps)]


def can_run_images() -> bool:
    """Return whether this user may mount and change the root directory here."""
    if os.geteuid() != 0:
        return False
    command = [
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--propagation",
        "private",
        "mount",
        "-t",
        "tmpfs",
        "t",
        "/mnt",
    ]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
