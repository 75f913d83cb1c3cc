"""Runs that are forked, and runs in processes of their own: seconds, processor time, memory.

`IDLE_MINUTES=10` (default 3) is how long the product is measured with nothing to do.
"""

import os
import statistics
import time
from collections.abc import Iterable
from typing import Any

import pytest

from deployments.simulators.kubernetes import running_cluster
from models.core.labels import WORKSPACE_LABEL
from tests.benchmarks.product_costs import ProductCosts
from tests.benchmarks.simulated import PASSWORD, harbors
from tests.deploying.prefect_api import Api
from tests.support.product_server import serve_product

RUNS = 10
REGISTRIES = 3
IDLE_SECONDS = 60 * float(os.environ.get("IDLE_MINUTES", "3"))


@pytest.mark.parametrize("max_runs", ["0", "500"], ids=["processes", "forks"])
def test_runs_of_the_served_product(max_runs: str) -> None:
    with (
        harbors(REGISTRIES + RUNS, 50) as urls,
        running_cluster() as cluster,
        serve_product(REGISTRY_INTEGRATION_WARM_MAX_RUNS=max_runs) as product,
    ):
        cluster.add_namespace("shop", {WORKSPACE_LABEL: "red"})
        api = Api(f"{product.url}/api", product.password)
        block = api.save_block("registry-credentials", "bench", username="admin", password=PASSWORD)
        kubeconfig = api.save_block("cluster-credentials", "bench", kubeconfig=cluster.kubeconfig)
        api.run("register-cluster", name="prod", credentials=kubeconfig)
        registries = [
            {"name": f"harbor-{number}", "registry": {"type": "harbor", "address": url}}
            for number, url in enumerate(urls)
        ]
        for registry in registries[:REGISTRIES]:
            api.run("integrate-registry", **registry, credentials=block)
        costs = ProductCosts(product.data_dir)
        _measure_idle(costs)
        bindings = [
            {"registry": "harbor-0", "spaces": [f"team-{number:05d}"], "workspaces": ["red"]}
            for number in range(RUNS)
        ]
        _measure(api, costs, "bind-space", bindings)
        integrations = [{**registry, "credentials": block} for registry in registries[REGISTRIES:]]
        _measure(api, costs, "integrate-registry", integrations)


def _measure_idle(costs: ProductCosts) -> None:
    before, megabytes = costs.cpu_seconds(), costs.database_megabytes()
    time.sleep(IDLE_SECONDS)
    after = costs.cpu_seconds()
    parts = {part: (seconds - before[part]) / IDLE_SECONDS for part, seconds in after.items()}
    growth = (costs.database_megabytes() - megabytes) * 3600 / IDLE_SECONDS
    split = ", ".join(f"{part} {cores:.2f}" for part, cores in sorted(parts.items()))
    print(
        f"\n  idle, {REGISTRIES} registries, 1 cluster: {sum(parts.values()):.2f} cores ({split}); "
        f"Prefect's database grows {growth:.1f} MB/h; load {os.getloadavg()[0]:.1f}"
    )


def _measure(
    api: Api, costs: ProductCosts, flow: str, parameters: Iterable[dict[str, Any]]
) -> None:
    seconds: list[float] = []
    before, costs.private_megabytes = costs.cpu_seconds(), {}
    with costs.watch_runs():
        for values in parameters:
            started = time.perf_counter()
            run = api.start(flow, values)
            api.wait_for_runs(run, pause=0.05)
            seconds.append(time.perf_counter() - started)
    cpu_seconds = (costs.cpu_seconds()["runs"] - before["runs"]) / len(seconds)
    load, _, _ = os.getloadavg()
    print(
        f"  {flow}, create_flow_run to Completed: median {statistics.median(seconds):.1f} s, worst "
        f"{max(seconds):.1f} s; {cpu_seconds:.1f} CPU s each, with the scheduled ones; "
        f"private memory at most {max(costs.private_megabytes.values()):.0f} MB; load {load:.1f}"
    )
