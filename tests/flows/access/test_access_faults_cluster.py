"""Clusters out of reach or touched by hand: nothing is withdrawn by mistake, all follows later."""

from collections.abc import Callable

from deployments.simulators.faults import Answer, Fault
from flows.access.bind_space import bind_space
from flows.access.unbind_space import unbind_space
from flows.clusters.sync_namespaces import sync_namespaces
from models.clusters.pull_secret import DeliveryStatus
from models.core.reasons import Reason
from models.tables import AuditRow
from tasks.store.access import clusters
from tasks.store.session import transact
from tests.support.helpers import completed, failed, page
from tests.support.platform import (
    Platform,
    a_minute,
    bindings_of,
    cluster_with,
    deliveries_in,
    grants_of,
    known_cluster,
    passed,
    platform,
    robots_in,
)
from tests.tasks.store.tools import rows


async def _repaired(p: Platform, reason: str, edit: Callable[[], None]) -> None:
    """Change something by hand, and let the next run set it right; a 409 may come first."""
    edit()
    assert not await p.pulls("shop", "team-a")
    before = p.writes()
    minute = await a_minute(p.name)
    assert (minute.reasons, minute.said) == ({reason}, "")
    assert p.writes() <= before + 2
    assert await p.pulls("shop", "team-a")
    assert await p.quiet()


def _failures(namespace: str) -> int:
    """How often it was written down that a pull secret could not be delivered."""
    return sum(row.what == "secret.failed" and row.subject == namespace for row in rows(AuditRow))


async def test_two_clusters_with_the_same_namespace_name(name: str) -> None:
    with cluster_with(shop="blue") as other:
        async with platform(name, "team-a", "team-b", homes={"shop": "red"}) as p:
            p.others["us"] = other
            await known_cluster("us", other)
            await p.bind("team-a", to="red")
            await p.bind("team-b", to="blue")
            can = {
                (where, space): await p.pulls("shop", space, where)
                for where in ("eu", "us")
                for space in ("team-a", "team-b")
            }
            assert {key for key, value in can.items() if value} == {
                ("eu", "team-a"), ("us", "team-b")
            }  # fmt: skip
            await p.unbind("team-b", of="blue")
            assert await p.pulls("shop", "team-a", "eu")
            assert other.secret("shop") is None
            assert (set(deliveries_in("eu")), set(deliveries_in("us"))) == ({"shop"}, set())
            assert await p.quiet()


async def test_a_namespace_that_terminates_is_written_no_more_and_nobody_waits_for_it(
    name: str,
) -> None:
    async with platform(name, "team-a") as p:
        p.cluster.terminate("shop")
        minute = await p.bind("team-a")
        assert minute.said == ""
        held = deliveries_in("eu")
        assert (held["shop"].reason, held["shop"].message) == (
            Reason.NAMESPACE_TERMINATING, "the namespace is being deleted"
        )  # fmt: skip
        assert held["till"].status is DeliveryStatus.DELIVERED
        assert all(one.effective_at for one in bindings_of(name))
        first = p.robot.id
        await a_minute(name, rotate=frozenset({"red"}))
        passed(minutes=11)
        await a_minute(name)
        assert p.robot.id != first
        p.cluster.delete_namespace("shop")
        await a_minute(name)
        assert set(deliveries_in("eu")) == {"till"}
        await a_minute(name)  # it has left: what was copied from it ends
        passed(minutes=11)
        await a_minute(name)
        assert await p.quiet()


