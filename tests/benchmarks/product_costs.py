"""What the processes of a served product cost: processor time, memory, and Prefect's database."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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

    def cpu_seconds(self) -> float:
        """The processor time of all processes, also of those that have ended."""
        ticks = 0
        for folder in self.processes():
            with suppress(OSError):
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                ticks += sum(map(int, fields[11:15]))  # own, and of the children that ended
        return ticks / _TICKS

    def database_megabytes(self) -> float:
        """The size of Prefect's database."""
        files = (self.data_dir / "prefect").glob("prefect.db*")
        return sum(file.stat().st_size for file in files) / 1e6

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
