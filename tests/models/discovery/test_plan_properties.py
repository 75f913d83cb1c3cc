"""Whatever happens to managed Harbors, discovery ends in agreement, and destroys on no doubt."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.core.availability import Seen, Unseen
from models.core.reasons import Reason
from models.discovery.claims import settle_claim
from models.discovery.managed_harbor import (
    Managed,
    ManagedHarbor,
    Phase,
    Place,
    SecretKey,
    SourceKind,
    Standing,
)
from models.discovery.plan import plan_discovery
from models.discovery.steps import (
    Adopt,
    DiscoveryPlan,
    Follow,
    Note,
    Prove,
    Replace,
    Retire,
    Step,
    TakeOver,
    place_of,
)
from models.discovery.trust import SeenHarbors, Trust
from models.discovery.update_rules import renewed, secret_ref, tls_of
from models.registries.registry import BlockRef, Kind, Origin, Registry, SecretRef
from models.registries.robots import ObservedRobot
from tests.models.discovery.test_identity import recorded, shown
from tests.support.access_builders import robots
from tests.support.builders import NOW, unseen

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
    """Clusters with their Harbors, and what this service knows of them.

    Attributes:
        databases: what is inside the Harbor of each object, by uid.
        served: which database answers at each address.
        refused: objects whose own Secret does not open their Harbor.
        robots: in which database the robot accounts on record of each registry are.
        bound: for which database the bindings of each registry were made; held: those held.
    """

    harbors: dict[Place, ManagedHarbor] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    known: dict[Place, Managed] = field(default_factory=dict)
    registries: dict[str, Registry] = field(default_factory=dict)
    now: datetime = NOW
    uids: int = 0
    marked: dict[str, str] = field(default_factory=lambda: dict.fromkeys(CLUSTERS, HUB))
    take_over: frozenset[Place] = frozenset()
    databases: dict[str, int] = field(default_factory=dict)
    served: dict[str, int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    robots: dict[str, int] = field(default_factory=dict)
    bound: dict[str, int] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)

    def make(self, place: Place, address: str, database: int | None = None) -> None:
        self.uids += 1
        self.databases[f"uid-{self.uids}"] = self.uids if database is None else database
        self.served[address] = self.databases[f"uid-{self.uids}"]
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
            bindings=dict.fromkeys(self.bound, 1),
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
                assert registry not in self.bound
                self.known.pop(place, None)
                self.registries.pop(registry, None)
                self.robots.pop(registry, None)
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
                self.reconcile(name)
            case TakeOver(harbor=harbor, registry=name):
                self._adopted(harbor, name)
            case Follow(registry=name, harbor=harbor):
                self.registries[name] = renewed(self.registries[name], harbor)
                self._adopted(harbor, name)
            case Prove():
                self._prove(step)

    def _prove(self, claim: Prove) -> None:
        name, harbor = claim.registry, claim.harbor
        inside = self.databases[harbor.uid]
        opened = self.served[self.registries[name].address] == inside
        there = robots(*shown(1)) if self.robots.get(name) == inside else robots()
        holder = next((one for one in self.known.values() if one.registry == name), None)
        found = settle_claim(
            claim,
            _as_shown(there, opened=opened, refused=harbor.uid in self.refused),
            recorded(1) if name in self.robots else (),
            now=self.now,
            bindings=name in self.bound,
            holder=holder,
            known=self.known.get(harbor.place),
        )
        if isinstance(found, Note):
            self.known[harbor.place] = found.managed
            return
        if isinstance(found, Replace) and name in self.bound:
            self.held.add(name)
        if name in self.bound and name not in self.held:
            assert self.bound[name] == inside  # another Harbor never inherits a grant
        if self.bound.get(name) == inside:
            assert name not in self.held  # the same one never loses a binding
        if holder is not None and holder.place != harbor.place:
            left = {"standing": Standing.MOVED, "registry": ""}
            self.known[holder.place] = holder.model_copy(update=left)
        self.registries[name] = renewed(self.registries[name], harbor)
        self._adopted(harbor, name)
        if isinstance(found, Replace):
            self.reconcile(name)

    def reconcile(self, name: str) -> None:
        """Let robot accounts be made in whatever Harbor answers at a registry's address."""
        self.robots[name] = self.served[self.registries[name].address]

    def bind(self, name: str) -> None:
        """Somebody binds spaces of the Harbor that the registry was last seen to be."""
        self.bound[name] = self.robots[name]
        self.held.discard(name)

    def _adopted(self, harbor: ManagedHarbor, name: str) -> None:
        self.known[harbor.place] = Managed(
            place=harbor.place, uid=harbor.uid, standing=Standing.ADOPTED, registry=name
        )


def _as_shown(
    there: Seen[ObservedRobot] | Unseen, *, opened: bool, refused: bool
) -> Seen[ObservedRobot] | Unseen:
    if refused:
        return unseen(Reason.BAD_CREDENTIALS, "the password is not accepted")
    return there if opened else DOWN


OFTEN = ("make", "move", "made again", "moved away")
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
    "bind",
    "wrong password",
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
        for of in (world.registries, world.robots, world.bound):
            of.pop(known.registry, None)
        world.held.discard(known.registry)
        update = {"standing": Standing.KEPT_OUT, "registry": ""}
        world.known[place] = known.model_copy(update=update)
    elif what == "give a block" and place in world.known and world.known[place].registry:
        name = world.known[place].registry
        block = {"credential": BlockRef(name="admin")}
        world.registries[name] = world.registries[name].model_copy(update=block)
    elif what == "bind" and place in world.known and world.known[place].registry in world.robots:
        world.bind(world.known[place].registry)
    elif place in world.harbors:
        _edit(world, what, place, number)
        _again(world, what, place, number)
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


def _again(world: World, what: str, place: Place, number: int) -> None:
    """The same Harbor, with its database, under another object here or elsewhere."""
    there = world.harbors[place]
    if what == "made again":
        world.make(place, there.address, world.databases[there.uid])
    elif what == "moved away":
        world.make(PLACES[number % len(PLACES)], there.address, world.databases[there.uid])
    elif what in ("move", "plain http"):
        world.served[there.address] = world.databases[there.uid]
    elif what == "wrong password":
        world.refused ^= {there.uid}


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
@_case("make", "bind", "made again", "made again")
@_case("make", "bind", "moved away", "delete")
@_case("make", "bind", "moved away", "delete", "made again", "make")
@_case("make", "bind", "delete", "wait", "wait", "wait", "make")
@_case("make", "bind", "make", "bind", "wrong password", "made again")
@_case("by hand", "make", "take over", "delete")
@_case("by hand", "make", "take over", "make")
@_case("make", "give a block", "plain http")
@example([("make", PLACES[0], 1), ("make", PLACES[1], 1), ("plain http", PLACES[0], 2)])
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
        left = [step for step in world.plan().steps if not isinstance(step, Prove)]
        assert left == []  # what is not proved is asked again each time
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
    if isinstance(step, Adopt | Follow):
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
        if isinstance(step, Prove):
            assert world.registries[step.registry].origin is Origin.MANAGED
            assert world.registries[step.registry].address == step.harbor.address
        if isinstance(step, Follow):
            assert known is not None
            assert known.uid == step.harbor.uid
        if isinstance(step, TakeOver):
            assert place in world.take_over
        if known is not None and known.standing is Standing.KEPT_OUT:
            there = world.harbors.get(place)
            assert there is None or there.uid != known.uid or isinstance(step, Retire)
