"""A whole platform in miniature: what it stands on, how this service runs on it, and its faults."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
import trustme
from pydantic import SecretStr
from sqlmodel import Session, delete

from deployments.simulators.asgi import App, Captured, Receive, Scope, Send
from deployments.simulators.faults import Fault, Faults
from deployments.simulators.harbor import Harbor, Permission, Robot
from deployments.simulators.kubernetes import EmulatedCluster
from deployments.simulators.server import running
from flows.operations.reconcile_registry import PLAIN, Report, reconcile
from flows.operations.sync_cluster import ClusterReport, sync_cluster
from models.access.binding import Workspace
from models.clusters.cluster import Cluster, ClusterState
from models.core.audit import Entry
from models.core.errors import Busy
from models.registries.registry import BlockRef, Kind, Registry
from models.registries.robots import Mark, mark_in
from models.tables import LeaseRow
from tasks import clock
from tasks.registries.harbor.checks import GRANT_NEEDS, ROBOT_NEEDS
from tasks.registries.protocol import Credential, SavedCredential
from tasks.store.access import clusters, workspaces
from tasks.store.access.clusters import lease_key
from tasks.store.installation import installation
from tasks.store.leases import leased
from tasks.store.registries import registries
from tasks.store.session import transact

T = TypeVar("T")

HARBOR, CLUSTERS, WORKSPACES = "harbor", ("east", "west"), ("blue", "red")
TWIN = "twin"
OTHERS = "00000000"
"""Another installation of this service on the same Harbor."""

_RIGHTS = (*ROBOT_NEEDS, *GRANT_NEEDS, ("system", "/", "robot", "list"))


class Address:
    """A service on a socket, which each world replaces by one of its own."""

    def __init__(self) -> None:
        self.app: App | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@dataclass(frozen=True)
class Ground:
    """What worlds stand on, one after the other: to start servers takes longer than to live.

    Attributes:
        authority: for kubeconfigs; to load the one this saves all those the machine trusts.
    """

    places: dict[str, Address]
    urls: dict[str, str]
    authority: str = field(repr=False)


@contextmanager
def ground() -> Iterator[Ground]:
    """Serve a Harbor and two clusters, empty until a world is there."""
    with ExitStack() as stack:
        places = {name: Address() for name in (HARBOR, *CLUSTERS)}
        urls = {name: stack.enter_context(running(one)) for name, one in places.items()}
        yield Ground(places, urls, trustme.CA().cert_pem.bytes().decode())


@dataclass(frozen=True)
class Lost:
    """The connection breaks, before or after the request has had its effect.

    Attributes:
        kill: ends our own run at that moment; None if it lives on.
    """

    after: bool
    kill: Callable[[], None] | None = None

    async def act(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        if self.after:
            await app(scope, receive, Captured().send)
        if self.kill:
            self.kill()
            await asyncio.sleep(0.05)  # it goes first, and never learns what became of it
        # Uvicorn answers 500 for an app that raises before it has begun to answer.
        promised = [(b"content-length", b"1")]
        await send({"type": "http.response.start", "status": 200, "headers": promised})
        raise httpx.RemoteProtocolError("cut on purpose")


@dataclass(frozen=True)
class Stolen:
    """Our run sleeps for long at that moment, and others take over its lease and end."""

    async def act(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        transact(lambda session: session.exec(delete(LeaseRow)))
        await app(scope, receive, send)


class Platform:
    """A Harbor, two clusters, and this service, which knows both and two workspaces.

    Args:
        on: where.
        by_robot: whether its credential in Harbor is a robot account's.
        links: whether it links ServiceAccounts in the second cluster too.
    """

    def __init__(self, on: Ground, *, by_robot: bool, links: bool) -> None:
        self.url, self.by_robot = on.urls[HARBOR], by_robot
        self.links = dict(zip(CLUSTERS, (True, links), strict=True))
        self.harbor = Harbor(external_url=self.url, lockout_seconds=0)
        self.faults = Faults(self.harbor.app)
        on.places[HARBOR].app = self.faults
        self.clusters = {name: EmulatedCluster() for name in CLUSTERS}
        for name, cluster in self.clusters.items():
            cluster.url, on.places[name].app = on.urls[name], cluster.app
            cluster.authority = on.authority
        self._run: tuple[asyncio.AbstractEventLoop, asyncio.Task[object]] | None = None
        self._killed = False
        self._populate()
        self.us = transact(self._introduce)

    def _populate(self) -> None:
        """Add those whom this service is to leave alone, and its own account if it has one."""
        mark = Mark(installation=OTHERS, workspace="red").text
        for name, text in (("ci", "builds"), (f"ri-{OTHERS}-red", mark)):
            self.harbor.add_robot(name, ["library"]).description = text
        if self.by_robot:
            self.harbor.add_robot("svc", secret="Robot12345").permissions = tuple(
                Permission(kind, where, None, ((what, action),))
                for kind, where, what, action in _RIGHTS
            )

    def _introduce(self, session: Session) -> str:
        at, told = clock.now(), Entry(subject=HARBOR, what="registry.integrated")
        block = BlockRef(name="admin")
        one = Registry(name=HARBOR, kind=Kind.HARBOR, address=self.url, credential=block)
        registries.add(session, one, told, at=at, flow_run="")
        for name in CLUSTERS:
            cluster = Cluster(
                name=name, credential=BlockRef(name=name), links_accounts=self.links[name]
            )
            clusters.register(session, cluster, at=at, flow_run="", state=ClusterState())
        for name in WORKSPACES:
            workspaces.create(session, Workspace(name=name), (), at=at, flow_run="")
        return installation(session)

    @property
    def credential(self) -> Credential:
        """Who this service is to Harbor; somebody keeps it right when logins are renamed."""
        if not self.by_robot:
            return Credential("admin", SecretStr("Harbor12345"))
        prefix = self.harbor.settings.robot_name_prefix
        return Credential(f"{prefix}svc", SecretStr("Robot12345"))

    def ours(self) -> list[Robot]:
        """This service's robot accounts for workspaces, oldest first."""
        return [robot for robot in self.harbor.robots.values() if self._made(robot)]

    def _made(self, robot: Robot) -> bool:
        mark = mark_in(robot.description)
        return mark is not None and mark.installation == self.us and bool(mark.workspace)

    def others(self) -> list[Robot]:
        """All other robot accounts."""
        return [robot for robot in self.harbor.robots.values() if not self._made(robot)]

    def writes(self) -> int:
        """Count requests that changed something, or wanted to, anywhere."""
        in_clusters = sum(len(one.requests.writes()) for one in self._all())
        return len(self.harbor.requests.writes()) + in_clusters

    def _all(self) -> tuple[EmulatedCluster, ...]:
        return tuple(self.clusters.values())

    def lose(self, where: str, method: str | None, turn: int, times: int | None, how: str) -> None:
        """Let connections break: see `Lost`; the first `turn` such requests get through.

        Args:
            how: `before` or `after` it had its effect, and whether our run is `killed` with it.
        """
        kill = self._kill if how.startswith("killed") else None
        action = Lost(how.endswith("after"), kill)
        faults = self.faults if where == HARBOR else self.clusters[where].faults
        faults.add(Fault(action, method=method, after=turn, times=times))

    def lose_lease(self, where: str, method: str | None, turn: int) -> None:
        """Let a run lose its lease once `turn` such requests got through."""
        faults = self.faults if where == HARBOR else self.clusters[where].faults
        faults.add(Fault(Stolen(), method=method, after=turn, times=1))

    def calm(self, *, clusters: bool = True) -> None:
        """End all faults, or those of the Harbor alone."""
        self.faults.clear()
        for cluster in self._all() if clusters else ():
            cluster.faults.clear()

    async def reconcile(self, *rotate: str) -> Report | None:
        """Reconcile the registry; None if the run was killed, or lost its lease."""
        return await self._reconcile(HARBOR, *rotate)

    @property
    def twin_url(self) -> str:
        """Another address of the same Harbor."""
        return self.url.replace("127.0.0.1", "localhost")

    async def reconcile_twin(self) -> Report | None:
        """Reconcile a second registry on record, which is the same Harbor at another address."""
        told, block = Entry(subject=TWIN, what="registry.integrated"), BlockRef(name="admin")
        one = Registry(name=TWIN, kind=Kind.HARBOR, address=self.twin_url, credential=block)
        transact(registries.add, one, told, at=clock.now(), flow_run="")
        return await self._reconcile(TWIN)

    async def _reconcile(self, name: str, *rotate: str) -> Report | None:
        async def run() -> Report:
            addresses = frozenset({self.url, self.twin_url})
            found = {"admin": SavedCredential(self.credential, addresses)}
            async with leased(name) as holder:
                return await reconcile(
                    name, holder, PLAIN, credentials=found, rotate=frozenset(rotate)
                )

        return await self._until_killed(run())

    async def sync(self) -> tuple[ClusterReport, ...] | None:
        """Sync both clusters; None if the run was killed, or lost a lease."""

        async def run() -> tuple[ClusterReport, ...]:
            return tuple([await self._sync(name) for name in CLUSTERS])

        return await self._until_killed(run())

    async def _sync(self, name: str) -> ClusterReport:
        kubeconfigs = {name: SecretStr(self.clusters[name].kubeconfig)}
        async with leased(lease_key(name)) as holder:
            return await sync_cluster(name, holder, kubeconfigs)

    async def _until_killed(self, run: Coroutine[object, object, T]) -> T | None:
        task = asyncio.ensure_future(run)
        self._run, self._killed = (asyncio.get_running_loop(), task), False
        try:
            return await task
        except asyncio.CancelledError:
            assert self._killed
            return None
        except Busy:  # nobody else holds any: it was lost
            return None
        finally:
            self._run = None

    def _kill(self) -> None:
        """End our run as SIGKILL would; called by whom it speaks to, in that server's thread."""
        if self._run is not None:
            loop, task = self._run
            self._killed = True
            loop.call_soon_threadsafe(task.cancel)
