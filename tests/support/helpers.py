"""What the tests of the flows share: a simulated world, and what one may ask of it afterwards."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from sqlmodel import Session, col, select, update

from deployments.simulators.faults import FaultInjector
from deployments.simulators.harbor import SimulatedHarbor
from deployments.simulators.server import run_server
from flows.operations.integration import save_new_registry
from flows.operations.reconcile_registry import AS_FUNCTIONS, reconcile
from flows.registries.integrate import integrate_registry
from flows.registries.reconcile_all import reconcile_all
from flows.runs import hold_lease, new_run_context
from models.core.audit import AuditEntry
from models.overview.overview import RegistryStatistics
from models.registries.credential_origin import new_credential_origins
from models.registries.record import RegistryRecord
from models.registries.registry import BlockRef, DriftPolicy, Kind, Registry
from models.registries.space import Space
from models.tables import AuditRow, RegistryRow
from tasks import clock
from tasks.secrets.credentials import RegistryCredentials
from tasks.store.registries import registries, spaces, statistics
from tasks.store.session import run_in_transaction

PASSWORD = "Harbor12345"
PASSWORDS = [PASSWORD]
"""Every password that a test has put in a block; none may be found anywhere in the clear."""

BLOCK_IDS: dict[str, str] = {}
"""The document ids of the blocks that tests have saved, by name."""

FlowState = State[Any]


@dataclass(frozen=True)
class Server:
    """The session's Prefect server."""

    url: str
    database: Path


@dataclass(frozen=True)
class HarborServer:
    """A simulated Harbor on a socket, with its faults."""

    simulator: SimulatedHarbor
    faults: FaultInjector
    url: str

    def is_public(self, space: str) -> bool:
        """Whether Harbor itself has it public."""
        return self.simulator.projects[space].public

    def writes(self) -> list[tuple[str, int]]:
        """Every request that changed something, or tried to, with its status."""
        return [
            (f"{entry.method} {entry.path.removeprefix('/api/v2.0/')}", entry.status)
            for entry in self.simulator.requests
            if entry.method not in ("GET", "HEAD")
        ]


@contextmanager
def harbor_with(*names: str, **options: Any) -> Iterator[HarborServer]:
    """Run a Harbor with these private projects besides its public `library`."""
    harbor = SimulatedHarbor(**options)
    for name in names:
        harbor.add_project(name, repositories=["app"], storage_used=2**20, storage_limit=2**30)
    faults = FaultInjector(harbor.app)
    with run_server(faults) as url:
        harbor.external_url = url  # where it sends whoever needs a token
        yield HarborServer(harbor, faults, url)


async def save_credentials(
    name: str, username: str = "admin", password: str = PASSWORD
) -> dict[str, Any]:
    """Save credentials as a person does, and return the reference that a run is given."""
    PASSWORDS.append(password)
    credentials = RegistryCredentials(username=username, password=password)
    BLOCK_IDS[name] = str(await credentials.save(name, overwrite=True))
    return {"$ref": {"block_document_slug": f"registry-credentials/{name}"}}


async def integrate(
    name: str, url: str, type_: str = "harbor", *, credentials: Any = ..., **options: Any
) -> FlowState:
    """Integrate a registry; a Harbor with the administrator's credentials unless told otherwise."""
    if credentials is ...:
        credentials = await save_credentials(name) if type_ == "harbor" else None
    return await run_flow(
        integrate_registry, name, {"type": type_, "address": url}, credentials, **options
    )


async def add_registry(name: str, url: str, type_: str = "harbor", policy: str = "enforce") -> None:
    """Leave a registry as an integration leaves it, save the run: many tests begin there."""
    if type_ == "harbor":
        await save_credentials(name)
    registry = Registry(
        name=name,
        kind=Kind(type_),
        address=url,
        credential=BlockRef(name=name) if type_ == "harbor" else None,
        drift_policy=DriftPolicy(policy),
    )
    entry = AuditEntry(subject=name, action="registry.integrated", after=url)
    approved_origins = new_credential_origins(registry, BLOCK_IDS)
    run_in_transaction(
        save_new_registry,
        registry,
        entry,
        new_run_context(),
        approved_origins=approved_origins,
    )
    async with hold_lease(name) as context:
        await reconcile(name, context, AS_FUNCTIONS)


