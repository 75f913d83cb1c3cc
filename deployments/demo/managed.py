"""The demo's chapter on managed Harbors: created by the platform, integrated by nobody."""

import asyncio
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from uuid import uuid4

from prefect.client.orchestration import get_client

from deployments.demo.platform import HARBORS, PASSWORD, World
from deployments.demo.runner import Teller
from deployments.simulators.harbor import Harbor
from deployments.simulators.server import running
from models.discovery.trust import MANAGED_LABEL, MANAGED_LABEL_VALUE
from models.registries.condition import Health
from tasks.store.registries import statistics
from tasks.store.session import stored

_PATIENCE = 150.0


async def appear(teller: Teller, world: World, stack: ExitStack) -> None:
    """Let the platform create two Harbors while the product runs; one of them is announced."""
    teller.title("The platform creates two Harbors in its cluster, and says so of one")
    label = f"{MANAGED_LABEL}={MANAGED_LABEL_VALUE}"
    teller.console.print(f"    kubectl label namespace {HARBORS} {label}")
    for name in ("announced", "quiet"):
        harbor = Harbor(admin_password=PASSWORD)
        harbor.add_project("platform", public=True, repositories=("base",))
        url = stack.enter_context(running(harbor.app))
        world.cluster.add_harbor_cluster(HARBORS, name, url, PASSWORD)
        if name == "announced":
            await _announce(name)
        started = time.monotonic()
        seconds = await _seen(f"demo-harbors-{name}", started)
        how = "after the event harbor.created" if name == "announced" else "found by discovery"
        teller.check(seconds is not None, f"demo-harbors-{name} is healthy in the overview: {how}")
        if seconds is not None:
            teller.console.print(f"    it took {seconds:.1f} s")


async def _announce(name: str) -> None:
    """Send the event as whoever creates Harbors does."""
    event = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": "harbor.created",
        "resource": {"prefect.resource.id": f"harbor.demo.{HARBORS}.{name}"},
        "payload": {"cluster": "demo", "namespace": HARBORS, "name": name},
    }
    async with get_client() as client:
        await client.request("POST", "/events", json=[event])


async def _seen(name: str, started: float) -> float | None:
    while time.monotonic() - started < _PATIENCE:
        for one in await stored(statistics.figures):
            if one.name == name and one.dossier.diagnosis.health is Health.HEALTHY:
                return time.monotonic() - started
        await asyncio.sleep(0.2)
    return None
