"""After any events, discovery converges; it destroys nothing while an identity is uncertain."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.core.availability import Complete, Unavailable
from models.core.reasons import Reason
from models.discovery.claims import resolve_claim
from models.discovery.managed_harbor import (
    AdoptionState,
    HarborPhase,
    HarborRef,
    HarborSourceKind,
    ManagedHarbor,
    ManagedHarborRecord,
    SecretKeyRef,
)
from models.discovery.observation import ClusterHarbors
from models.discovery.plan import plan_discovery
from models.discovery.steps import (
    Adopt,
    AdoptExisting,
    ConfirmIdentity,
    DiscoveryPlan,
    Forget,
    Replace,
    SetState,
    Step,
    UpdateAdopted,
    step_ref,
)
from models.discovery.trust import DiscoveryTrust
from models.discovery.update_rules import refresh_registry, secret_ref, tls_settings
from models.registries.registry import BlockRef, Kind, Registry, RegistryOrigin, SecretRef
from models.registries.robots import ObservedRobot
from tests.models.discovery.test_identity import accounts_on_record, robots_in_harbor
from tests.support.access_builders import robots
from tests.support.builders import NOW, unavailable

GRACE = timedelta(hours=72)
CLUSTERS = ("eu", "us")
HUB, TENANT = "hub", "tenant"
"""A namespace with the label for trust, and one that a tenant can edit but not label."""

PLACES = tuple(
    HarborRef(cluster=cluster, namespace=HUB, name=name, kind=kind)
    for cluster in CLUSTERS
    for name, kind in (
        ("a", HarborSourceKind.OPERATOR),
        ("c", HarborSourceKind.HELM),
        ("b", HarborSourceKind.OPERATOR),
    )
)
HOSTILE = tuple(
    HarborRef(cluster=cluster, namespace=TENANT, name="a", kind=HarborSourceKind.HELM)
    for cluster in CLUSTERS
)
DOWN = Unavailable(reason=Reason.TIMED_OUT, message="no answer")


@dataclass
class Platform:
    """Clusters with their Harbors, and the records of this service.

    Attributes:
        databases: database of each object's Harbor, by uid.
        address_databases: database behind each address.
        wrong_passwords: objects whose own Secret contains a wrong password.
        robots: database with the recorded robot accounts, by registry.
        bound_registries: database that the bindings were created for, by registry.
        held_registries: registries with held bindings.
    """

    harbors: dict[HarborRef, ManagedHarbor] = field(default_factory=dict)
    down_clusters: set[str] = field(default_factory=set)
    down_sources: set[tuple[str, HarborSourceKind]] = field(default_factory=set)
    adopted_harbors: dict[HarborRef, ManagedHarborRecord] = field(default_factory=dict)
    registries: dict[str, Registry] = field(default_factory=dict)
    now: datetime = NOW
    uids: int = 0
    marked: dict[str, str] = field(default_factory=lambda: dict.fromkeys(CLUSTERS, HUB))
    take_over: frozenset[HarborRef] = frozenset()
    databases: dict[str, int] = field(default_factory=dict)
    address_databases: dict[str, int] = field(default_factory=dict)
    wrong_passwords: set[str] = field(default_factory=set)
    robots: dict[str, int] = field(default_factory=dict)
    bound_registries: dict[str, int] = field(default_factory=dict)
    held_registries: set[str] = field(default_factory=set)

    def make(self, ref: HarborRef, address: str, database: int | None = None) -> None:
        self.uids += 1
        self.databases[f"uid-{self.uids}"] = self.uids if database is None else database
        self.address_databases[address] = self.databases[f"uid-{self.uids}"]
        self.harbors[ref] = ManagedHarbor(
            ref=ref,
            uid=f"uid-{self.uids}",
            address=address,
            password=SecretKeyRef(namespace=ref.namespace, name=ref.name, key="secret"),
        )

    def is_trusted(self, ref: HarborRef) -> bool:
        return self.marked[ref.cluster] == ref.namespace

    def plan(self) -> DiscoveryPlan:
        sections: dict[str, ClusterHarbors | Unavailable] = {
            cluster: DOWN if cluster in self.down_clusters else self._observe(cluster)
            for cluster in CLUSTERS
        }
        return plan_discovery(
            sections,
            self.adopted_harbors.values(),
            self.registries.values(),
            trust=DiscoveryTrust(),
            now=self.now,
            grace=GRACE,
            take_over=self.take_over,
            bindings=dict.fromkeys(self.bound_registries, 1),
        )

    def is_hidden(self, ref: HarborRef) -> bool:
        """Whether neither this object nor its absence can be observed."""
        return ref.cluster in self.down_clusters or (ref.cluster, ref.kind) in self.down_sources

    def _observe(self, cluster: str) -> ClusterHarbors:
        return ClusterHarbors(
            items=tuple(
                harbor for harbor in self._harbors_in(cluster) if not self.is_hidden(harbor.ref)
            ),
            unavailable={kind: DOWN for name, kind in self.down_sources if name == cluster},
            namespaces=frozenset({HUB, TENANT}),
            marked_namespaces=frozenset({self.marked[cluster]}),
        )

    def _harbors_in(self, cluster: str) -> Iterable[ManagedHarbor]:
        return (harbor for ref, harbor in self.harbors.items() if ref.cluster == cluster)

    def carry_out(self, step: Step) -> None:
        match step:
            case SetState(record=managed):
                self.adopted_harbors[managed.ref] = managed
            case Forget(ref=ref, registry=registry):
                assert registry not in self.bound_registries
                self.adopted_harbors.pop(ref, None)
                self.registries.pop(registry, None)
                self.robots.pop(registry, None)
            case Adopt(harbor=harbor, registry=name):
                assert name not in self.registries
                self.registries[name] = Registry(
                    name=name,
                    kind=Kind.HARBOR,
                    address=harbor.address,
                    origin=RegistryOrigin.MANAGED,
                    credential=secret_ref(harbor),
                    tls=tls_settings(harbor),
                )
                self._adopt(harbor, name)
                self.reconcile(name)
            case AdoptExisting(harbor=harbor, registry=name):
                self._adopt(harbor, name)
            case UpdateAdopted(registry=name, harbor=harbor):
                self.registries[name] = refresh_registry(self.registries[name], harbor)
                self._adopt(harbor, name)
            case ConfirmIdentity():
                self._prove(step)

    def _prove(self, claim: ConfirmIdentity) -> None:
        name, harbor = claim.registry, claim.harbor
        inside = self.databases[harbor.uid]
        can_log_in = self.address_databases[self.registries[name].address] == inside
        observed_robots = (
            robots(*robots_in_harbor(1)) if self.robots.get(name) == inside else robots()
        )
        holder = next(
            (managed for managed in self.adopted_harbors.values() if managed.registry == name), None
        )
        step = resolve_claim(
            claim,
            _observe_inside(
                observed_robots,
                can_log_in=can_log_in,
                is_refused=harbor.uid in self.wrong_passwords,
            ),
            accounts_on_record(1) if name in self.robots else (),
            now=self.now,
            active_bindings=name in self.bound_registries and name not in self.held_registries,
            linked_harbor=holder,
            record=self.adopted_harbors.get(harbor.ref),
        )
        if isinstance(step, SetState):
            self.adopted_harbors[harbor.ref] = step.record
            return
        if isinstance(step, Replace) and name in self.bound_registries:
            self.held_registries.add(name)
        if name in self.bound_registries and name not in self.held_registries:
            assert self.bound_registries[name] == inside  # another Harbor never inherits access
        if self.bound_registries.get(name) == inside:
            assert name not in self.held_registries  # the same Harbor never loses a binding
        if holder is not None and holder.ref != harbor.ref:
            update = {"state": AdoptionState.MOVED, "registry": ""}
            self.adopted_harbors[holder.ref] = holder.model_copy(update=update)
        self.registries[name] = refresh_registry(self.registries[name], harbor)
        self._adopt(harbor, name)
        if isinstance(step, Replace):
            self.reconcile(name)

    def reconcile(self, name: str) -> None:
        """Create robot accounts in the Harbor that responds at the registry's address."""
        self.robots[name] = self.address_databases[self.registries[name].address]

    def bind(self, name: str) -> None:
        """Bind spaces of the Harbor that the registry was last identified as."""
        self.bound_registries[name] = self.robots[name]
        self.held_registries.discard(name)

    def _adopt(self, harbor: ManagedHarbor, name: str) -> None:
        self.adopted_harbors[harbor.ref] = ManagedHarborRecord(
            ref=harbor.ref, uid=harbor.uid, state=AdoptionState.ADOPTED, registry=name
        )