async def run_flow(flow: Any, *args: Any, **kwargs: Any) -> FlowState:
    """Run a flow and return the state in which it ended."""
    state: FlowState = await flow(*args, **kwargs, return_state=True)
    return state


async def expect_success(flow: Any, *args: Any, **kwargs: Any) -> str:
    """Run a flow that shall succeed, and return what it said."""
    state = await run_flow(flow, *args, **kwargs)
    assert state.is_completed(), state
    return state.message or ""


async def expect_failure(flow: Any, *args: Any, **kwargs: Any) -> str:
    """Run a flow that shall fail plainly, and return what it said."""
    state = await run_flow(flow, *args, **kwargs)
    assert state.type == "FAILED", state
    return state.message or ""


async def reconcile_all_now() -> FlowState:
    """Let the schedule look at every registry now, whenever the last look was."""

    set_read_times(looked_at=clock.now() - timedelta(days=1))
    return await run_flow(reconcile_all)


def make_storage_due() -> None:
    """Let every registry's storage be read again."""
    set_read_times(storage_read_at=None)


def set_read_times(**times: datetime | None) -> None:
    """Set when all registries were last asked."""
    run_in_transaction(lambda session: session.exec(update(RegistryRow).values(**times)))


def remove_registry_record(name: str) -> None:
    """Remove a registry behind a run's back, as a run on another machine may."""
    entry = AuditEntry(subject=name, action="registry.removed")
    run_in_transaction(registries.delete_registry, name, entry, new_run_context())


def record_of(name: str) -> RegistryRecord:
    return run_in_transaction(registries.get_registry, name)


def registry_names() -> list[str]:
    return [record.registry.name for record in run_in_transaction(registries.list_registries)]


def spaces_of(name: str) -> dict[str, Space]:
    return {space.name: space for space in run_in_transaction(spaces.list_spaces, name)}


def statistics_of(name: str) -> RegistryStatistics:
    return {
        registry_statistics.name: registry_statistics
        for registry_statistics in run_in_transaction(statistics.list_registry_statistics)
    }[name]


def audit_of(name: str) -> list[AuditRow]:
    def read(session: Session) -> list[AuditRow]:
        query = select(AuditRow).where(col(AuditRow.registry_name) == name)
        return list(session.exec(query.order_by(col(AuditRow.id))))

    return run_in_transaction(read)


def audit_events(name: str) -> Counter[str]:
    """Count what was audited of a registry; what a first look finds is left out."""
    return Counter(row.what for row in audit_of(name) if row.event is not None)


async def page(key: str) -> str:
    """Return the newest version of an artifact."""
    async with get_client() as client:
        response = await client.request("GET", "/artifacts/{key}/latest", path_params={"key": key})
    data: str = response.json()["data"]
    return data


async def wait_for_events(name: str, expected: int) -> Counter[str]:
    """Count the events of a registry that reached the server, once there are so many."""
    query = {"filter": {"related": {"id": [f"registry.{name}"]}}, "limit": 50}
    event_names: list[str] = []
    async with get_client() as client:
        for _ in range(100):
            response = await client.request("POST", "/events/filter", json=query)
            event_names = [event["event"] for event in response.json()["events"]]
            if len(event_names) >= expected:
                break
            await asyncio.sleep(0.1)
    return Counter(event_names)


async def sent_events(name: str) -> Counter[str]:
    """Check that every event in the audit reached the server exactly once; return them."""
    expected = audit_events(name)
    assert await wait_for_events(name, expected.total()) == expected
    assert all(row.announced_at for row in audit_of(name) if row.event is not None)
    return expected


async def count_task_runs(state: FlowState) -> int:
    """Count the task runs of a flow run, as the server knows them."""
    run = str(state.state_details.flow_run_id)
    count = -1
    query = {"flow_runs": {"id": {"any_": [run]}}}
    async with get_client() as client:
        for _ in range(50):  # the server works them off behind the flow
            response = await client.request("POST", "/task_runs/count", json=query)
            before, count = count, int(response.json())
            if before == count > 0:
                break
            await asyncio.sleep(0.2)
    return count
