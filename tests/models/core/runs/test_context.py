"""The context of a run."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from models.core.runs.context import RunContext
from tests.support.builders import NOW


def test_a_run_goes_on_at_a_later_time() -> None:
    context = RunContext(now=NOW, flow_run="run-1", lease_id="mine")
    later = NOW + timedelta(minutes=1)
    assert context.at(later) == RunContext(now=later, flow_run="run-1", lease_id="mine")
    assert context.now == NOW


def test_nobody_changes_it() -> None:
    context = RunContext(now=NOW)
    assert (context.flow_run, context.lease_id) == ("", "")
    with pytest.raises(ValidationError, match="frozen"):
        context.lease_id = "theirs"  # type: ignore[misc]
