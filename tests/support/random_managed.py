"""A platform whose registry is a managed Harbor, and what becomes of the objects that stand for it.

Its Harbor is found through the clusters. One database at a time answers at its URL; objects say
that they stand for it, in namespaces that are marked or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from sqlmodel import Session, col, update
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.simulators.faults import FaultInjector
from deployments.simulators.harbor import SimulatedHarbor
from deployments.simulators.harbor.identity import basic_credentials
from deployments.simulators.harbor.state.core import current_time
from deployments.simulators.kubernetes.harbors.charts import HelmRelease
from deployments.simulators.kubernetes.object_store import (
    DEPLOYMENT_RESOURCE,
    HARBOR_CLUSTER_RESOURCE,
)
from flows.discovery.discover import discover_clusters
from flows.operations.run_results import DiscoveryResult, RegistryRunResult
from models.access.binding_change import restorable_bindings, select_held_bindings
from models.core.settings import get_settings
from models.discovery.managed_harbor import ManagedHarborRecord
from models.discovery.trust import MANAGED_LABEL, MANAGED_LABEL_VALUE
from models.tables import ManagedHarborRow
from tasks import clock
from tasks.registries.protocol import SavedCredential
from tasks.store.access import clusters, managed_harbors
from tasks.store.registries import registries
from tasks.store.session import run_in_transaction
from tasks.store.state import load_binding_records
from tests.support.platform import advance_time, save_kubeconfig
from tests.support.random_events import ProjectIdentity, TrackedPlatform, project_identity
from tests.support.random_platform import ELSEWHERE, HARBOR, SharedServers


class Spot(NamedTuple):
    """Where an object is that stands for a Harbor, or says so."""

    cluster: str
    namespace: str
    release: str


SPOTS = (
    Spot("east", "hub", "main"),
    Spot("east", "hub", "second"),
    Spot("east", "new", "main"),
    Spot("west", "hub", "main"),
)
"""Where the platform may run its Harbor; it marks these namespaces."""

TENANT = Spot("east", "n1", "main")
"""In a workspace's namespace, where its people may make what they like, and not mark it."""

PASSWORD, WRONG_PASSWORD, TENANT_PASSWORD = "Harbor12345", "Wrong54321", "Tenant98765"


@dataclass(frozen=True)
class HarborObject:
    """What an object and its Secret say."""

    url: str
    password: str = PASSWORD
    ready: bool = True


class Login(NamedTuple):
    """Whom a request was sent to, and the credential that it carried; empty if it carried none."""

    host: str
    username: str
    password: str


@dataclass(frozen=True)
class Recorder:
    """Serves an app, and writes down who was asked with which credential."""

    app: ASGIApp
    logins: list[Login]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {key.lower(): value.decode() for key, value in scope["headers"]}
            credential = basic_credentials(headers.get(b"authorization", "")) or ("", "")
            self.logins.append(Login(headers[b"host"], *credential))
        await self.app(scope, receive, send)


