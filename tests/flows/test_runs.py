"""What is done for one of many is contained, and each run has a context."""

import pytest
from prefect import flow
from prefect.logging import disable_run_logger
from prefect.runtime import flow_run

from flows.runs import hold_lease, isolate_failure, new_run_context
from models.core.errors import InvalidRequest, LeaseHeld
from models.core.runs.context import RunContext
from tasks import clock
from tasks.store.leases import check_lease
from tasks.store.session import in_transaction


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


async def test_the_context_of_a_run_has_its_lease(name: str) -> None:
    before = clock.now()
    async with hold_lease(name) as context, hold_lease(f"{name}-other") as other:
        assert before <= context.now <= other.now <= clock.now()
        await in_transaction(check_lease, name, context.lease_id)
        with pytest.raises(LeaseHeld):
            await in_transaction(check_lease, name, other.lease_id)
        with pytest.raises(LeaseHeld):
            await in_transaction(check_lease, name, new_run_context().lease_id)


@flow(persist_result=False)
async def _own_context() -> tuple[str, RunContext]:
    return str(flow_run.id), new_run_context()


@pytest.mark.usefixtures("prefect_server")
async def test_the_context_of_a_run_names_its_flow_run() -> None:
    id_, context = await _own_context()
    assert (context.flow_run, context.lease_id) == (id_, "")
    assert new_run_context().flow_run == ""
