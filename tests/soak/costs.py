"""Memory and descriptors of processes over time, and how fast they grow."""

import statistics
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_WARM_UP_SECONDS = 60.0
_MIN_SECONDS = 240.0
_PAGE_MEGABYTES = 4096 / 1e6


@dataclass
class Costs:
    """Samples of each process: seconds, megabytes of resident memory, descriptors."""

    samples: dict[tuple[str, int], list[tuple[float, float, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def measure(self, processes: dict[int, str]) -> None:
        """Add a sample of each process that is no run."""
        for pid, role in processes.items():
            folder = Path(f"/proc/{pid}")
            with suppress(OSError):
                pages = int((folder / "statm").read_text().split()[1])
                count = len(list((folder / "fd").iterdir()))
                if role != "run":
                    sample = (time.monotonic(), pages * _PAGE_MEGABYTES, count)
                    self.samples[role, pid].append(sample)

    def report(self) -> list[str]:
        """Return a line for each process that lived long enough."""
        lines = []
        for (role, pid), samples in sorted(self.samples.items()):
            later = [sample for sample in samples if sample[0] > samples[0][0] + _WARM_UP_SECONDS]
            if not later or later[-1][0] - later[0][0] < _MIN_SECONDS:
                continue
            times, megabytes, counts = zip(*later, strict=True)
            slopes = [
                statistics.linear_regression(times, values).slope * 3600
                for values in (megabytes, counts)
            ]
            lines.append(
                f"{role} {pid}: {(times[-1] - times[0]) / 60:.0f} min, {megabytes[0]:.0f} to "
                f"{megabytes[-1]:.0f} MB ({slopes[0]:+.1f} MB/h), {counts[0]} to {counts[-1]} "
                f"descriptors ({slopes[1]:+.1f}/h)"
            )
        return lines
