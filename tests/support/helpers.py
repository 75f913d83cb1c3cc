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

from deployments.simulators.faults import Faults
from deployments.simulators.harbor import Harbor
from deployments.simulators.server import running
from flows.operations.reconcile_registry import PLAIN, reconcile
from flows.registries.integrate import integrate_registry
from flows.registries.reconcile_all import reconcile_all
from models.core.audit import Entry
from models.overview.overview import RegistryFigures
from models.registries.credential_origin import given_origins
from models.registries.record import Dossier
from models.registries.registry import BlockRef, DriftPolicy, Kind, Registry
from models.registries.space import Space
from models.tables import AuditRow, RegistryRow
from tasks import clock
from tasks.secrets.credentials import RegistryCredentials
from tasks.store.leases import leased
from tasks.store.registries import registries, spaces, statistics
from tasks.store.session import transact

PASSWORD = "Harbor12345"
PASSWORDS = [PASSWORD]
"""Every password that a test has put in a block; none may be found anywhere in the clear."""

BLOCKS: dict[str, str] = {}
"""The document ids of the blocks that tests have saved, by name."""

Ended = State[Any]


@dataclass(frozen=True)
class Server:
    """The session's Prefect server."""

    url: str
    database: Path


@dataclass(frozen=True)
class Place:
    """A simulated Harbor on a socket, with its faults."""

    harbor: Harbor
    faults: Faults
    url: str

    def public(self, space: str) -> bool:
        """Whether Harbor itself has it public."""
        return self.harbor.projects[space].public

    def writes(self) -> list[tuple[str, int]]:
        """Every request that changed something, or tried to, with its status."""
        return [
            (f"{entry.method} {entry.path.removeprefix('/api/v2.0/')}", entry.status)
            for entry in self.harbor.requests
            if entry.method not in ("GET", "HEAD")
        ]


@contextmanager
def harbor_at(*names: str, **options: Any) -> Iterator[Place]:
    """Run a Harbor with these private projects besides its public `library`."""
    harbor = Harbor(**options)
    for name in names:
        harbor.add_project(name, repositories=["app"], storage_used=2**20, storage_limit=2**30)
    faults = Faults(harbor.app)
    with running(faults) as url:
        harbor.external_url = url  # where it sends whoever needs a token
        yield Place(harbor, faults, url)


async def block(name: str, username: str = "admin", password: str = PASSWORD) -> dict[str, Any]:
    """Save credentials as a person does, and return the reference that a run is given."""
    PASSWORDS.append(password)
    credentials = RegistryCredentials(username=username, password=password)
    BLOCKS[name] = str(await credentials.save(name, overwrite=True))
    return {"$ref": {"block_document_slug": f"registry-credentials/{name}"}}


async def integrate(
    name: str, url: str, type_: str = "harbor", *, credentials: Any = ..., **more: Any
) -> Ended:
    """Integrate a registry; a Harbor with the administrator's credentials unless told otherwise."""
    if credentials is ...:
        credentials = await block(name) if type_ == "harbor" else None
    return await ended(
        integrate_registry, name, {"type": type_, "address": url}, credentials, **more
    )


async def settled(name: str, url: str, type_: str = "harbor", policy: str = "enforce") -> None:
    """Leave a registry as an integration leaves it, save the run: many tests begin there."""
    if type_ == "harbor":
        await block(name)
    one = Registry(
        name=name,
        kind=Kind(type_),
        address=url,
        credential=BlockRef(name=name) if type_ == "harbor" else None,
        drift_policy=DriftPolicy(policy),
    )
    entry = Entry(subject=name, what="registry.integrated", after=url)
    given = given_origins(one, BLOCKS)
    transact(registries.add, one, entry, at=clock.now(), flow_run="", given=given)
    async with leased(name) as holder:
        await reconcile(name, holder, PLAIN)


async def ended(flow: Any, *args: Any, **kwargs: Any) -> Ended:
    """Run a flow and return the state in which it ended."""
    state: Ended = await flow(*args, **kwargs, return_state=True)
    return state


async def completed(flow: Any, *args: Any, **kwargs: Any) -> str:
    """Run a flow that shall succeed, and return what it said."""
    state = await ended(flow, *args, **kwargs)
    assert state.is_completed(), state
    return state.message or ""


async def failed(flow: Any, *args: Any, **kwargs: Any) -> str:
    """Run a flow that shall fail plainly, and return what it said."""
    state = await ended(flow, *args, **kwargs)
    assert state.type == "FAILED", state
    return state.message or ""


async def look_again() -> Ended:
    """Let the schedule look at every registry now, whenever the last look was."""

    due(looked_at=clock.now() - timedelta(days=1))
    return await ended(reconcile_all)


def storage_due() -> None:
    """Let every registry's storage be read again."""
    due(storage_read_at=None)


def due(**times: datetime | None) -> None:
    """Set when all registries were last asked."""
    transact(lambda session: session.exec(update(RegistryRow).values(**times)))


def forget(name: str) -> None:
    """Remove a registry behind a run's back, as a run on another machine may."""
    entry = Entry(subject=name, what="registry.removed")
    transact(registries.remove, name, entry, at=clock.now(), flow_run="")


def dossier(name: str) -> Dossier:
    return transact(registries.dossier, name)


def known() -> list[str]:
    return [one.registry.name for one in transact(registries.dossiers)]


def spaces_of(name: str) -> dict[str, Space]:
    return {one.name: one for one in transact(spaces.spaces, name)}


def figures_of(name: str) -> RegistryFigures:
    return {one.name: one for one in transact(statistics.figures)}[name]


def audit_of(name: str) -> list[AuditRow]:
    def read(session: Session) -> list[AuditRow]:
        asked = select(AuditRow).where(col(AuditRow.registry_name) == name)
        return list(session.exec(asked.order_by(col(AuditRow.id))))

    return transact(read)


def audited(name: str) -> Counter[str]:
    """Count what was audited of a registry; what a first look finds is left out."""
    return Counter(row.what for row in audit_of(name) if row.event is not None)


async def page(key: str) -> str:
    """Return the newest version of an artifact."""
    async with get_client() as client:
        answer = await client.request("GET", "/artifacts/{key}/latest", path_params={"key": key})
    data: str = answer.json()["data"]
    return data


async def events_of(name: str, expected: int) -> Counter[str]:
    """Count the events of a registry that reached the server, once there are so many."""
    asked = {"filter": {"related": {"id": [f"registry.{name}"]}}, "limit": 50}
    found: list[str] = []
    async with get_client() as client:
        for _ in range(100):
            answer = await client.request("POST", "/events/filter", json=asked)
            found = [event["event"] for event in answer.json()["events"]]
            if len(found) >= expected:
                break
            await asyncio.sleep(0.1)
    return Counter(found)


async def told(name: str) -> Counter[str]:
    """Check that every event in the audit reached the server exactly once; return them."""
    wanted = audited(name)
    assert await events_of(name, wanted.total()) == wanted
    assert all(row.announced_at for row in audit_of(name) if row.event is not None)
    return wanted


async def task_runs(state: Ended) -> int:
    """Count the task runs of a flow run, as the server knows them."""
    run = str(state.state_details.flow_run_id)
    found = -1
    asked = {"flow_runs": {"id": {"any_": [run]}}}
    async with get_client() as client:
        for _ in range(50):  # the server works them off behind the flow
            answer = await client.request("POST", "/task_runs/count", json=asked)
            before, found = found, int(answer.json())
            if before == found > 0:
                break
            await asyncio.sleep(0.2)
    return found
