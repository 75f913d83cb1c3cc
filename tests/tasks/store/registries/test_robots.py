"""Robot accounts on record, with their sealed secrets; and what a run remembers of them."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from models.access.binding import Workspace
from models.clusters.membership import Source
from models.core.errors import Busy
from models.registries.plan import Plan
from models.registries.robots import Grant
from models.registries.run_record import Conclusion
from models.registries.schedule import Track
from models.tables import GrantRow
from tasks.secrets.cipher import Vault
from tasks.store import installation
from tasks.store.access import bindings, clusters, departures, rollout, workspaces
from tasks.store.leases import leased
from tasks.store.registries import robots, runs
from tasks.store.session import stored, transact
from tasks.store.state import recall, rotation_due
from tests.support.access_builders import binding, delivery, grant, login, namespace
from tests.support.builders import NOW, registry, space
from tests.tasks.store.access_tools import registered
from tests.tasks.store.tools import integrate, rows

pytestmark = pytest.mark.usefixtures("database")

VAULT = Vault((Fernet.generate_key().decode(),))
LATER = NOW + timedelta(days=91)
RUN: dict[str, Any] = {"at": LATER, "flow_run": "run-2"}
OLD = grant(1, "a", "b")
NEW = grant(2, "a", "b", login="robot$new", made_at=LATER)


def keep(*many: Grant, secret: str = "Robot-Secret") -> None:
    for one in many:
        transact(robots.keep, one, VAULT.seal(SecretStr(f"{secret}-{one.robot_id}")))


def secrets() -> dict[tuple[str, int], str]:
    return {
        key: VAULT.open(text).get_secret_value() for key, text in transact(robots.sealed).items()
    }


def platform() -> None:
    integrate()
    integrate(registry(name="other", address="http://other.test"))


def test_kept_as_it_was_made() -> None:
    platform()
    elsewhere = grant(1, registry="other", workspace="")
    keep(NEW, OLD, elsewhere)
    assert transact(robots.grants) == (elsewhere, OLD, NEW)
    assert transact(robots.grants, "prod") == (OLD, NEW)
    assert transact(robots.grants, "ghost") == ()
    assert secrets() == {
        ("other", 1): "Robot-Secret-1",
        ("prod", 1): "Robot-Secret-1",
        ("prod", 2): "Robot-Secret-2",
    }


def test_no_secret_lies_in_the_clear(database: str) -> None:
    platform()
    keep(OLD)
    assert all("Robot-Secret" not in str(row.model_dump()) for row in rows(GrantRow))


def test_a_new_secret_of_the_same_robot_takes_the_place_of_the_old() -> None:
    platform()
    keep(OLD)
    again = grant(1, "c", login="robot$again", made_at=LATER)
    keep(again, secret="Newer")
    assert transact(robots.grants) == (again,)
    assert secrets() == {("prod", 1): "Newer-1"}


def test_what_is_noted_later_leaves_the_secret_alone() -> None:
    platform()
    keep(OLD, NEW)
    before = transact(robots.sealed)
    changed = grant(1, "z", login="bot+x", workspace="team-z", made_at=LATER)
    transact(robots.note, "prod", [changed, grant(9, "nobody knows its secret")])
    seen = grant(1, "z", login="bot+x")
    assert transact(robots.grants) == (seen, NEW)
    assert transact(robots.sealed) == before


def test_forgotten() -> None:
    platform()
    keep(OLD, NEW, grant(1, registry="other"))
    transact(robots.forget, "prod", [1, 9])
    transact(robots.forget, "prod", [])
    assert transact(robots.grants) == (grant(1, registry="other"), NEW)


async def _concluded(holder: str, **parts: Any) -> None:
    conclusion = Conclusion(conditions=(), track=Track(looked_at=NOW), **parts)
    await stored(runs.save_conclusion, "prod", conclusion, holder=holder, at=NOW, flow_run="run-2")


async def test_a_run_concludes() -> None:
    platform()
    keep(OLD, NEW)
    before = transact(robots.sealed)
    async with leased("prod") as holder:
        await _concluded(holder, grants=(grant(2, "c", login=NEW.login),), revoked=(1, 7))
    assert transact(robots.grants) == (NEW.model_copy(update={"spaces": ("c",)}),)
    assert transact(robots.sealed) == {("prod", 2): before["prod", 2]}


async def test_a_run_that_lost_its_lease_forgets_nothing() -> None:
    platform()
    keep(OLD, NEW)
    with pytest.raises(Busy, match="nothing was saved"):
        await _concluded("me", grants=(grant(2, "c"),), revoked=(1,))
    assert transact(robots.grants) == (OLD, NEW)


async def test_what_was_found_is_noted_before_anything_changes_and_drops_no_secret() -> None:
    """The conclusion drops it, when the run is at its end."""
    platform()
    keep(OLD)
    plan = Plan(registry="prod", made_at=NOW, gone=(1,), remembered=(space(),))
    async with leased("prod") as holder:
        await stored(
            runs.save_findings, plan, first_look=False, holder=holder, at=NOW, flow_run="r"
        )
    assert transact(robots.grants) == (OLD,)


# What a run remembers when it begins.


def test_remembered() -> None:
    platform()
    transact(workspaces.create, Workspace(name="team-a"), [], at=NOW, flow_run="r")
    transact(bindings.bind, [binding("b"), binding("a")], at=NOW, flow_run="r")
    keep(OLD, grant(3, registry="other"))
    found = transact(recall, "prod").record
    assert found.installation == transact(installation.installation)
    assert {name: set(each) for name, each in found.bound.items()} == {"team-a": {"a", "b"}}
    assert (found.registry, found.grants, found.rotate) == ("prod", (OLD,), frozenset())


@pytest.mark.parametrize(
    ("robots", "held", "served"),
    [
        ((OLD,), 1, False),  # nobody waits: not even asked
        ((OLD, NEW), 1, False),
        ((OLD, NEW), 2, True),
    ],
)
async def test_remembered_who_is_served(robots: tuple[Grant, ...], held: int, served: bool) -> None:
    platform()
    keep(*robots)
    async with registered("eu") as holder:
        more: dict[str, Any] = {"holder": holder, "at": NOW, "flow_run": "r"}
        await stored(clusters.save_namespaces, "eu", [namespace()], [], **more)
        left = [delivery(logins=(login(robot_id=held),))]
        await stored(clusters.save_deliveries, "eu", left, [], **more)
    transact(rollout.note_rolled_out, NOW)
    assert transact(recall, "prod").record.served == ({"team-a"} if served else frozenset())


@pytest.mark.parametrize(
    ("age", "due"),
    [
        (None, {}),
        (timedelta(days=92), {}),
        (timedelta(days=90), {"prod": {"team-a"}, "other": {"team-b"}}),
    ],
)
def test_rotation_due(age: timedelta | None, due: dict[str, set[str]]) -> None:
    platform()
    keep(OLD, grant(2, workspace="team-b", registry="other"))
    keep(grant(4, workspace="team-c", made_at=LATER), grant(5, workspace=""))
    assert transact(rotation_due, age, LATER) == due


# Departures.


async def test_leaving_is_on_record_where_there_is_a_robot_until_there_is_another() -> None:
    platform()
    keep(OLD, grant(9, workspace="team-b"), grant(3, registry="other"))
    ours, theirs = namespace("shop"), namespace("web", "team-b")
    async with registered() as holder:
        await stored(clusters.save_namespaces, "eu", (ours, theirs), (), holder=holder, **RUN)
        assert transact(departures.departures) == ()
        await stored(clusters.save_namespaces, "eu", (theirs,), (), holder=holder, **RUN)
    left = {(one.registry, one.workspace): one for one in transact(departures.departures)}
    assert left.keys() == {("prod", "team-a"), ("other", "team-a")}
    assert left["prod", "team-a"].left_at == LATER
    again = LATER + timedelta(minutes=1)
    transact(departures.record, ["team-a", "ghost"], again)  # the first counts
    keep(NEW)
    now = {one.registry: one for one in transact(departures.departures)}
    assert (now["prod"].left_at, now["prod"].rotated_at) == (None, NEW.made_at)
    assert (now["other"].left_at, now["other"].rotated_at) == (LATER, None)


async def test_a_cluster_that_is_removed_takes_its_namespaces_along() -> None:
    platform()
    keep(OLD)
    async with registered() as holder:
        await stored(clusters.save_namespaces, "eu", (namespace(),), (), holder=holder, **RUN)
    transact(clusters.remove, "eu", "it is gone", **RUN)
    assert [one.workspace for one in transact(departures.departures)] == ["team-a"]


async def test_who_is_not_listed_any_more_leaves_also_if_the_cluster_is_out_of_reach() -> None:
    platform()
    keep(OLD)
    told, both = Workspace(name="team-a"), [("eu", "shop"), ("eu", "web")]
    listed = [namespace(name, source=Source.DECLARED) for name in ("shop", "web")]
    async with registered() as holder:
        transact(workspaces.create, told, both, **RUN)
        await stored(clusters.save_namespaces, "eu", listed, (), holder=holder, **RUN)
    transact(workspaces.create, told, both, **RUN)
    assert transact(departures.departures) == ()
    transact(workspaces.create, told, both[:1], **RUN)
    assert [one.workspace for one in transact(departures.departures)] == ["team-a"]


async def test_since_when_a_new_secret_is_everywhere() -> None:
    platform()
    keep(OLD)
    async with registered() as holder:
        await stored(clusters.save_namespaces, "eu", (namespace(),), (), holder=holder, **RUN)
        transact(rollout.note_rolled_out, NOW)
        keep(NEW)
        transact(rollout.note_rolled_out, NOW)
        assert [one.rolled_out_at for one in transact(robots.grants)] == [None, None]
        held = (delivery(logins=(login(robot_id=2),)),)
        await stored(clusters.save_deliveries, "eu", held, (), holder=holder, **RUN)
    transact(rollout.note_rolled_out, NOW)
    transact(rollout.note_rolled_out, LATER)  # the first time counts
    assert [one.rolled_out_at for one in transact(robots.grants)] == [None, NOW]
    assert transact(recall, "prod").record.served == {"team-a"}
