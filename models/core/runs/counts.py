"""Count the changes of a run; the counts of each run add up to the changes that it planned."""

from collections.abc import Iterable, Sized
from typing import Protocol

from pydantic import NonNegativeInt

from models.core.base import FrozenModel
from models.core.plural import pluralize


class AttemptedChange(Protocol):
    """The result of a change that was attempted."""

    @property
    def succeeded(self) -> bool:
        """Whether the change was made, or was not needed any more."""


class ChangeCounts(FrozenModel):
    """How many changes of a run were made, failed or were skipped.

    Attributes:
        made: changes that the server accepted, or that were in place already.
        failed: changes that the server refused, or that were not answered in time.
        skipped: planned changes that were not attempted: withheld by a safety limit or by read-only
            mode, or dependent on a change that failed.
    """

    made: NonNegativeInt = 0
    failed: NonNegativeInt = 0
    skipped: NonNegativeInt = 0

    @property
    def total(self) -> int:
        """The number of planned changes."""
        return self.made + self.failed + self.skipped

    def __add__(self, other: "ChangeCounts") -> "ChangeCounts":
        """Return the counts of two runs together."""
        return ChangeCounts(
            made=self.made + other.made,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
        )

    def summarize(self) -> str:
        """Return the counts: `3 changes made`, or `1 of 4 changes made, 2 failed, 1 skipped`."""
        if self.made == self.total:
            return f"{pluralize(self.made, 'change')} made"
        parts = [f"{self.made} of {pluralize(self.total, 'change')} made"]
        parts += [f"{self.failed} failed"] if self.failed else []
        return ", ".join([*parts, *self._skipped_part])

    def describe_plan(self) -> str:
        """Return the number of changes of a dry run: `3 changes planned`."""
        return f"{pluralize(self.total, 'change')} planned"

    def summarize_failures(self) -> str:
        """Return the failures: `2 of 4 changes failed, 1 skipped`."""
        failures = f"{self.failed} of {self.total} changes failed"
        return ", ".join([failures, *self._skipped_part])

    @property
    def _skipped_part(self) -> list[str]:
        return [f"{self.skipped} skipped"] if self.skipped else []


def count_changes(
    planned: Sized, results: Iterable[AttemptedChange], withheld: int = 0
) -> ChangeCounts:
    """Count the changes of a run.

    Args:
        planned: the changes of the plan that was applied.
        results: one result per attempted change.
        withheld: changes that were removed from the plan before it was applied.
    """
    succeeded = [result.succeeded for result in results]
    return ChangeCounts(
        made=sum(succeeded),
        failed=len(succeeded) - sum(succeeded),
        skipped=max(len(planned) - len(succeeded), 0) + withheld,
    )


def total_counts(counts: Iterable[ChangeCounts]) -> ChangeCounts:
    """Return the counts of several runs together."""
    return sum(counts, ChangeCounts())
