"""Whatever happens to managed Harbors, discovery ends in agreement, and destroys on no doubt."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.discovery import plan_discovery
from models.discovery_plan import (
    Adopt,
    DiscoveryPlan,
    Follow,
    Note,
    Replace,
    Retire,
    Step,
    TakeOver,
    place_of,
)
from models.following import renewed, secret_ref, tls_of
from models.managed import (
    Managed,
    ManagedHarbor,
    Phase,
    Place,
    SecretKey,
    SourceKind,
    Standing,
)
from models.reason import Reason
from models.registry import BlockRef, Kind, Origin, Registry, SecretRef
from models.snapshot import Unseen
from models.trust import SeenHarbors, Trust
from tests.builders import NOW

GRACE = timedelta(hours=72)
CLUSTERS = ("eu", "us")
HUB, TENANT = "hub", "tenant"
"""A namespace that is marked at first, and one that its tenant may edit and not mark."""

PLACES = tuple(
    Place(cluster=cluster, namespace=HUB, name=name, kind=SourceKind.OPERATOR)
    for cluster in CLUSTERS
    for name in ("a", "b")
)
HOSTILE = tuple(
    Place(cluster=cluster, namespace=TENANT, name="a", kind=SourceKind.HELM) for cluster in CLUSTERS
)
DOWN = Unseen(reason=Reason.TIMED_OUT, message="no answer")


@dataclass
class World:
    """Clusters with their Harbors, and what this service knows of them."""

    harbors: dict[Place, ManagedHarbor] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    known: dict[Place, Managed] = field(default_factory=dict)
    registries: dict[str, Registry] = field(default_factory=dict)
    now: datetime = NOW
    uids: int = 0
    marked: dict[str, str] = field(default_factory=lambda: dict.fromkeys(CLUSTERS, HUB))
    take_over: frozenset[Place] = frozenset()

    def make(self, place: Place, address: str) -> None:
        self.uids += 1
        self.harbors[place] = ManagedHarbor(
            place=place,
            uid=f"uid-{self.uids}",
            address=address,
            password=SecretKey(namespace=place.namespace, name=place.name, key="secret"),
        )

    def trusted(self, place: Place) -> bool:
        return self.marked[place.cluster] == place.namespace

    def plan(self) -> DiscoveryPlan:
        seen: dict[str, SeenHarbors | Unseen] = {
            cluster: DOWN if cluster in self.down else self._seen(cluster) for cluster in CLUSTERS
        }
        return plan_discovery(
            seen,
            self.known.values(),
            self.registries.values(),
            trust=Trust(),
            now=self.now,
            grace=GRACE,
            take_over=self.take_over,
        )

    def _seen(self, cluster: str) -> SeenHarbors:
        return SeenHarbors(
            items=tuple(self._in(cluster)),
            namespaces=frozenset({HUB, TENANT}),
            marked=frozenset({self.marked[cluster]}),
        )

    def _in(self, cluster: str) -> Iterable[ManagedHarbor]:
        return (one for place, one in self.harbors.items() if place.cluster == cluster)

    def carry_out(self, step: Step) -> None:
        match step:
            case Note(managed=found):
                self.known[found.place] = found
            case Retire(place=place, registry=registry):
                self.known.pop(place, None)
                self.registries.pop(registry, None)
            case Adopt(harbor=harbor, registry=name):
                assert name not in self.registries
                self.registries[name] = Registry(
                    name=name,
                    kind=Kind.HARBOR,
                    address=harbor.address,
                    origin=Origin.MANAGED,
                    credential=secret_ref(harbor),
                    tls=tls_of(harbor),
                )
                self._adopted(harbor, name)
            case TakeOver(harbor=harbor, registry=name):
                self._adopted(harbor, name)
            case Follow() | Replace():
                name, harbor = step.registry, step.harbor
                self.registries[name] = renewed(self.registries[name], harbor)
                self._adopted(harbor, name)

    def _adopted(self, harbor: ManagedHarbor, name: str) -> None:
        self.known[harbor.place] = Managed(
            place=harbor.place, uid=harbor.uid, standing=Standing.ADOPTED, registry=name
        )


OFTEN = ("make", "move")
"""What leads to two Harbors that claim one address; all else happens to what these made."""

SELDOM = (
    "delete",
    "provision",
    "lose secret",
    "other secret",
    "foreign secret",
    "down",
    "up",
    "keep out",
    "wait",
    "by hand",
    "give a block",
    "take over",
    "label moves",
    "plain http",
)

Event = tuple[str, Place, int]

events = st.tuples(
    st.sampled_from(OFTEN * 4 + SELDOM), st.sampled_from(PLACES + HOSTILE), st.integers(1, 3)
)


def happen(world: World, event: Event) -> None:
    what, place, number = event
    world.take_over = frozenset()
    if what == "make":
        world.make(place, _address(number))
    elif what == "delete":
        world.harbors.pop(place, None)
    elif what == "by hand":
        _by_hand(world, _address(number))
    elif what == "keep out" and place in world.known and world.known[place].registry:
        known = world.known[place]
        world.registries.pop(known.registry, None)
        update = {"standing": Standing.KEPT_OUT, "registry": ""}
        world.known[place] = known.model_copy(update=update)
    elif what == "give a block" and place in world.known and world.known[place].registry:
        name = world.known[place].registry
        block = {"credential": BlockRef(name="admin")}
        world.registries[name] = world.registries[name].model_copy(update=block)
    elif place in world.harbors:
        _edit(world, what, place, number)
    _around(world, what, place)


def _around(world: World, what: str, place: Place) -> None:
    """What happens to clusters, to time, and at the wish of a person."""
    if what == "down":
        world.down.add(place.cluster)
    elif what == "up":
        world.down.discard(place.cluster)
    elif what == "wait":
        world.now += timedelta(hours=30)
    elif what == "take over":
        world.take_over = frozenset({place})
    elif what == "label moves":
        world.marked[place.cluster] = TENANT if world.marked[place.cluster] == HUB else HUB


def _edit(world: World, what: str, place: Place, number: int) -> None:
    there = world.harbors[place]
    changes: dict[str, dict[str, object]] = {
        "move": {"address": _address(number)},
        "plain http": {"address": _address(number).replace("https", "http")},
        "provision": {"phase": Phase.PROVISIONING},
        "lose secret": {"password": None},
        "other secret": {
            "password": SecretKey(namespace=place.namespace, name=f"s{number}", key="secret")
        },
        "foreign secret": {"password": SecretKey(namespace="other", name="a", key="secret")},
    }
    world.harbors[place] = there.model_copy(update=changes.get(what, {}))


def _address(number: int) -> str:
    return f"https://h{number}.example.com"


def _by_hand(world: World, address: str) -> None:
    hosts = {one.where.netloc for one in world.registries.values()}
    if address.partition("://")[2] not in hosts:
        name = f"hand-{len(world.registries)}-{world.uids}"
        block = BlockRef(name="admin")
        world.registries[name] = Registry(
            name=name, kind=Kind.HARBOR, address=address, credential=block
        )


def _case(*words: str, place: Place = PLACES[0]) -> example:
    """Let these happen to one place, until its grace is over."""
    return example([(word, place, 1) for word in (*words, "wait", "wait", "wait")])


@settings(max_examples=300)
@given(st.lists(events, max_size=20))
@_case("make", "label moves", "delete")
@_case("by hand", "make", "take over", "delete")
@_case("by hand", "make", "take over", "make")
@_case("make", "give a block", "plain http")
@_case("by hand", "make", "take over", "label moves", place=HOSTILE[0])
def test_discovery_ends_in_agreement_and_destroys_nothing_on_doubt(happened: list[Event]) -> None:
    world = World()
    for event in happened:
        happen(world, event)
        plan = world.plan()
        _check(world, plan)
        _carry_out(world, plan)
        for _ in range(3):  # an address that one gave up is free for another at the next look
            _carry_out(world, world.plan())
        assert world.plan().steps == ()
        hosts = [one.where.netloc for one in world.registries.values()]
        assert len(hosts) == len(set(hosts))


def _carry_out(world: World, plan: DiscoveryPlan) -> None:
    """Do it, and check that nothing became of a registry that must not."""
    for step in plan.steps:
        before = dict(world.registries)
        world.carry_out(step)
        _check_registries(world, step, before)


def _check_registries(world: World, step: Step, before: dict[str, Registry]) -> None:
    """No origin under a block, none of a person's at all, and nothing by whom nobody trusts."""
    now = world.registries
    for name, one in before.items():
        if one.origin is Origin.EXTERNAL or isinstance(one.credential, BlockRef):
            assert now.get(name, one) == one
        if one.origin is Origin.EXTERNAL:
            assert name in now
        if name in now and one.where.scheme == "https":
            assert now[name].where.scheme == "https"
    if not world.trusted(place_of(step)):
        assert now == before
    if isinstance(step, Adopt | Follow | Replace):
        credential = now[step.registry].credential
        assert not isinstance(credential, SecretRef) or (
            (credential.cluster, credential.namespace)
            == (step.harbor.place.cluster, step.harbor.place.namespace)
        )


def _check(world: World, plan: DiscoveryPlan) -> None:
    assert len({place_of(step) for step in plan.steps}) == len(plan.steps)
    for step in plan.steps:
        place = place_of(step)
        known = world.known.get(place)
        assert place.cluster not in world.down
        if isinstance(step, Retire) and step.registry:
            assert known is not None
            assert known.missing_since is not None
            assert world.now - known.missing_since > GRACE
            assert place not in world.harbors
        if isinstance(step, Replace):
            assert known is not None
            assert known.uid != step.harbor.uid
        if isinstance(step, Follow):
            assert known is not None
            assert known.uid == step.harbor.uid
        if isinstance(step, TakeOver):
            assert place in world.take_over
        if known is not None and known.standing is Standing.KEPT_OUT:
            there = world.harbors.get(place)
            assert there is None or there.uid != known.uid or isinstance(step, Retire)
