"""A whole platform in miniature, to which anything may happen: people, hands, faults, kills."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import httpx
from pydantic import SecretStr

from deployments.sandbox.asgi import App, Captured, Receive, Scope, Send
from deployments.sandbox.faults import Fault, Faults
from deployments.sandbox.harbor import Harbor, Permission, Robot
from deployments.sandbox.kubernetes import EmulatedCluster
from deployments.sandbox.server import running
from flows.reconciling import PLAIN, Report, reconcile
from flows.syncing import ClusterReport, sync_cluster
from models.access import Workspace, mark_in
from models.audit import Entry
from models.cluster import Cluster, ClusterState
from models.registry import BlockRef, Kind, Registry
from tasks import clock
from tasks.registries.harbor.verdicts import GRANT_NEEDS, ROBOT_NEEDS
from tasks.registries.protocol import Credential
from tasks.store import clusters, registries, workspaces
from tasks.store.clusters import lease_key
from tasks.store.installation import installation
from tasks.store.leases import leased
from tasks.store.session import transact

REGISTRY, CLUSTERS, WORKSPACES = "harbor", ("east", "west"), ("blue", "red")
SPACES, NAMESPACES = ("a", "b", "c"), ("n1", "n2")
OTHERS = "00000000"
"""Another installation of this service on the same Harbor."""


class Address:
    """A service on a socket, which each world replaces by one of its own."""

    def __init__(self) -> None:
        self.app: App | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@dataclass(frozen=True)
class Ground:
    """What worlds stand on, one after the other: starting servers takes longer than living."""

    harbor: Address
    clusters: dict[str, Address]
    urls: dict[str, str]


@contextmanager
def ground() -> Iterator[Ground]:
    """Serve a Harbor and two clusters, empty until a world is there."""
    with ExitStack() as stack:
        places = {name: Address() for name in (REGISTRY, *CLUSTERS)}
        urls = {name: stack.enter_context(running(one)) for name, one in places.items()}
        yield Ground(places.pop(REGISTRY), places, urls)


@dataclass(frozen=True)
class Lost:
    """The connection breaks, before or after the request has had its effect.

    Attributes:
        kill: what ends our own process at that moment; None if it lives on.
    """

    after: bool
    kill: Callable[[], None] | None = None

    async def act(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        if self.after:
            await app(scope, receive, Captured().send)
        if self.kill:
            self.kill()
            await asyncio.sleep(0.05)  # it goes first, and never learns what became of it
        raise httpx.RemoteProtocolError("cut on purpose")


@dataclass
class World:
    """One world. Its methods are what people, hands and faults do; `pullable` is who may what.

    Attributes:
        bound, listed, wishes: what people asked for.
    """

    ground: Ground
    by_robot: bool
    links: bool = True
    harbor: Harbor = field(init=False)
    clusters: dict[str, EmulatedCluster] = field(init=False)
    bound: set[tuple[str, str]] = field(default_factory=set)
    listed: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    wishes: dict[str, tuple[bool, int | None]] = field(default_factory=dict)
    _run: asyncio.Task[object] | None = None

    def __post_init__(self) -> None:
        self.harbor = Harbor(external_url=self.ground.urls[REGISTRY], lockout_seconds=0)
        self.faults = Faults(self.harbor.app)
        self.ground.harbor.app = self.faults
        self.clusters = {name: EmulatedCluster() for name in CLUSTERS}
        for name, one in self.clusters.items():
            one.url, self.ground.clusters[name].app = self.ground.urls[name], one.app
        self._foreigners()
        if self.by_robot:
            rights = (*ROBOT_NEEDS, *GRANT_NEEDS, ("system", "/", "robot", "list"))
            self.harbor.add_robot("svc", secret="Robot12345").permissions = tuple(
                Permission(kind, where, None, ((what, action),))
                for kind, where, what, action in rights
            )
        transact(self._integrated)

    def _foreigners(self) -> None:
        """Robot accounts that are nobody's business of ours."""
        for name, text in (("ci", "builds"), (f"ri-{OTHERS}-red", self._mark(OTHERS, "red"))):
            robot = self.harbor.add_robot(name, ["library"])
            robot.description = text

    @staticmethod
    def _mark(installation: str, workspace: str) -> str:
        return (
            f"Made by registry-integration {installation} for workspace {workspace}. Do not edit."
        )

    def _integrated(self, session: object) -> None:
        from sqlmodel import Session  # noqa: PLC0415

        assert isinstance(session, Session)
        at, told = clock.now(), Entry(subject=REGISTRY, what="registry.integrated")
        one = Registry(
            name=REGISTRY,
            kind=Kind.HARBOR,
            address=self.ground.urls[REGISTRY],
            credential=BlockRef(name="admin"),
        )
        registries.add(session, one, told, at=at, flow_run="")
        for name in CLUSTERS:
            links = self.links or name == CLUSTERS[0]
            cluster = Cluster(name=name, credential=BlockRef(name=name), links_accounts=links)
            clusters.register(session, cluster, at=at, flow_run="", state=ClusterState())
        for name in WORKSPACES:
            workspaces.create(session, Workspace(name=name), (), at=at, flow_run="")
        self.us = installation(session)

    @property
    def credential(self) -> Credential:
        """Who we are to Harbor; an administrator keeps its block right."""
        if not self.by_robot:
            return Credential("admin", SecretStr("Harbor12345"))
        return Credential(
            f"{self.harbor.settings.robot_name_prefix}svc", SecretStr("Robot12345")
        )

    def ours(self) -> list[Robot]:
        """Our robot accounts, oldest first."""
        found = ((mark_in(one.description), one) for one in self.harbor.robots.values())
        return [one for mark, one in found if mark and mark.installation == self.us]

    # What this service does.

    async def reconcile(self, rotate: frozenset[str] = frozenset()) -> Report | None:
        """Reconcile the registry; None if the run was killed."""

        async def run() -> Report:
            async with leased(REGISTRY) as holder:
                found = {"admin": self.credential}
                return await reconcile(REGISTRY, holder, PLAIN, credentials=found, rotate=rotate)

        return await self._alive(run())

    async def sync(self) -> list[ClusterReport] | None:
        """Sync both clusters; None if the run was killed."""

        async def one(name: str) -> ClusterReport:
            async with leased(lease_key(name)) as holder:
                found = {name: SecretStr(self.clusters[name].kubeconfig)}
                return await sync_cluster(name, holder, found)

        async def run() -> list[ClusterReport]:
            return [await one(name) for name in CLUSTERS]

        return await self._alive(run())

    async def _alive[T](self, run: Awaitable[T]) -> T | None:
        raise NotImplementedError
