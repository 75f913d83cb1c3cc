"""A whole platform in miniature: what it stands on, how this service runs on it, and its faults."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import httpx
import trustme
from pydantic import SecretStr
from sqlmodel import Session, delete
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.simulators.asgi import CapturedResponse
from deployments.simulators.faults import Fault, FaultInjector
from deployments.simulators.harbor import Permission, Robot, SimulatedHarbor
from deployments.simulators.kubernetes import SimulatedCluster
from deployments.simulators.server import run_server
from flows.operations import memberships
from flows.operations.integration import save_new_registry
from flows.operations.reconcile_registry import AS_FUNCTIONS, reconcile
from flows.operations.run_results import ClusterSyncResult, RegistryRunResult
from flows.operations.sync_cluster import hold_cluster, sync_cluster
from flows.runs import hold_lease, new_run_context
from models.access.binding import Workspace
from models.clusters.cluster import Cluster, ClusterStatus
from models.core.audit import AuditEntry
from models.core.availability import Complete
from models.core.errors import LeaseHeld
from models.core.runs.context import RunContext
from models.registries.registry import BlockRef, Kind, Registry
from models.registries.robots import OwnershipMark, parse_mark
from models.tables import LeaseRow
from tasks import clock
from tasks.registries.harbor.checks import REQUIRED_ROBOT_RIGHTS, ROBOT_MANAGEMENT_RIGHTS
from tasks.registries.protocol import Credential, SavedCredential
from tasks.store.installation import get_installation
from tasks.store.registries import registries
from tasks.store.session import run_in_transaction

T = TypeVar("T")

HARBOR, CLUSTERS, WORKSPACES = "harbor", ("east", "west"), ("blue", "red")
ELSEWHERE = "elsewhere"
"""Where another Harbor may be, or whoever poses as one."""

TWIN = "twin"
"""A second name of the Harbor, or of the first cluster."""

OTHER_INSTALLATION = "00000000"
"""Another installation of this service on the same Harbor."""

_RIGHTS = (*REQUIRED_ROBOT_RIGHTS, *ROBOT_MANAGEMENT_RIGHTS, ("system", "/", "robot", "list"))


class AppSlot:
    """A service on a socket, which each world replaces by one of its own."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@dataclass(frozen=True)
class SharedServers:
    """What worlds stand on, one after the other: to start servers takes longer than to live.

    Attributes:
        authority: for kubeconfigs; to load the one this saves all those the machine trusts.
    """

    slots: dict[str, AppSlot]
    urls: dict[str, str]
    authority: str = field(repr=False)


@contextmanager
def shared_servers() -> Iterator[SharedServers]:
    """Serve two Harbors and two clusters, empty until a world is there."""
    with ExitStack() as stack:
        slots = {name: AppSlot() for name in (HARBOR, ELSEWHERE, *CLUSTERS)}
        urls = {name: stack.enter_context(run_server(slot)) for name, slot in slots.items()}
        yield SharedServers(slots, urls, trustme.CA().cert_pem.bytes().decode())


