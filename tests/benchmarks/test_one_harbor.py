"""One Harbor: steady state, and many drifted spaces set right."""

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from flows.operations.run_results import RegistryRunResult
from flows.runs import hold_lease
from models.access.requests import desired_space_entries, with_visibility
from models.registries.space import Visibility
from tasks.store.registries import spaces
from tasks.store.session import in_transaction
from tests.benchmarks import bare, peak_memory
from tests.benchmarks.conftest import (
    integrate_registries,
    measure_seconds,
    print_ratio,
)
from tests.benchmarks.simulated import INSTANT_HARBOR, REAL_HARBOR, HarborCosts, harbors
from tests.benchmarks.steady import reconcile_steadily

ROUNDS = 3


@pytest.mark.parametrize("costs", [INSTANT_HARBOR, REAL_HARBOR], ids=str)
@pytest.mark.parametrize("space_count", [1_000, 10_000])
async def test_steady_state(space_count: int, costs: HarborCosts) -> None:
    with harbors(1, space_count, costs) as urls:
        (name,) = integrate_registries(urls)
        for _ in range(2):  # the second one finds nothing to do
            await reconcile_steadily(name, resync=True)
        bare_seconds = min(
            [
                await measure_seconds(lambda: bare.observe(urls[0], space_count))
                for _ in range(ROUNDS)
            ]
        )
        runs = [await _flow_run(name) for _ in range(ROUNDS)]
        product_seconds, report, task_runs = min(runs, key=lambda run: run[0])
        flow_run_seconds = await measure_seconds(lambda: _flow_run(name))
        peaks = [peak_memory.measure_in_process(name, resync=resync) for resync in (False, True)]
        full_seconds, full_report, _ = await _flow_run(name, resync=True)
    assert report.snapshot.is_unchanged
    assert not full_report.plan.changes
    suffix = f", {task_runs} task runs, whole flow run {flow_run_seconds:.2f} s"
    suffix += f", peak {peaks[0]:.0f} MB over an empty flow; compared in full: "
    suffix += f"ratio {full_seconds / bare_seconds:.2f}, {peaks[1]:.0f} MB"
    print_ratio(
        f"steady look at {space_count} spaces, {costs}",
        product_seconds,
        bare_seconds,
        suffix,
    )


@pytest.mark.parametrize("costs", [INSTANT_HARBOR, REAL_HARBOR], ids=str)
async def test_drifted_spaces_are_set_right(costs: HarborCosts) -> None:
    space_count = 2_000
    with harbors(1, space_count, costs) as urls:
        (name,) = integrate_registries(urls)
        await reconcile_steadily(name, resync=True)
        space_records = await in_transaction(spaces.list_spaces, name)
        names = [space.name for space in space_records]
        desired_spaces = with_visibility(name, space_records, names, Visibility.PUBLIC)
        async with hold_lease(name) as context:
            await in_transaction(
                spaces.save_desired,
                name,
                desired_spaces,
                desired_space_entries(desired_spaces),
                context,
            )
        await reconcile_steadily(name, resync=True)
        await bare.set_public(urls[0], names, public=False)

        async def bare_loop() -> None:
            await bare.observe(urls[0], space_count)
            await bare.set_public(urls[0], names, public=True)

        bare_seconds = await measure_seconds(bare_loop)
        await bare.set_public(urls[0], names, public=False)
        product_seconds, report, task_runs = await _flow_run(name, resync=True)
    assert len(report.results) == space_count
    assert all(outcome.succeeded for outcome in report.results)
    label = f"{space_count} drifted spaces set right, {costs}"
    print_ratio(label, product_seconds, bare_seconds, f", {task_runs} task runs")


async def _flow_run(name: str, *, resync: bool = False) -> tuple[float, RegistryRunResult, int]:
    """Return the seconds inside a flow run, its report and the number of its task runs."""

    @flow
    async def measured() -> tuple[float, RegistryRunResult, str]:
        reports: list[RegistryRunResult] = []

        async def work() -> None:
            reports.append(await reconcile_steadily(name, resync=resync))

        return await measure_seconds(work), reports[0], str(flow_run.id)

    seconds, report, run = await measured()
    async with get_client() as client:
        query = {"flow_runs": {"id": {"any_": [run]}}}
        response = await client.request("POST", "/task_runs/count", json=query)
    return seconds, report, int(response.json())
