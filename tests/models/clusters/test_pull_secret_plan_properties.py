"""For any cluster: plan, apply, plan again is empty, and what is not ours is as it was."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.clusters.cluster import ObservedAccount, ObservedNamespace, ObservedSecret
from models.clusters.pull_secret import (
    LARGEST,
    ClusterChange,
    ClusterOutcome,
    Deliver,
    Delivery,
    DeliveryPlan,
    DeliveryStatus,
    Due,
    Link,
    Unlink,
    Withdraw,
)
from models.clusters.pull_secret_plan import conclude_deliveries, plan_deliveries
from models.core.reasons import Reason
from tests.support.access_builders import (
    account,
    cluster,
    cluster_snapshot,
    due,
    labelled,
    login,
    went,
)
from tests.support.builders import NOW, unseen

NAMES = ("a", "b", "c", "d")
PRINTS = st.sampled_from(["one", "two", "three"])
MINUTE = timedelta(minutes=1)


@dataclass
class World:
    """A cluster, what is due there, and what is on record of it."""

    namespaces: dict[str, ObservedNamespace]
    secrets: dict[str, ObservedSecret]
    linked: dict[str, bool]
    due: dict[str, Due]
    unknown: dict[str, str]
    links: bool
    known: tuple[Delivery, ...] = ()
    turn: int = 0
    failing: set[str] = field(default_factory=set)

    @property
    def hindered(self) -> set[str]:
        """Where nothing may be written."""
        foreign = {name for name, one in self.secrets.items() if not one.ours}
        terminating = {name for name, one in self.namespaces.items() if one.terminating}
        large = {name for name, one in self.due.items() if one.size > LARGEST}
        return foreign | terminating | large | self.unknown.keys()

    def plan(self) -> DeliveryPlan:
        look = cluster_snapshot(
            self.namespaces.values(),
            self.secrets.values(),
            [account(name, linked=linked) for name, linked in self.linked.items()],
            taken_at=NOW + self.turn * MINUTE,
        )
        one = cluster(links_accounts=self.links)
        return plan_deliveries(one, look, self.due, self.known, self.unknown)

    def step(self) -> DeliveryPlan:
        self.turn += 1
        plan = self.plan()
        self.conclude(plan, self.made(plan.changes))
        return plan

    def made(self, changes: Iterable[ClusterChange]) -> list[ClusterOutcome]:
        """Make changes; within a namespace those after a failed one are left out."""
        outcomes = []
        broken = set()
        for change in changes:
            if change.namespace in broken:
                continue
            if change.kind in self.failing:
                broken.add(change.namespace)
                outcomes.append(went(change, Reason.FORBIDDEN, "no", well=False))
                continue
            self.make(change)
            outcomes.append(went(change))
        return outcomes

    def make(self, change: ClusterChange) -> None:
        name = change.namespace
        before = self.secrets.get(name)
        assert not self.namespaces[name].terminating
        assert before is None or before.ours, "it is not ours"
        assert name not in self.unknown
        if isinstance(change, Deliver):
            self.secrets[name] = ObservedSecret(
                namespace=name,
                uid=before.uid if before else f"new-{name}",
                version=f"v{self.turn}",
                ours=True,
                fingerprint=change.after,
            )
        elif isinstance(change, Withdraw):
            assert before is not None
            assert (before.uid, before.version) == (change.uid, change.version)
            del self.secrets[name]
        elif isinstance(change, Link | Unlink):
            assert self.links
            self.linked[name] = isinstance(change, Link)

    def conclude(self, plan: DeliveryPlan, outcomes: Iterable[ClusterOutcome]) -> None:
        now = NOW + self.turn * MINUTE
        self.known = conclude_deliveries(plan, outcomes, self.due, now=now)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    there = draw(st.sets(st.sampled_from(NAMES), min_size=1))
    found = World({}, {}, {}, {}, {}, draw(st.booleans()))
    for name in sorted(there):
        found.namespaces[name] = labelled(name, terminating=draw(st.booleans()))
        if draw(st.booleans()):
            found.secrets[name] = ObservedSecret(
                namespace=name,
                uid=f"uid-{name}",
                version="v0",
                ours=draw(st.booleans()),
                fingerprint=draw(st.none() | PRINTS),
            )
        if draw(st.booleans()):
            found.linked[name] = draw(st.booleans())
        wish = draw(st.sampled_from(["due", "large", "none", "unknown"]))
        if wish in {"due", "large"}:
            print_ = draw(PRINTS)
            size = LARGEST + 1 if wish == "large" else 10
            found.due[name] = due(login(robot_id=len(print_)), fingerprint=print_, size=size)
        elif wish == "unknown":
            found.unknown[name] = "the block is gone"
    if draw(st.booleans()):
        found.known = found.plan().states  # from before, pending
    return found


def _check_exactly_delivered(world: World) -> None:
    for name in world.namespaces.keys() - world.hindered:
        secret = world.secrets.get(name)
        assert (secret.fingerprint if secret else None) == (
            world.due[name].fingerprint if name in world.due else None
        )
        if name in world.due and world.links:
            assert world.linked[name]
        state = {one.namespace: one for one in world.known}.get(name)
        if name in world.due:
            assert state is not None
            assert state.status is DeliveryStatus.DELIVERED
            assert state.logins == world.due[name].logins
        else:
            assert state is None


def _check_nobody_is_believed_to_hold_what_is_not_there(world: World) -> None:
    """Robot accounts are revoked on the strength of it."""
    for state in world.known:
        secret = world.secrets.get(state.namespace)
        if state.namespace in world.unknown:
            continue
        if secret is None or not secret.ours:
            assert state.logins == ()
        elif secret.fingerprint == world.due[state.namespace].fingerprint:
            assert state.logins == world.due[state.namespace].logins


@given(worlds())
def test_planned_and_applied_there_is_nothing_left(world: World) -> None:
    world.step()
    _check_exactly_delivered(world)
    known = world.known
    assert world.step().changes == ()
    assert world.known == known


@given(worlds())
def test_what_is_not_ours_or_not_known_stays_as_it_was(world: World) -> None:
    hindered = world.hindered
    secrets = {name: one for name, one in world.secrets.items() if name in hindered}
    linked = {name: one for name, one in world.linked.items() if name in hindered}
    world.step()
    world.step()
    assert {name: one for name, one in world.secrets.items() if name in hindered} == secrets
    # A namespace whose pull secret has to go is not hindered by the size of anything.
    assert {name: one for name, one in world.linked.items() if name in hindered} == linked


@given(worlds(), st.data())
def test_killed_anywhere_a_later_run_finishes(world: World, data: st.DataObject) -> None:
    """Namespaces are changed side by side: any of them may be through, in order within each."""
    plan = world.plan()
    world.turn += 1
    for name in world.namespaces:
        own = [change for change in plan.changes if change.namespace == name]
        world.made(own[: data.draw(st.integers(0, len(own)))])
    world.step()
    _check_exactly_delivered(world)
    assert world.step().changes == ()


@given(worlds(), st.sets(st.sampled_from(["deliver", "withdraw", "link", "unlink"])))
def test_what_fails_for_an_hour_is_made_up_for(world: World, failing: set[str]) -> None:
    world.failing = failing
    world.step()
    world.step()
    _check_nobody_is_believed_to_hold_what_is_not_there(world)
    world.failing = set()
    world.step()
    _check_exactly_delivered(world)
    assert world.step().changes == ()


@given(worlds())
def test_narrow_first(world: World) -> None:
    narrows = [one.narrows for one in world.plan().changes]
    assert narrows == sorted(narrows, reverse=True)


@given(worlds(), st.sets(st.integers(0, 2), min_size=1))
def test_unseen_changes_nothing(world: World, missing: set[int]) -> None:
    sections = [
        unseen() if number in missing else section
        for number, section in enumerate(
            (
                tuple(world.namespaces.values()),
                tuple(world.secrets.values()),
                tuple(ObservedAccount(namespace=name, linked=True) for name in world.linked),
            )
        )
    ]
    look = cluster_snapshot(*sections)  # type: ignore[arg-type]
    found = plan_deliveries(cluster(), look, world.due, world.known, world.unknown)
    assert found == DeliveryPlan(cluster="eu")


@given(worlds())
def test_a_plan_survives_json(world: World) -> None:
    plan = world.plan()
    assert DeliveryPlan.model_validate_json(plan.model_dump_json()) == plan