def _observe_inside(
    observed_robots: Complete[ObservedRobot] | Unavailable, *, can_log_in: bool, is_refused: bool
) -> Complete[ObservedRobot] | Unavailable:
    if is_refused:
        return unavailable(Reason.BAD_CREDENTIALS, "the password is not accepted")
    return observed_robots if can_log_in else DOWN


FREQUENT_EVENTS = ("make", "move", "made again", "moved away")
"""Events that can lead to two Harbors with one address."""

RARE_EVENTS = (
    "delete",
    "provision",
    "lose secret",
    "other secret",
    "foreign secret",
    "down",
    "up",
    "source fails",
    "source recovers",
    "keep out",
    "wait",
    "by hand",
    "give a block",
    "take over",
    "label moves",
    "plain http",
    "bind",
    "wrong password",
)

Event = tuple[str, HarborRef, int]

events = st.tuples(
    st.sampled_from(FREQUENT_EVENTS * 4 + RARE_EVENTS),
    st.sampled_from(PLACES + HOSTILE),
    st.integers(1, 3),
)


def happen(platform: Platform, event: Event) -> None:
    action, ref, number = event
    platform.take_over = frozenset()
    if action == "make":
        platform.make(ref, _address(number))
    elif action == "delete":
        platform.harbors.pop(ref, None)
    elif action == "by hand":
        _integrate_by_hand(platform, _address(number))
    elif (
        action == "keep out"
        and ref in platform.adopted_harbors
        and platform.adopted_harbors[ref].registry
    ):
        adopted = platform.adopted_harbors[ref]
        for mapping in (platform.registries, platform.robots, platform.bound_registries):
            mapping.pop(adopted.registry, None)
        platform.held_registries.discard(adopted.registry)
        update = {"state": AdoptionState.EXCLUDED, "registry": ""}
        platform.adopted_harbors[ref] = adopted.model_copy(update=update)
    elif (
        action == "give a block"
        and ref in platform.adopted_harbors
        and platform.adopted_harbors[ref].registry
    ):
        name = platform.adopted_harbors[ref].registry
        block = {"credential": BlockRef(name="admin")}
        platform.registries[name] = platform.registries[name].model_copy(update=block)
    elif (
        action == "bind"
        and ref in platform.adopted_harbors
        and platform.adopted_harbors[ref].registry in platform.robots
    ):
        platform.bind(platform.adopted_harbors[ref].registry)
    elif ref in platform.harbors:
        _edit(platform, action, ref, number)
        _again(platform, action, ref, number)
    _around(platform, action, ref)


