"""Clusters, their namespaces, and how pull secrets were left there."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from models.clusters.cluster import Cluster, ClusterState
from models.clusters.membership import Namespace, Source
from models.clusters.pull_secret import Delivery, DeliveryStatus
from models.core.audit import Entry
from models.core.errors import Busy, InputRefused
from models.core.reasons import Reason
from models.registries.registry import BlockRef
from models.tables import DeliveryRow, LeaseRow, ListedRow, NamespaceRow, PublicationRow
from tasks.store.access import clusters, workspaces
from tasks.store.access.clusters import lease_key
from tasks.store.session import engine_for, stored, transact
from tests.support.access_builders import cluster, delivery, login, namespace
from tests.support.builders import NOW
from tests.tasks.store.access_tools import STATE, registered
from tests.tasks.store.tools import audited, rows

pytestmark = pytest.mark.usefixtures("database")

LATER = NOW + timedelta(minutes=1)
RUN = {"at": LATER, "flow_run": "run-2"}
EVERY_FIELD = (
    namespace("a", uid="1"),
    namespace("b", "team-b", source=Source.DECLARED, terminating=True),
    namespace("c", None, problem=Reason.WORKSPACE_CONFLICT, message="two claims"),
)
LEFT = (
    delivery("a", logins=(login(), login("images", None, account="pull"))),
    delivery(
        "b",
        DeliveryStatus.REFUSED,
        Reason.FOREIGN_SECRET,
        "there is one",
        logins=(),
        fingerprint="",
        delivered_at=None,
    ),
)
ENTRY = Entry(subject="a", what="namespace.joined", cluster="eu")


async def save(
    holder: str,
    settled: tuple[Namespace, ...] | None = None,
    left: tuple[Delivery, ...] | None = None,
    *entries: Entry,
    name: str = "eu",
) -> None:
    more: dict[str, Any] = {"holder": holder, **RUN}
    if settled is not None:
        await stored(clusters.save_namespaces, name, settled, entries, **more)
    if left is not None:
        await stored(clusters.save_deliveries, name, left, entries, **more)


@contextmanager
def written(database: str) -> Iterator[list[str]]:
    """Collect the names of the tables whose rows are written, one for each row."""
    found: list[str] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        verb, *words = statement.split()
        if verb in {"INSERT", "UPDATE", "DELETE"}:
            table = words[0] if verb == "UPDATE" else words[1]
            many = len(parameters) if isinstance(parameters, list) else 1
            found.extend([table] * many)

    engine = engine_for(database)
    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


async def test_registered_as_it_was_given() -> None:
    full = Cluster(
        name="eu", credential=BlockRef(name="eu"), links_accounts=False, description="Ours"
    )
    async with registered(one=full), registered("us"):
        pass
    assert transact(clusters.names) == ("eu", "us")
    assert transact(clusters.clusters) == (full, cluster("us"))
    found = transact(clusters.known, "eu")
    assert (found.cluster, found.state) == (full, STATE)
    assert (found.namespaces, found.deliveries) == ((), ())
    assert audited() == [("cluster.registered", "eu"), ("cluster.registered", "us")]


async def test_registered_again() -> None:
    """What is known of it stays."""
    async with registered() as holder:
        await save(holder, EVERY_FIELD, LEFT)
    async with registered():
        pass
    assert audited()[-1][0] != "cluster.updated"
    changed = cluster(links_accounts=False)
    async with registered(one=changed):
        pass
    found = transact(clusters.known, "eu")
    assert (found.cluster, found.namespaces, found.deliveries) == (changed, EVERY_FIELD, LEFT)
    assert audited()[-1] == ("cluster.updated", "eu")


async def test_a_cluster_that_nobody_knows() -> None:
    with pytest.raises(InputRefused, match="no cluster 'eu' here; known are: none yet"):
        transact(clusters.known, "eu")
    async with registered("us"):
        pass
    with pytest.raises(InputRefused, match="no cluster 'eu' here; known are: us"):
        transact(clusters.known, "eu")


async def test_its_state() -> None:
    gone = ClusterState(
        reachable=False, reason=Reason.TIMED_OUT, message="no answer", since=LATER, looked_at=LATER
    )
    entry = Entry(subject="eu", what="cluster.unreachable", cluster="eu")
    async with registered() as holder:
        await stored(clusters.save_state, "eu", gone, [entry], holder=holder, **RUN)  # type: ignore[arg-type]
    assert transact(clusters.known, "eu").state == gone
    assert audited()[-1] == ("cluster.unreachable", "eu")


async def test_saved_as_it_is() -> None:
    async with registered() as holder, registered("us") as other:
        await save(holder, EVERY_FIELD, LEFT, ENTRY)
        await save(
            other, (namespace("a", cluster="us"),), (delivery("a", cluster="us"),), name="us"
        )
    found = transact(clusters.known, "eu")
    assert (found.namespaces, found.deliveries) == (EVERY_FIELD, LEFT)
    assert len(transact(clusters.namespaces)) == 4
    assert len(transact(clusters.deliveries)) == 3
    created = [("workspace.created", "team-a"), ("workspace.created", "team-b")]
    assert sorted(audited())[4:] == created  # by label or list, once each


async def test_only_changed_rows_are_written(database: str) -> None:
    async with registered() as holder:
        await save(holder, EVERY_FIELD, LEFT)
        with written(database) as tables:
            await save(holder, EVERY_FIELD, LEFT)
        assert tables == []
        moved = EVERY_FIELD[0].model_copy(update={"workspace": "team-b"})
        late = LEFT[1].model_copy(update={"message": "still there"})
        with written(database) as tables:
            await save(holder, (moved, *EVERY_FIELD[1:]), (LEFT[0], late))
        assert tables == ["namespace", "delivery"]
    found = transact(clusters.known, "eu")
    assert (found.namespaces[0], found.deliveries) == (moved, (LEFT[0], late))


async def test_a_thousand_namespaces_and_one_that_moves(database: str) -> None:
    many = tuple(namespace(f"n{number:04}") for number in range(1000))
    left = tuple(delivery(one.name) for one in many)
    async with registered() as holder:
        await save(holder, many, left)
        moved = many[500].model_copy(update={"workspace": "team-b"})
        with written(database) as tables:
            await save(holder, (*many[:500], moved, *many[501:]), left)
        assert sorted(tables) == ["audit", "namespace", "workspace"]
        await save(holder, many[:1], left[:1])
    assert len(rows(NamespaceRow)) == len(rows(DeliveryRow)) == 1


async def test_a_namespace_that_vanishes_takes_its_delivery_along() -> None:
    """Another cluster's namespace of the same name keeps its own."""
    async with registered() as holder, registered("us") as other:
        await save(holder, EVERY_FIELD, LEFT)
        await save(
            other, (namespace("a", cluster="us"),), (delivery("a", cluster="us"),), name="us"
        )
        await save(holder, EVERY_FIELD[1:])
    assert transact(clusters.deliveries) == (LEFT[1], delivery("a", cluster="us"))
    assert len(transact(clusters.namespaces)) == 3


