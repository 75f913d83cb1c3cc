"""The counts of a run's changes add up."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.core.runs.counts import ChangeCounts, count_changes, total_counts


@dataclass
class Result:
    succeeded: bool


RESULTS = st.lists(st.booleans().map(Result), max_size=40)


@given(RESULTS, st.integers(0, 20), st.integers(0, 20))
def test_every_planned_change_is_counted_once(
    results: list[Result], not_attempted: int, withheld: int
) -> None:
    planned = [None] * (len(results) + not_attempted)
    counts = count_changes(planned, results, withheld)
    assert counts.total == len(planned) + withheld
    assert counts.made == sum(result.succeeded for result in results)
    assert counts.failed == len(results) - counts.made
    assert counts.skipped == not_attempted + withheld


COUNTS = st.builds(
    ChangeCounts, made=st.integers(0, 99), failed=st.integers(0, 99), skipped=st.integers(0, 99)
)


@given(st.lists(COUNTS, max_size=9))
def test_the_counts_of_several_runs_add_up(counts: list[ChangeCounts]) -> None:
    total = total_counts(counts)
    assert total.total == sum(run.total for run in counts)
    assert total.made + total.failed + total.skipped == total.total


@pytest.mark.parametrize(
    ("counts", "summary"),
    [
        (ChangeCounts(), "0 changes made"),
        (ChangeCounts(made=1), "1 change made"),
        (ChangeCounts(made=3), "3 changes made"),
        (ChangeCounts(failed=16, skipped=1), "0 of 17 changes made, 16 failed, 1 skipped"),
        (ChangeCounts(made=1, failed=1), "1 of 2 changes made, 1 failed"),
        (ChangeCounts(made=1, skipped=2), "1 of 3 changes made, 2 skipped"),
    ],
)
def test_summary(counts: ChangeCounts, summary: str) -> None:
    assert counts.summarize() == summary


def test_failures() -> None:
    assert ChangeCounts(failed=1).summarize_failures() == "1 of 1 changes failed"
    counts = ChangeCounts(made=1, failed=2, skipped=1)
    assert counts.summarize_failures() == "2 of 4 changes failed, 1 skipped"
