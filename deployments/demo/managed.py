"""Discovery part of the demo: managed Harbors are integrated automatically."""

import asyncio
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from uuid import uuid4

from prefect.client.orchestration import get_client

from deployments.demo.platform import DEMO_PASSWORD, HARBOR_NAMESPACE, DemoPlatform
from deployments.demo.runner import DemoRunner
from deployments.simulators.harbor import SimulatedHarbor
from deployments.simulators.server import run_server
from models.discovery.trust import MANAGED_LABEL, MANAGED_LABEL_VALUE
from models.registries.condition import Health
from tasks.store.registries import statistics
from tasks.store.session import in_transaction

_WAIT_SECONDS = 150.0


async def show_discovery(runner: DemoRunner, platform: DemoPlatform, stack: ExitStack) -> None:
    """Create two managed Harbors in the cluster; only one sends the event harbor.created."""
    runner.print_title("The platform creates two Harbors in its cluster, and announces one of them")
    label = f"{MANAGED_LABEL}={MANAGED_LABEL_VALUE}"
    runner.console.print(f"    kubectl label namespace {HARBOR_NAMESPACE} {label}")
    for name in ("announced", "quiet"):
        harbor = SimulatedHarbor(admin_password=DEMO_PASSWORD)
        harbor.add_project("platform", public=True, repositories=("base",))
        url = stack.enter_context(run_server(harbor.app))
        platform.cluster.add_harbor_cluster(HARBOR_NAMESPACE, name, url, DEMO_PASSWORD)
        if name == "announced":
            await _send_created_event(name)
        started = time.monotonic()
        seconds = await _seconds_until_healthy(f"demo-harbors-{name}", started)
        how = "after the event harbor.created" if name == "announced" else "found by discovery"
        runner.check(seconds is not None, f"demo-harbors-{name} is healthy in the overview: {how}")
        if seconds is not None:
            runner.console.print(f"    it took {seconds:.1f} s")


async def _send_created_event(name: str) -> None:
    """Send the event that a platform sends after creating a Harbor."""
    event = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": "harbor.created",
        "resource": {"prefect.resource.id": f"harbor.demo.{HARBOR_NAMESPACE}.{name}"},
        "payload": {"cluster": "demo", "namespace": HARBOR_NAMESPACE, "name": name},
    }
    async with get_client() as client:
        await client.request("POST", "/events", json=[event])


async def _seconds_until_healthy(name: str, started: float) -> float | None:
    while time.monotonic() - started < _WAIT_SECONDS:
        for registry in await in_transaction(statistics.list_registry_statistics):
            if registry.name == name and registry.record.health_summary.health is Health.HEALTHY:
                return time.monotonic() - started
        await asyncio.sleep(0.2)
    return None