class ManagedPlatform(TrackedPlatform):
    """A platform that runs its own Harbor.

    Attributes:
        databases: Harbors that answered at the URL so far; the clock of each is another.
        project_harbors: which of them each project was made in.
        objects: those that stand for a Harbor, or say so.
        trusted_namespaces: (cluster, namespace) with the label.
        named_hosts: (host, spot) that an object in a trusted namespace named.
        password_origins: (host, password) of those.
        logins: all requests to Harbors.
        denied_lists: (cluster, resource) that may not be listed.
        has_faults: whether connections break, or leases get lost.
    """

    def __init__(self, servers: SharedServers) -> None:
        self.project_harbors: dict[ProjectIdentity, SimulatedHarbor] = {}
        self.objects: dict[Spot, HarborObject] = {}
        self.trusted_namespaces: set[tuple[str, str]] = set()
        self.named_hosts: set[tuple[str, Spot]] = set()
        self.password_origins: set[tuple[str, str]] = set()
        self.logins: list[Login] = []
        self.denied_lists: set[tuple[str, str]] = set()
        self.has_faults = False
        super().__init__(servers, by_robot=False, links=True)
        self.databases = [self.harbor]
        self.elsewhere_url = servers.urls[ELSEWHERE]
        self._slot = servers.slots[HARBOR]
        self._serve(self.harbor)
        other = SimulatedHarbor(external_url=self.elsewhere_url, lockout_seconds=0)
        servers.slots[ELSEWHERE].app = Recorder(other.app, self.logins)

    def _integrate(self, session: Session) -> None:
        """Leave it to discovery."""

    def _saved_credentials(self) -> dict[str, SavedCredential] | None:
        return None

    def _serve(self, harbor: SimulatedHarbor) -> None:
        self.harbor, self.faults = harbor, FaultInjector(harbor.app)
        self._slot.app = Recorder(self.faults, self.logins)

    async def prepare_clusters(self) -> None:
        """Save what the clusters are entered with, and mark namespaces."""
        for name, cluster in self.clusters.items():
            await save_kubeconfig(name, cluster)
        for cluster_name, namespace in {spot[:2] for spot in SPOTS}:
            self.clusters[cluster_name].add_namespace(namespace)
            self.mark(cluster_name, namespace)

    @property
    def registry(self) -> str:
        records = run_in_transaction(registries.list_registries)
        names = (record.registry.name for record in records if record.registry.address == self.url)
        return next(names, "")

    def records(self) -> dict[Spot, ManagedHarborRecord]:
        """The objects on record."""
        records = run_in_transaction(managed_harbors.list_harbor_records)
        return {_spot(record): record for record in records}

    def serves(self, spot: Spot) -> bool:
        """Whether an object stands, ready, for what answers at the URL."""
        return self.objects.get(spot) == HarborObject(self.url)

    def trusts(self, spot: Spot) -> bool:
        """Whether the namespace of an object is marked."""
        return (spot.cluster, spot.namespace) in self.trusted_namespaces

    # Objects.

    def apply(self, spot: Spot, harbor_object: HarborObject) -> None:
        """Make an object, or delete it and make it again: it gets another uid."""
        self.delete(spot)
        self.objects[spot] = harbor_object
        self.clusters[spot.cluster].add_helm_harbor(
            spot.namespace,
            spot.release,
            harbor_object.url,
            harbor_object.password,
            ready=harbor_object.ready,
        )

    def delete(self, spot: Spot) -> None:
        if self.objects.pop(spot, None) is not None:
            self.clusters[spot.cluster].delete_helm_harbor(spot.namespace, spot.release)

    def apply_again(self, spot: Spot) -> None:
        """Somebody deletes the core Deployment, and applies it again."""
        if spot in self.objects:
            self.apply(spot, self.objects[spot])

    def move(self, spot: Spot, target: Spot) -> None:
        """The platform moves its Harbor: the new object is made, and the old one deleted."""
        if spot in self.objects and target not in self.objects:
            self.apply(target, self.objects[spot])
            self.delete(spot)

    def copy(self, spot: Spot) -> None:
        """Another object for the same Harbor, and both are there for a while."""
        if spot not in self.objects:
            self.apply(spot, HarborObject(self.url))

    def second_address(self, spot: Spot) -> None:
        """Another object for the same Harbor, under another address."""
        if spot not in self.objects:
            self.apply(spot, HarborObject(self.twin_url))

    def claim(self, password: str) -> None:
        """A tenant makes an object that names the URL."""
        if TENANT.namespace in self._namespaces(TENANT.cluster):
            self.apply(TENANT, HarborObject(self.url, password))

    def lure(self, spot: Spot) -> None:
        """Somebody who may edit objects and mark no namespace names another Harbor's address."""
        if spot in self.objects and not self.trusts(spot):
            self._readdress(spot, self.elsewhere_url)

    def apply_elsewhere(self, spot: Spot) -> None:
        """The object of the Harbor on record is made again with another URL."""
        link = self.records().get(spot)
        if spot in self.objects and link is not None and link.registry:
            self.apply(spot, HarborObject(self.elsewhere_url))

    def change_password(self, spot: Spot, password: str) -> None:
        """Somebody changes what the Secret says; Harbor takes no notice."""
        if spot in self.objects:
            self.clusters[spot.cluster].set_password(spot.namespace, spot.release, password)
            self._update(spot, password=password)

    def stop(self, spot: Spot, ready: bool) -> None:
        """The core has no ready Pod for a while; or has one again."""
        if spot in self.objects:
            core = HelmRelease(spot.namespace, spot.release, "goharbor", "").core_name
            self.clusters[spot.cluster].set_rollout(spot.namespace, core, ready=ready)
            self._update(spot, ready=ready)

    def mark(self, cluster: str, namespace: str) -> None:
        """The platform marks a namespace, once it has seen to what is in it."""
        for spot, harbor_object in self.objects.items():
            if spot[:2] == (cluster, namespace) and harbor_object.url == self.elsewhere_url:
                self._readdress(spot, self.url)
        self.trusted_namespaces.add((cluster, namespace))
        self.clusters[cluster].set_labels(namespace, {MANAGED_LABEL: MANAGED_LABEL_VALUE})

    def unmark(self, cluster: str, namespace: str) -> None:
        self.trusted_namespaces.discard((cluster, namespace))
        self.clusters[cluster].set_labels(namespace, {MANAGED_LABEL: None})

    def _namespaces(self, cluster: str) -> set[str]:
        return {namespace for name, namespace in self.labels if name == cluster}

    def _readdress(self, spot: Spot, url: str) -> None:
        core = HelmRelease(spot.namespace, spot.release, "goharbor", "").core_name
        self.clusters[spot.cluster].upgrade_helm_harbor(spot.namespace, core, url)
        self._update(spot, url=url)

    def _update(self, spot: Spot, **changes: str | bool) -> None:
        self.objects[spot] = HarborObject(**{**vars(self.objects[spot]), **changes})

    # What is inside.

    def make_space(self, name: str, public: bool = False) -> None:
        super().make_space(name, public)
        self.project_harbors[project_identity(self.harbor.projects[name])] = self.harbor

    def other_harbor(self, again: bool) -> None:
        """Another database, in which projects of the same names have the same ids.

        Args:
            again: the objects that stand for it are made again, too.
        """
        age = timedelta(days=len(self.databases))
        names = [name for name in self.harbor.projects if name != "library"]
        harbor = SimulatedHarbor(
            external_url=self.url, lockout_seconds=0, clock=lambda: current_time() - age
        )
        self.databases.append(harbor)
        self._serve(harbor)
        self._populate()
        for name in sorted(names):
            self.make_space(name)
        self._apply_all_again(again)

    def first_harbor(self, again: bool) -> None:
        """The first database is back."""
        self._serve(self.databases[0])
        self._apply_all_again(again)

    def _apply_all_again(self, again: bool) -> None:
        for spot in SPOTS if again else ():
            if self.serves(spot):
                self.apply_again(spot)

    def delete_robot(self, number: int) -> None:
        """Somebody deletes one robot account; with more gone, nothing would tell the Harbor."""
        if len(self.own_robots()) > 1:
            super().delete_robot(number)

    # What is asked of this service, and time.

    def restore(self) -> None:
        """Somebody restores what is held, for what is there now."""
        if self.registry:
            records = run_in_transaction(load_binding_records, self.registry)
            change = select_held_bindings(records, (), ())
            for binding in restorable_bindings(records, change.bindings):
                self.bind(binding.space, binding.workspace)

    def wait(self) -> None:
        """Let days pass: the grace of missing objects, and until passwords are tried again."""
        advance_time(days=4)
        since = clock.now() - get_settings().managed_grace - timedelta(hours=1)
        missing = col(ManagedHarborRow.missing_since).is_not(None)
        run_in_transaction(
            lambda session: session.exec(
                update(ManagedHarborRow).where(missing).values(missing_since=since)
            )
        )

    # Faults.

    def lose(
        self, server: str, method: str | None, after: int, times: int | None, moment: str
    ) -> None:
        self.has_faults = True
        super().lose(server, method, after, times, moment)

    def lose_lease(self, server: str, method: str | None, after: int) -> None:
        self.has_faults = True
        super().lose_lease(server, method, after)

    def deny_list(self, cluster: str, resource: str) -> None:
        """One source of a cluster cannot be read; harbor-operator's needs the operator for that."""
        if resource == HARBOR_CLUSTER_RESOURCE:
            self.clusters[cluster].install_operator()
        self.clusters[cluster].deny("list", resource)
        self.denied_lists.add((cluster, resource))

    def hides(self, spot: Spot) -> bool:
        """Whether neither an object nor its absence can be seen."""
        return (spot.cluster, DEPLOYMENT_RESOURCE) in self.denied_lists

    def calm(self, *, clusters: bool = True) -> None:
        self.has_faults = False
        for cluster, resource in self.denied_lists if clusters else ():
            self.clusters[cluster].allow("list", resource)
        self.denied_lists = set() if clusters else self.denied_lists
        super().calm(clusters=clusters)

    # Runs.

    async def discover(self) -> Sequence[DiscoveryResult] | None:
        """Discover in both clusters; None if the run was killed."""
        registered = run_in_transaction(clusters.list_clusters)
        return await self._until_killed(
            discover_clusters.fn(registered, dry_run=False, allow_large=False)
        )

    async def reconcile(self, *rotate: str) -> RegistryRunResult | None:
        return await super().reconcile(*rotate) if self.registry else None

    def put_right(self) -> None:
        """The platform sees to it that an object stands for its Harbor, and marks namespaces.

        Some time passes, until a password is tried again that was refused.
        """
        self.calm()
        advance_time(minutes=20)
        for cluster, namespace in {spot[:2] for spot in SPOTS}:
            self.mark(cluster, namespace)
        for spot in SPOTS:
            if spot in self.objects:
                self.change_password(spot, PASSWORD)
                self.stop(spot, ready=True)
        if not any(self.serves(spot) for spot in SPOTS):
            self.apply(SPOTS[0], HarborObject(self.url))


def _spot(record: ManagedHarborRecord) -> Spot:
    return Spot(record.ref.cluster, record.ref.namespace, record.ref.name)