async def test_down_for_an_hour_withdraws_nothing_and_all_follows(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", to="red")
        held, seen = p.cluster.secret("shop"), len(transact(clusters.namespaces))
        p.cluster.faults.add(Fault(Answer(503), times=None))
        told = await completed(bind_space, name, ["team-b"], ["blue"])
        assert "1 binding (1 space, 1 workspace, 1 namespace) bound" in told
        assert "what is out of reach follows when it is back: cluster eu: answered 503" in told
        assert not await p.pulls("lab", "team-b")
        told = await completed(unbind_space, name, ["team-a"], ["red"])
        assert "follows when it is back" in told
        assert not await p.pulls("shop", "team-a")
        assert list(robots_in(p.place).values()) == [frozenset({"team-b"})]
        assert "cluster eu: answered 503" in await completed(sync_namespaces)
        assert "nothing is delivered and nothing withdrawn" in await page("cluster-eu")
        assert p.cluster.secret("shop") == held
        assert set(deliveries_in("eu")) == {"shop", "till"}
        assert len(transact(clusters.namespaces)) == seen

        p.cluster.faults.clear()
        assert (await a_minute(name)).said == ""
        assert p.cluster.secret("shop") is None
        assert p.cluster.image_pull_secrets("shop") == ()
        assert await p.pulls("lab", "team-b")
        assert await p.quiet()


async def test_a_missing_right_is_named_and_holds_up_nothing_else(name: str) -> None:
    with cluster_with(shop="red") as other:
        async with platform(name, "team-a") as p:
            p.others["us"] = other
            await known_cluster("us", other)
            p.cluster.forbid("create", "secrets")
            told = await failed(bind_space, name, ["team-a"], ["red"])
            assert "cluster eu: 2 of 2 changes failed (shop: may not create secrets" in told
            assert 'grant the verb "create" on "secrets"' in told
            assert deliveries_in("eu")["shop"].reason is Reason.FORBIDDEN
            assert await p.pulls("shop", "team-a", "us")
            p.cluster.allow("create", "secrets")
            p.cluster.forbid("patch", "serviceaccounts")
            minute = await a_minute(name)
            assert 'grant the verb "patch" on "serviceaccounts"' in minute.said
            assert p.cluster.secret("shop") is not None
            p.cluster.allow("patch", "serviceaccounts")
            await a_minute(name)
            assert await p.pulls("shop", "team-a", "eu")
            assert await p.quiet()

            p.cluster.forbid("delete", "secrets")
            minute = await p.unbind("team-a")
            assert 'grant the verb "delete" on "secrets"' in minute.said
            assert other.secret("shop") is None
            assert not await p.pulls("shop", "team-a", "eu")
            p.cluster.allow("delete", "secrets")
            p.cluster.forbid("list", "secrets")
            minute = await a_minute(name)
            assert 'grant the verb "list" on "secrets"' in minute.said
            assert p.cluster.secret("shop") is not None
            p.cluster.allow("list", "secrets")
            await a_minute(name)
            assert p.cluster.secret("shop") is None
            assert await p.quiet()


async def test_a_foreign_secret_is_left_alone_told_once_and_replaced_when_it_is_gone(
    name: str,
) -> None:
    async with platform(name, "team-a") as p:
        p.cluster.foreign_secret("shop")
        foreign = p.cluster.raw_secret("shop")
        minute = await p.bind("team-a")
        assert minute.said == ""
        assert p.cluster.raw_secret("shop") == foreign
        assert "registry-integration" not in p.cluster.image_pull_secrets("shop")
        assert await p.pulls("till", "team-a")
        held = deliveries_in("eu")["shop"]
        assert (held.status, held.reason) == (DeliveryStatus.REFUSED, Reason.FOREIGN_SECRET)
        assert held.message == (
            "a Secret shop/registry-integration is there without our mark and is left alone: "
            "delete or rename it"
        )
        assert [one.effective_at for one in bindings_of(name)] == [None]
        before = p.writes()
        await a_minute(name)
        assert p.writes() == before
        assert _failures("shop") == 1
        p.cluster.delete_secret("shop")
        await a_minute(name)
        assert await p.pulls("shop", "team-a")
        assert await p.quiet()

        p.cluster.delete_secret("shop")
        p.cluster.foreign_secret("shop")
        await p.unbind("team-a")
        assert p.cluster.raw_secret("shop") is not None
        assert await p.quiet()


async def test_what_was_touched_by_hand_in_a_cluster_is_set_right(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        p.cluster.set_image_pull_secrets("shop", "mine", "registry-integration")
        await _repaired(p, "EditedByHand", lambda: p.cluster.edit_secret("shop", {"auths": {}}))
        await _repaired(p, "EditedByHand", lambda: p.cluster.delete_secret("shop"))
        await _repaired(p, "Due", lambda: p.cluster.set_image_pull_secrets("shop", "mine"))
        assert p.cluster.image_pull_secrets("shop") == ("mine", "registry-integration")
        await p.unbind("team-a")
        assert p.cluster.image_pull_secrets("shop") == ("mine",)


async def test_where_service_accounts_are_not_linked_none_is_ever_touched(name: str) -> None:
    async with platform(name, "team-a", links=False) as p:
        minute = await p.bind("team-a")
        assert minute.said == ""
        assert p.cluster.secret("shop") is not None
        assert p.cluster.image_pull_secrets("shop") == ()
        assert await p.quiet()
        p.cluster.set_image_pull_secrets("shop", "registry-integration")
        await p.unbind("team-a")
        assert p.cluster.image_pull_secrets("shop") == ("registry-integration",)
        assert not [call for call in p.cluster.requests.writes() if "serviceaccounts" in call.path]
    assert grants_of(name) == ()
