"""What the processes of a served product cost: processor time, memory, and Prefect's database."""

import os
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class ProductCosts:
    """Costs of all processes that were started for a data directory.

    Attributes:
        private_megabytes: the largest private memory of each process that `watch_runs` has seen.
    """

    data_dir: Path
    private_megabytes: dict[int, float] = field(default_factory=dict)

    def processes(self) -> list[Path]:
        """The folders in /proc of the product's processes."""
        mark = f"REGISTRY_INTEGRATION_DATA_DIR={self.data_dir}".encode()
        folders = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    folders.append(folder)
        return folders

    def cpu_seconds(self) -> dict[str, float]:
        """The processor time of runs, worker, Prefect server and others, of ended ones, too."""
        seconds: dict[str, float] = defaultdict(float)
        for folder in self.processes():
            with suppress(OSError):
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                own, of_children = (sum(map(int, fields[n : n + 2])) / _TICKS for n in (11, 13))
                part = _part(_command(folder))
                seconds[part] += own
                seconds["runs" if part == "worker" else part] += of_children
        return seconds

    def database_megabytes(self) -> float:
        """The size of Prefect's database; SQLite's other files grow and shrink all the time."""
        path = self.data_dir / "prefect" / "prefect.db"
        with closing(sqlite3.connect(path, timeout=60)) as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        return int(pages) * int(page_bytes) / 1e6

    @contextmanager
    def watch_runs(self) -> Iterator[None]:
        """Measure the memory of processes that start while the block runs."""
        others, stop = {folder.name for folder in self.processes()}, threading.Event()

        def watch() -> None:
            while not stop.wait(0.1):
                for folder in self.processes():
                    if folder.name not in others:
                        self._measure(folder)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _measure(self, folder: Path) -> None:
        with suppress(OSError):
            lines = (folder / "smaps_rollup").read_text().splitlines()
            private = [int(line.split()[1]) for line in lines if line.startswith("Private_")]
            size = sum(private) / 1024
            pid = int(folder.name)
            self.private_megabytes[pid] = max(self.private_megabytes.get(pid, 0.0), size)


def _command(folder: Path) -> str:
    return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()


def _part(command: str) -> str:
    """Return whose processor time the one of a process is."""
    parts = {
        "deployments.worker.warm": "runs",
        "deployments.worker.flow_run": "runs",
        "process_worker": "worker",
        "uvicorn": "Prefect server",
        "prefect server": "Prefect server",
    }
    return next((part for text, part in parts.items() if text in command), "others")
