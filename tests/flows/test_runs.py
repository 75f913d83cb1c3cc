"""What is done for one of many is contained."""

import pytest
from prefect.logging import disable_run_logger

from flows.runs import isolate_failure
from models.core.errors import InvalidRequest


async def _fail(error: Exception) -> str:
    raise error


async def _succeed() -> str:
    return "well"


async def test_what_goes_well_is_returned() -> None:
    assert await isolate_failure("prod", _succeed(), str.upper) == "well"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InvalidRequest("no such space"), "prod: no such space"),
        (InvalidRequest("prod: no such space"), "prod: no such space"),
        (InvalidRequest("production: gone"), "prod: production: gone"),
        (KeyError("secret"), "prod: unexpected KeyError, see the run's log"),
    ],
)
async def test_what_goes_wrong_is_an_ending(error: Exception, message: str) -> None:
    with disable_run_logger():
        assert await isolate_failure("prod", _fail(error), str) == message
