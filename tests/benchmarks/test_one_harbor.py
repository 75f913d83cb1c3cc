"""One Harbor: steady state, and many drifted spaces set right."""

import resource

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from flows.operations.reconcile_registry import Report, reconcile
from models.access.requests import desired
from models.registries.space import Visibility
from tasks import clock
from tasks.store.leases import leased
from tasks.store.registries import spaces
from tasks.store.session import stored
from tests.benchmarks import bare
from tests.benchmarks.conftest import integrated, speed, tell, timed
from tests.benchmarks.simulated import REAL_PASSWORD_SECONDS, harbors

ROUNDS = 3


@pytest.mark.parametrize("password_seconds", [0.0, REAL_PASSWORD_SECONDS])
@pytest.mark.parametrize("many", [1_000, 10_000])
async def test_steady_state(many: int, password_seconds: float) -> None:
    with harbors(1, many, password_seconds) as urls:
        (name,) = integrated(urls)
        await _reconciled(name)
        bare_seconds = min([await timed(lambda: bare.look(urls[0], many)) for _ in range(ROUNDS)])
        runs = [await _flow_run(name) for _ in range(ROUNDS)]
        ours, report, task_runs = min(runs, key=lambda run: run[0])
        whole = await timed(lambda: _flow_run(name))
    assert not report.plan.changes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    more = f", {task_runs} task runs, whole flow run {whole:.2f} s, peak {peak:.0f} MB"
    tell(f"steady look at {many} spaces, {speed(password_seconds)}", ours, bare_seconds, more)


@pytest.mark.parametrize("password_seconds", [0.0, REAL_PASSWORD_SECONDS])
async def test_drifted_spaces_are_set_right(password_seconds: float) -> None:
    many = 2_000
    with harbors(1, many, password_seconds) as urls:
        (name,) = integrated(urls)
        await _reconciled(name)
        known = await stored(spaces.spaces, name)
        names = [space.name for space in known]
        wishes = desired(name, known, names, Visibility.PUBLIC)
        async with leased(name) as holder:
            await stored(spaces.wish, name, wishes, holder=holder, at=clock.now(), flow_run="")
        await _reconciled(name)
        await bare.set_public(urls[0], names, public=False)

        async def bare_loop() -> None:
            await bare.look(urls[0], many)
            await bare.set_public(urls[0], names, public=True)

        bare_seconds = await timed(bare_loop)
        await bare.set_public(urls[0], names, public=False)
        ours, report, task_runs = await _flow_run(name)
    assert len(report.outcomes) == many
    assert all(outcome.done for outcome in report.outcomes)
    what = f"{many} drifted spaces set right, {speed(password_seconds)}"
    tell(what, ours, bare_seconds, f", {task_runs} task runs")


async def _reconciled(name: str) -> Report:
    async with leased(name, patience=60) as holder:
        return await reconcile(name, holder, allow_large=True)


async def _flow_run(name: str) -> tuple[float, Report, int]:
    """Return the seconds inside a flow run, its report and the number of its task runs."""

    @flow
    async def measured() -> tuple[float, Report, str]:
        found: list[Report] = []

        async def work() -> None:
            found.append(await _reconciled(name))

        return await timed(work), found[0], str(flow_run.id)

    seconds, report, run = await measured()
    async with get_client() as client:
        wanted = {"flow_runs": {"id": {"any_": [run]}}}
        counted = await client.request("POST", "/task_runs/count", json=wanted)
    return seconds, report, int(counted.json())