async def test_a_delivery_that_is_not_named_is_none() -> None:
    async with registered() as holder:
        await save(holder, EVERY_FIELD, LEFT)
        await save(holder, left=LEFT[1:])
    assert transact(clusters.deliveries) == LEFT[1:]
    assert transact(clusters.namespaces) == EVERY_FIELD


@pytest.mark.parametrize("late", ["somebody", ""])
async def test_nothing_is_saved_after_the_lease_is_lost(late: str) -> None:
    async with registered() as holder:
        await save(holder, EVERY_FIELD, LEFT)
    before, told = transact(clusters.known, "eu"), audited()
    with pytest.raises(Busy, match="nothing was saved"):
        await save(late, (), None, ENTRY)
    with pytest.raises(Busy, match="nothing was saved"):
        await save(late, None, (), ENTRY)
    with pytest.raises(Busy, match="nothing was saved"):
        await stored(clusters.save_state, "eu", ClusterState(), [ENTRY], holder=late, **RUN)  # type: ignore[arg-type]
    assert (transact(clusters.known, "eu"), audited()) == (before, told)


async def test_the_lease_on_another_cluster_is_no_lease_on_this_one() -> None:
    async with registered(), registered("us") as other:
        with pytest.raises(Busy):
            await save(other, EVERY_FIELD)
    assert transact(clusters.namespaces) == ()


def test_a_cluster_and_a_registry_of_one_name_have_two_leases() -> None:
    assert lease_key("prod") != "prod"


async def test_removed_with_all_that_belongs_to_it() -> None:
    async with registered() as holder, registered("us") as other:
        await save(holder, EVERY_FIELD, LEFT)
        await save(
            other, (namespace("a", cluster="us"),), (delivery("a", cluster="us"),), name="us"
        )
        team_a = transact(workspaces.workspaces)[0]
        listed = [("eu", "a"), ("us", "a")]
        transact(workspaces.create, team_a, listed, **RUN)  # type: ignore[arg-type]
        for key in ("cluster-eu", "cluster-us"):
            page = PublicationRow(key=key, digest="d", at=NOW)
            transact(lambda session, row=page: session.add(row))  # type: ignore[misc]
        transact(clusters.remove, "eu", "by hand", **RUN)  # type: ignore[arg-type]
        assert [row.key for row in rows(LeaseRow)] == [lease_key("us")]
        with pytest.raises(Busy):
            await save(holder, EVERY_FIELD)  # a run that was still at it
    assert transact(clusters.names) == ("us",)
    assert transact(clusters.deliveries) == (delivery("a", cluster="us"),)
    assert [row.cluster_name for row in rows(NamespaceRow)] == ["us"]
    assert [row.cluster_name for row in rows(ListedRow)] == ["us"]
    assert [row.key for row in rows(PublicationRow)] == ["cluster-us"]
    assert audited()[-1] == ("cluster.removed", "eu")
