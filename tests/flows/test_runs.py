"""What is done for one of many is contained."""

import pytest
from prefect.logging import disable_run_logger

from flows.runs import contained
from models.core.errors import InputRefused


async def _raising(error: Exception) -> str:
    raise error


async def _well() -> str:
    return "well"


async def test_what_goes_well_is_returned() -> None:
    assert await contained("prod", _well(), str.upper) == "well"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InputRefused("no such space"), "prod: no such space"),
        (InputRefused("prod: no such space"), "prod: no such space"),
        (InputRefused("production: gone"), "prod: production: gone"),
        (KeyError("secret"), "prod: unforeseen KeyError, see the run's log"),
    ],
)
async def test_what_goes_wrong_is_an_ending(error: Exception, told: str) -> None:
    with disable_run_logger():
        assert await contained("prod", _raising(error), str) == told