def _around(platform: Platform, action: str, ref: HarborRef) -> None:
    """Events in clusters, passing time, and requests of users."""
    if action == "down":
        platform.down_clusters.add(ref.cluster)
    elif action == "up":
        platform.down_clusters.discard(ref.cluster)
    elif action == "source fails":
        platform.down_sources.add((ref.cluster, ref.kind))
    elif action == "source recovers":
        platform.down_sources.discard((ref.cluster, ref.kind))
    elif action == "wait":
        platform.now += timedelta(hours=30)
    elif action == "take over":
        platform.take_over = frozenset({ref})
    elif action == "label moves":
        platform.marked[ref.cluster] = TENANT if platform.marked[ref.cluster] == HUB else HUB


def _again(platform: Platform, action: str, ref: HarborRef, number: int) -> None:
    """Recreate or move the object of a Harbor; its database stays the same."""
    harbor = platform.harbors[ref]
    if action == "made again":
        platform.make(ref, harbor.address, platform.databases[harbor.uid])
    elif action == "moved away":
        platform.make(PLACES[number % len(PLACES)], harbor.address, platform.databases[harbor.uid])
    elif action in ("move", "plain http"):
        platform.address_databases[harbor.address] = platform.databases[harbor.uid]
    elif action == "wrong password":
        platform.wrong_passwords ^= {harbor.uid}


def _edit(platform: Platform, action: str, ref: HarborRef, number: int) -> None:
    harbor = platform.harbors[ref]
    changes: dict[str, dict[str, object]] = {
        "move": {"address": _address(number)},
        "plain http": {"address": _address(number).replace("https", "http")},
        "provision": {"phase": HarborPhase.PROVISIONING},
        "lose secret": {"password": None},
        "other secret": {
            "password": SecretKeyRef(namespace=ref.namespace, name=f"s{number}", key="secret")
        },
        "foreign secret": {"password": SecretKeyRef(namespace="other", name="a", key="secret")},
    }
    platform.harbors[ref] = harbor.model_copy(update=changes.get(action, {}))


def _address(number: int) -> str:
    return f"https://h{number}.example.com"


def _integrate_by_hand(platform: Platform, address: str) -> None:
    hosts = {registry.parsed_address.netloc for registry in platform.registries.values()}
    if address.partition("://")[2] not in hosts:
        name = f"hand-{len(platform.registries)}-{platform.uids}"
        block = BlockRef(name="admin")
        platform.registries[name] = Registry(
            name=name, kind=Kind.HARBOR, address=address, credential=block
        )


def _case(*actions: str, ref: HarborRef = PLACES[0]) -> example:
    """Apply the events to one reference until the grace period has passed."""
    return example([(action, ref, 1) for action in (*actions, "wait", "wait", "wait")])


