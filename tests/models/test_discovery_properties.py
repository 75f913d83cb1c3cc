"""Whatever happens to managed Harbors, discovery ends in agreement, and destroys on no doubt."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from models.discovery import plan_discovery, renewed, secret_ref, tls_of
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
from models.registry import Kind, Origin, Registry
from models.snapshot import Seen, Unseen
from tests.builders import NOW

GRACE = timedelta(hours=72)
CLUSTERS = ("eu", "us")
PLACES = tuple(
    Place(cluster=cluster, namespace="hub", name=name, kind=SourceKind.OPERATOR)
    for cluster in CLUSTERS
    for name in ("a", "b")
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

    def make(self, place: Place, address: int) -> None:
        self.uids += 1
        self.harbors[place] = ManagedHarbor(
            place=place,
            uid=f"uid-{self.uids}",
            address=f"https://h{address}.example.com",
            password=SecretKey(namespace="hub", name=place.name, key="secret"),
        )

    def plan(self) -> DiscoveryPlan:
        seen: dict[str, Seen[ManagedHarbor] | Unseen] = {
            cluster: DOWN if cluster in self.down else Seen(items=tuple(self._in(cluster)))
            for cluster in CLUSTERS
        }
        return plan_discovery(
            seen, self.known.values(), self.registries.values(), now=self.now, grace=GRACE
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
            case TakeOver() | Follow() | Replace():
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
    "down",
    "up",
    "keep out",
    "wait",
    "by hand",
)

events = st.tuples(st.sampled_from(OFTEN * 4 + SELDOM), st.sampled_from(PLACES), st.integers(1, 3))


def happen(world: World, event: tuple[str, Place, int]) -> None:
    what, place, number = event
    there = world.harbors.get(place)
    if what == "make":
        world.make(place, number)
    elif what == "delete":
        world.harbors.pop(place, None)
    elif what == "down":
        world.down.add(place.cluster)
    elif what == "up":
        world.down.discard(place.cluster)
    elif what == "wait":
        world.now += timedelta(hours=30)
    elif what == "by hand":
        _by_hand(world, f"https://h{number}.example.com")
    elif what == "keep out" and place in world.known and world.known[place].registry:
        known = world.known[place]
        world.registries.pop(known.registry, None)
        update = {"standing": Standing.KEPT_OUT, "registry": ""}
        world.known[place] = known.model_copy(update=update)
    elif there is not None:
        changes: dict[str, dict[str, object]] = {
            "move": {"address": f"https://h{number}.example.com"},
            "provision": {"phase": Phase.PROVISIONING},
            "lose secret": {"password": None},
            "other secret": {
                "password": SecretKey(namespace="hub", name=f"s{number}", key="secret")
            },
        }
        world.harbors[place] = there.model_copy(update=changes.get(what, {}))


def _by_hand(world: World, address: str) -> None:
    if all(one.address != address for one in world.registries.values()):
        name = f"hand-{len(world.registries)}-{world.uids}"
        world.registries[name] = Registry(name=name, kind=Kind.HARBOR, address=address)


@settings(max_examples=200)
@given(st.lists(events, max_size=20))
def test_discovery_ends_in_agreement_and_destroys_nothing_on_doubt(
    happened: list[tuple[str, Place, int]],
) -> None:
    world = World()
    for event in happened:
        happen(world, event)
        plan = world.plan()
        _check(world, plan)
        for step in plan.steps:
            world.carry_out(step)
        for _ in range(3):  # an address that one gave up is free for another at the next look
            again = world.plan()
            for step in again.steps:
                world.carry_out(step)
        assert world.plan().steps == ()
        hosts = [one.where.netloc for one in world.registries.values()]
        assert len(hosts) == len(set(hosts))


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
        if known is not None and known.standing is Standing.KEPT_OUT:
            there = world.harbors.get(place)
            assert there is None or there.uid != known.uid or isinstance(step, Retire)