@dataclass(frozen=True)
class LostConnection:
    """The connection breaks, before or after the request has had its effect.

    Attributes:
        kill: ends our own run at that moment; None if it lives on.
    """

    has_effect: bool
    kill: Callable[[], None] | None = None

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        if self.has_effect:
            await app(scope, receive, CapturedResponse().send)
        if self.kill:
            self.kill()
            await asyncio.sleep(0.05)  # it goes first, and never learns what became of it
        # Uvicorn answers 500 for an app that raises before it has begun to answer.
        headers = [(b"content-length", b"1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        raise httpx.RemoteProtocolError("cut on purpose")


@dataclass(frozen=True)
class StolenLease:
    """Our run sleeps for long at that moment, and others take over its lease and end."""

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        run_in_transaction(lambda session: session.exec(delete(LeaseRow)))
        await app(scope, receive, send)


class RandomPlatform:
    """A Harbor, two clusters, and this service, which knows both and two workspaces.

    Args:
        servers: where.
        by_robot: whether its credential in Harbor is a robot account's.
        links: whether it links ServiceAccounts in the second cluster too.

    Attributes:
        unchanged_count: reconciles that found the registry unchanged, without comparing it.
    """

    def __init__(self, servers: SharedServers, *, by_robot: bool, links: bool) -> None:
        self.url, self.by_robot = servers.urls[HARBOR], by_robot
        self.links = dict(zip(CLUSTERS, (True, links), strict=True))
        self.harbor = SimulatedHarbor(external_url=self.url, lockout_seconds=0)
        self.faults = FaultInjector(self.harbor.app)
        self.unchanged_count = 0
        servers.slots[HARBOR].app = self.faults
        self.clusters = {name: SimulatedCluster() for name in CLUSTERS}
        for name, cluster in self.clusters.items():
            cluster.url, servers.slots[name].app = servers.urls[name], cluster.app
            cluster.authority = servers.authority
        self._run: tuple[asyncio.AbstractEventLoop, asyncio.Task[object]] | None = None
        self._killed = self._has_twin_cluster = False
        self._populate()
        self.installation = run_in_transaction(self._register)

    def _populate(self) -> None:
        """Add those whom this service is to leave alone, and its own account if it has one."""
        mark = OwnershipMark(installation=OTHER_INSTALLATION, workspace="red").text
        for name, text in (("ci", "builds"), (f"ri-{OTHER_INSTALLATION}-red", mark)):
            self.harbor.add_robot(name, ["library"]).description = text
        if self.by_robot:
            self.harbor.add_robot("svc", secret="Robot12345").permissions = tuple(
                Permission(kind, namespace, None, ((resource, action),))
                for kind, namespace, resource, action in _RIGHTS
            )

    def _register(self, session: Session) -> str:
        at = clock.now()
        self._integrate(session)
        for name in CLUSTERS:
            cluster = Cluster(
                name=name, credential=BlockRef(name=name), links_accounts=self.links[name]
            )
            memberships.add_or_update_cluster(session, cluster, ClusterStatus(), RunContext(now=at))
        for name in WORKSPACES:
            memberships.add_or_update_workspace(
                session, Workspace(name=name), (), RunContext(now=at)
            )
        return get_installation(session)

    def _integrate(self, session: Session) -> None:
        entry, block = (
            AuditEntry(subject=HARBOR, action="registry.integrated"),
            BlockRef(name="admin"),
        )
        registry = Registry(name=HARBOR, kind=Kind.HARBOR, address=self.url, credential=block)
        registries.add_registry(session, registry, entry, new_run_context())

    @property
    def registry(self) -> str:
        """The name of the Harbor here; empty while it is not on record."""
        return HARBOR

    @property
    def credential(self) -> Credential:
        """Who this service is to Harbor; somebody keeps it right when logins are renamed."""
        if not self.by_robot:
            return Credential("admin", SecretStr("Harbor12345"))
        prefix = self.harbor.settings.robot_name_prefix
        return Credential(f"{prefix}svc", SecretStr("Robot12345"))

    def own_robots(self) -> list[Robot]:
        """This service's robot accounts for workspaces, oldest first."""
        return [robot for robot in self.harbor.robots.values() if self._is_own(robot)]

    def _is_own(self, robot: Robot) -> bool:
        mark = parse_mark(robot.description)
        return mark is not None and mark.installation == self.installation and bool(mark.workspace)

    def other_robots(self) -> list[Robot]:
        """All other robot accounts."""
        return [robot for robot in self.harbor.robots.values() if not self._is_own(robot)]

    def writes(self) -> int:
        """Count requests that changed something, or wanted to, anywhere."""
        in_clusters = sum(len(cluster.requests.writes()) for cluster in self._all_clusters())
        return len(self.harbor.requests.writes()) + in_clusters

    def _all_clusters(self) -> tuple[SimulatedCluster, ...]:
        return tuple(self.clusters.values())

    def lose(
        self, server: str, method: str | None, after: int, times: int | None, moment: str
    ) -> None:
        """Let connections break: see `LostConnection`; the first `after` such requests get through.

        Args:
            moment: `before` or `after` it had its effect, and whether our run is `killed` with it.
        """
        kill = self._kill if moment.startswith("killed") else None
        action = LostConnection(moment.endswith("after"), kill)
        faults = self.faults if server == HARBOR else self.clusters[server].faults
        faults.add(Fault(action, method=method, after=after, times=times))

    def lose_lease(self, server: str, method: str | None, after: int) -> None:
        """Let a run lose its lease once `after` such requests got through."""
        faults = self.faults if server == HARBOR else self.clusters[server].faults
        faults.add(Fault(StolenLease(), method=method, after=after, times=1))

    def calm(self, *, clusters: bool = True) -> None:
        """End all faults, or those of the Harbor alone; a cluster keeps one name."""
        self.faults.clear()
        if clusters and self._has_twin_cluster:
            run_in_transaction(
                memberships.remove_cluster_records, TWIN, "a second name", new_run_context()
            )
            self._has_twin_cluster = False
        for cluster in self._all_clusters() if clusters else ():
            cluster.faults.clear()

    async def reconcile(self, *rotate: str) -> RegistryRunResult | None:
        """Reconcile the registry; None if the run was killed, or lost its lease."""
        return await self._reconcile(self.registry, *rotate)

    @property
    def twin_url(self) -> str:
        """Another address of the same Harbor."""
        return self.url.replace("127.0.0.1", "localhost")

    async def reconcile_twin(self) -> RegistryRunResult | None:
        """Reconcile a second registry on record, which is the same Harbor at another address."""
        entry, block = (
            AuditEntry(subject=TWIN, action="registry.integrated"),
            BlockRef(name="admin"),
        )
        registry = Registry(name=TWIN, kind=Kind.HARBOR, address=self.twin_url, credential=block)
        run_in_transaction(save_new_registry, registry, entry, new_run_context())
        return await self._reconcile(TWIN)

    async def _reconcile(self, name: str, *rotate: str) -> RegistryRunResult | None:
        async def run() -> RegistryRunResult:
            credentials = self._saved_credentials()
            async with hold_lease(name) as context:
                return await reconcile(
                    name,
                    context,
                    AS_FUNCTIONS,
                    resync=bool(rotate),
                    credentials=credentials,
                    rotate=frozenset(rotate),
                )

        result = await self._until_killed(run())
        if result is not None and result.snapshot.is_unchanged and not self.faults.has_rules:
            self.unchanged_count += 1
            assert await self._plan_in_full(name) == ""
        return result

    async def _plan_in_full(self, name: str) -> str:
        """Return what a full comparison finds to do; empty if nothing is."""
        async with hold_lease(name) as context:
            credentials = self._saved_credentials()
            result = await reconcile(
                name, context, AS_FUNCTIONS, dry_run=True, credentials=credentials
            )
        assert isinstance(result.snapshot.spaces, Complete)
        return result.plan.first_part

    def _saved_credentials(self) -> dict[str, SavedCredential] | None:
        """What blocks hold; None where it is to be read as always."""
        addresses = frozenset({self.url, self.twin_url})
        return {"admin": SavedCredential(self.credential, addresses)}

    async def sync(self) -> tuple[ClusterSyncResult, ...] | None:
        """Sync both clusters; None if the run was killed, or lost a lease."""

        async def run() -> tuple[ClusterSyncResult, ...]:
            return tuple([await self._sync(name) for name in CLUSTERS])

        return await self._until_killed(run())

    async def _sync(self, name: str) -> ClusterSyncResult:
        async with hold_cluster(name) as (context, cluster_state):
            return await sync_cluster(cluster_state, context, self._kubeconfigs)

    async def sync_twin(self) -> ClusterSyncResult | None:
        """Sync the first cluster under a second name, from before identities were on record."""
        if not self._has_twin_cluster:
            cluster = Cluster(name=TWIN, credential=BlockRef(name=CLUSTERS[0]))
            run_in_transaction(
                memberships.add_or_update_cluster, cluster, ClusterStatus(), new_run_context()
            )
            self._has_twin_cluster = True
        return await self._until_killed(self._sync(TWIN))

    @cached_property
    def _kubeconfigs(self) -> dict[str, SecretStr]:
        """Written once, because YAML takes long."""
        return {name: SecretStr(cluster.kubeconfig) for name, cluster in self.clusters.items()}

    async def _until_killed(self, run: Coroutine[object, object, T]) -> T | None:
        task = asyncio.ensure_future(run)
        self._run, self._killed = (asyncio.get_running_loop(), task), False
        try:
            return await task
        except asyncio.CancelledError:
            assert self._killed
            return None
        except LeaseHeld:  # nobody else holds any: it was lost
            return None
        finally:
            self._run = None

    def _kill(self) -> None:
        """End our run as SIGKILL would; called by whom it speaks to, in that server's thread."""
        if self._run is not None:
            loop, task = self._run
            self._killed = True
            loop.call_soon_threadsafe(task.cancel)