@settings(max_examples=300)
@given(st.lists(events, max_size=20))
@_case("make", "label moves", "delete")
@_case("make", "bind", "made again", "made again")
@_case("make", "bind", "moved away", "delete")
@_case("make", "bind", "moved away", "delete", "made again", "make")
@_case("make", "bind", "delete", "wait", "wait", "wait", "make")
@_case("make", "bind", "make", "bind", "wrong password", "made again")
@_case("by hand", "make", "take over", "delete")
@_case("by hand", "make", "take over", "make")
@_case("make", "give a block", "plain http")
@example([("make", PLACES[0], 1), ("make", PLACES[1], 1), ("plain http", PLACES[0], 2)])
@_case("make", "source fails", "delete")
@_case("make", "bind", "source fails", "moved away", "source recovers")
@_case("make", "bind", "moved away", "source fails", "delete", "source recovers")
@_case("by hand", "make", "take over", "label moves", ref=HOSTILE[0])
def test_discovery_ends_in_agreement_and_destroys_nothing_on_doubt(history: list[Event]) -> None:
    platform = Platform()
    for event in history:
        happen(platform, event)
        plan = platform.plan()
        _check(platform, plan)
        _carry_out(platform, plan)
        for _ in range(3):  # a released address can be used in the next observation
            _carry_out(platform, platform.plan())
        remaining_steps = [
            step for step in platform.plan().steps if not isinstance(step, ConfirmIdentity)
        ]
        assert remaining_steps == []  # unconfirmed claims are checked in every discovery
        hosts = [registry.parsed_address.netloc for registry in platform.registries.values()]
        assert len(hosts) == len(set(hosts))


def _carry_out(platform: Platform, plan: DiscoveryPlan) -> None:
    """Apply the event, and check that no registry changed in a forbidden way."""
    for step in plan.steps:
        before = dict(platform.registries)
        platform.carry_out(step)
        _check_registries(platform, step, before)


def _check_registries(platform: Platform, step: Step, before: dict[str, Registry]) -> None:
    """Check the effects on registries.

    User credentials keep their origin, registries of users do not change, and untrusted objects
    change nothing.
    """
    now = platform.registries
    for name, registry in before.items():
        if registry.origin is RegistryOrigin.EXTERNAL or isinstance(registry.credential, BlockRef):
            assert now.get(name, registry) == registry
        if registry.origin is RegistryOrigin.EXTERNAL:
            assert name in now
        if name in now and registry.parsed_address.scheme == "https":
            assert now[name].parsed_address.scheme == "https"
    if not platform.is_trusted(step_ref(step)):
        assert now == before
    if isinstance(step, Adopt | UpdateAdopted):
        credential = now[step.registry].credential
        assert not isinstance(credential, SecretRef) or (
            (credential.cluster, credential.namespace)
            == (step.harbor.ref.cluster, step.harbor.ref.namespace)
        )


def _linked_refs(platform: Platform, registry: str) -> list[HarborRef]:
    """The objects on record for a registry, in clusters that can be read."""
    return [
        adopted.ref
        for adopted in platform.adopted_harbors.values()
        if adopted.registry == registry and adopted.ref.cluster not in platform.down_clusters
    ]


def _check(platform: Platform, plan: DiscoveryPlan) -> None:
    assert len({step_ref(step) for step in plan.steps}) == len(plan.steps)
    for step in plan.steps:
        ref = step_ref(step)
        adopted = platform.adopted_harbors.get(ref)
        assert not platform.is_hidden(ref)
        if isinstance(step, Forget) and step.registry:
            assert adopted is not None
            assert adopted.missing_since is not None
            assert platform.now - adopted.missing_since > GRACE
            assert ref not in platform.harbors
        if isinstance(step, ConfirmIdentity):
            linked = _linked_refs(platform, step.registry)
            assert all((place.cluster, place.kind) not in platform.down_sources for place in linked)
            assert platform.registries[step.registry].origin is RegistryOrigin.MANAGED
            assert platform.registries[step.registry].address == step.harbor.address
        if isinstance(step, UpdateAdopted):
            assert adopted is not None
            assert adopted.uid == step.harbor.uid
        if isinstance(step, AdoptExisting):
            assert ref in platform.take_over
        if adopted is not None and adopted.state is AdoptionState.EXCLUDED:
            assert isinstance(step, SetState | Forget)
            if isinstance(step, SetState):
                assert step.record.state is AdoptionState.EXCLUDED
            else:
                assert adopted.missing_since is not None
                assert platform.now - adopted.missing_since > GRACE
