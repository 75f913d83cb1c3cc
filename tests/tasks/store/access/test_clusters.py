"""Clusters, their namespaces, and how pull secrets were left there."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from flows.operations import memberships
from models.access.binding import Workspace
from models.clusters.cluster import Cluster, ClusterStatus
from models.clusters.membership import Namespace, WorkspaceSource
from models.clusters.pull_secret import PullSecretState, PullSecretStatus
from models.core.audit import AuditEntry
from models.core.errors import InvalidRequest, LeaseHeld
from models.core.reasons import Reason
from models.registries.registry import BlockRef
from models.tables import LeaseRow, ListedNamespaceRow, NamespaceRow, PullSecretRow
from tasks.store.access import clusters, workspaces
from tasks.store.access.clusters import lease_key
from tasks.store.session import get_engine, in_transaction, run_in_transaction
from tests.support.access_builders import cluster, login, namespace, pull_secret_status
from tests.support.builders import NOW, run_context
from tests.tasks.store.access_tools import STATE, registered_cluster
from tests.tasks.store.tools import audit_entries, rows

pytestmark = pytest.mark.usefixtures("database")

LATER = NOW + timedelta(minutes=1)
RUN = run_context("run-2", now=LATER)
EVERY_FIELD = (
    namespace("a", uid="1"),
    namespace("b", "team-b", source=WorkspaceSource.LISTED, terminating=True),
    namespace("c", None, problem=Reason.WORKSPACE_CONFLICT, message="two claims"),
)
SECRET_STATUSES = (
    pull_secret_status("a", logins=(login(), login("images", None, account="pull"))),
    pull_secret_status(
        "b",
        PullSecretState.REFUSED,
        Reason.FOREIGN_SECRET,
        "there is one",
        logins=(),
        fingerprint="",
        delivered_at=None,
    ),
)
ENTRY = AuditEntry(subject="a", action="namespace.joined", cluster="eu")


async def save(
    lease_id: str,
    namespaces: tuple[Namespace, ...] | None = None,
    statuses: tuple[PullSecretStatus, ...] | None = None,
    *entries: AuditEntry,
    name: str = "eu",
) -> None:
    context = RUN.model_copy(update={"lease_id": lease_id})
    if namespaces is not None:
        await in_transaction(clusters.save_namespaces, name, namespaces, entries, context)
    if statuses is not None:
        await in_transaction(clusters.save_pull_secrets, name, statuses, entries, context)


@contextmanager
def record_writes(database: str) -> Iterator[list[str]]:
    """Collect the names of the tables whose rows are written, one for each row."""
    tables: list[str] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        verb, *tokens = statement.split()
        if verb in {"INSERT", "UPDATE", "DELETE"}:
            table = tokens[0] if verb == "UPDATE" else tokens[1]
            row_count = len(parameters) if isinstance(parameters, list) else 1
            tables.extend([table] * row_count)

    engine = get_engine(database)
    event.listen(engine, "before_cursor_execute", note)
    yield tables
    event.remove(engine, "before_cursor_execute", note)


async def test_registered_as_it_was_given() -> None:
    full = Cluster(
        name="eu", credential=BlockRef(name="eu"), links_accounts=False, description="Ours"
    )
    async with registered_cluster(spec=full), registered_cluster("us"):
        pass
    assert run_in_transaction(clusters.list_names) == ("eu", "us")
    assert run_in_transaction(clusters.list_clusters) == (full, cluster("us"))
    cluster_record = run_in_transaction(clusters.get_cluster, "eu")
    assert (cluster_record.cluster, cluster_record.status) == (full, STATE)
    assert (cluster_record.namespaces, cluster_record.pull_secrets) == ((), ())
    assert audit_entries() == [("cluster.registered", "eu"), ("cluster.registered", "us")]


async def test_registered_again() -> None:
    """What is known of it stays."""
    async with registered_cluster() as lease_id:
        await save(lease_id, EVERY_FIELD, SECRET_STATUSES)
    async with registered_cluster():
        pass
    assert audit_entries()[-1][0] != "cluster.updated"
    changed = cluster(links_accounts=False)
    async with registered_cluster(spec=changed):
        pass
    cluster_record = run_in_transaction(clusters.get_cluster, "eu")
    assert (cluster_record.cluster, cluster_record.namespaces, cluster_record.pull_secrets) == (
        changed,
        EVERY_FIELD,
        SECRET_STATUSES,
    )
    assert audit_entries()[-1] == ("cluster.updated", "eu")


async def test_a_cluster_that_nobody_knows() -> None:
    with pytest.raises(InvalidRequest, match="no cluster 'eu'; registered clusters: none"):
        run_in_transaction(clusters.get_cluster, "eu")
    async with registered_cluster("us"):
        pass
    with pytest.raises(InvalidRequest, match="no cluster 'eu'; registered clusters: us"):
        run_in_transaction(clusters.get_cluster, "eu")


async def test_its_state() -> None:
    unreachable_state = ClusterStatus(
        reachable=False, reason=Reason.TIMED_OUT, message="no answer", since=LATER, looked_at=LATER
    )
    entry = AuditEntry(subject="eu", action="cluster.unreachable", cluster="eu")
    async with registered_cluster() as lease_id:
        await in_transaction(
            clusters.save_status,
            "eu",
            unreachable_state,
            [entry],
            RUN.model_copy(update={"lease_id": lease_id}),
        )
    assert run_in_transaction(clusters.get_cluster, "eu").status == unreachable_state
    assert audit_entries()[-1] == ("cluster.unreachable", "eu")


async def test_saved_as_it_is() -> None:
    async with registered_cluster() as lease_id, registered_cluster("us") as other:
        await save(lease_id, EVERY_FIELD, SECRET_STATUSES, ENTRY)
        await save(
            other,
            (namespace("a", cluster="us"),),
            (pull_secret_status("a", cluster="us"),),
            name="us",
        )
    cluster_record = run_in_transaction(clusters.get_cluster, "eu")
    assert (cluster_record.namespaces, cluster_record.pull_secrets) == (
        EVERY_FIELD,
        SECRET_STATUSES,
    )
    assert len(run_in_transaction(clusters.list_namespaces)) == 4
    assert len(run_in_transaction(clusters.list_pull_secrets)) == 3
    assert audit_entries()[2:] == [("namespace.joined", "a")] * 2  # as given, for both parts


async def test_what_joins_and_leaves_is_audited_and_its_workspaces_are_created_once() -> None:
    async with registered_cluster() as lease_id:
        context = RUN.model_copy(update={"lease_id": lease_id})
        for namespaces in (EVERY_FIELD, EVERY_FIELD, EVERY_FIELD[1:]):
            await in_transaction(memberships.update_memberships, "eu", namespaces, context)
    assert run_in_transaction(clusters.list_namespaces) == EVERY_FIELD[1:]
    assert run_in_transaction(workspaces.list_names) == ("team-a", "team-b")
    assert audit_entries()[1:] == [
        ("namespace.joined", "a"),
        ("namespace.joined", "b"),
        ("namespace.disputed", "c"),
        ("workspace.created", "team-a"),  # by label or list, once each
        ("workspace.created", "team-b"),
        ("namespace.left", "a"),
    ]


async def test_only_changed_rows_are_written(database: str) -> None:
    async with registered_cluster() as lease_id:
        await save(lease_id, EVERY_FIELD, SECRET_STATUSES)
        with record_writes(database) as tables:
            await save(lease_id, EVERY_FIELD, SECRET_STATUSES)
        assert tables == []
        moved_namespace = EVERY_FIELD[0].model_copy(update={"workspace": "team-b"})
        changed_status = SECRET_STATUSES[1].model_copy(update={"message": "still there"})
        with record_writes(database) as tables:
            await save(
                lease_id, (moved_namespace, *EVERY_FIELD[1:]), (SECRET_STATUSES[0], changed_status)
            )
        assert tables == ["namespace", "delivery"]
    cluster_record = run_in_transaction(clusters.get_cluster, "eu")
    assert (cluster_record.namespaces[0], cluster_record.pull_secrets) == (
        moved_namespace,
        (SECRET_STATUSES[0], changed_status),
    )


async def test_a_thousand_namespaces_and_one_that_moves(database: str) -> None:
    namespaces = tuple(namespace(f"n{number:04}") for number in range(1000))
    statuses = tuple(pull_secret_status(item.name) for item in namespaces)
    async with registered_cluster() as lease_id:
        await save(lease_id, namespaces, statuses)
        moved_namespace = namespaces[500].model_copy(update={"workspace": "team-b"})
        with record_writes(database) as tables:
            await save(lease_id, (*namespaces[:500], moved_namespace, *namespaces[501:]), statuses)
        assert tables == ["namespace"]
        moved_again = moved_namespace.model_copy(update={"workspace": "team-c"})
        with record_writes(database) as tables:
            context = RUN.model_copy(update={"lease_id": lease_id})
            moved_namespaces = (*namespaces[:500], moved_again, *namespaces[501:])
            await in_transaction(memberships.update_memberships, "eu", moved_namespaces, context)
        entries = ["namespace.left", "namespace.joined", *["workspace.created"] * 2]
        assert sorted(tables) == ["audit"] * 4 + ["namespace"] + ["workspace"] * 2
        assert [action for action, _ in audit_entries()[-4:]] == entries
        await save(lease_id, namespaces[:1], statuses[:1])
    assert len(rows(NamespaceRow)) == len(rows(PullSecretRow)) == 1


async def test_a_namespace_that_vanishes_takes_its_delivery_along() -> None:
    """Another cluster's namespace of the same name keeps its own."""
    async with registered_cluster() as lease_id, registered_cluster("us") as other:
        await save(lease_id, EVERY_FIELD, SECRET_STATUSES)
        await save(
            other,
            (namespace("a", cluster="us"),),
            (pull_secret_status("a", cluster="us"),),
            name="us",
        )
        await save(lease_id, EVERY_FIELD[1:])
    assert run_in_transaction(clusters.list_pull_secrets) == (
        SECRET_STATUSES[1],
        pull_secret_status("a", cluster="us"),
    )
    assert len(run_in_transaction(clusters.list_namespaces)) == 3


async def test_a_delivery_that_is_not_named_is_none() -> None:
    async with registered_cluster() as lease_id:
        await save(lease_id, EVERY_FIELD, SECRET_STATUSES)
        await save(lease_id, statuses=SECRET_STATUSES[1:])
    assert run_in_transaction(clusters.list_pull_secrets) == SECRET_STATUSES[1:]
    assert run_in_transaction(clusters.list_namespaces) == EVERY_FIELD


@pytest.mark.parametrize("other_lease_id", ["somebody", ""])
async def test_nothing_is_saved_after_the_lease_is_lost(other_lease_id: str) -> None:
    async with registered_cluster() as lease_id:
        await save(lease_id, EVERY_FIELD, SECRET_STATUSES)
    before, entries_before = run_in_transaction(clusters.get_cluster, "eu"), audit_entries()
    with pytest.raises(LeaseHeld, match="this step saved nothing"):
        await save(other_lease_id, (), None, ENTRY)
    with pytest.raises(LeaseHeld, match="this step saved nothing"):
        await save(other_lease_id, None, (), ENTRY)
    with pytest.raises(LeaseHeld, match="this step saved nothing"):
        await in_transaction(
            clusters.save_status,
            "eu",
            ClusterStatus(),
            [ENTRY],
            RUN.model_copy(update={"lease_id": other_lease_id}),
        )
    assert (run_in_transaction(clusters.get_cluster, "eu"), audit_entries()) == (
        before,
        entries_before,
    )


async def test_the_lease_on_another_cluster_is_no_lease_on_this_one() -> None:
    async with registered_cluster(), registered_cluster("us") as other:
        with pytest.raises(LeaseHeld):
            await save(other, EVERY_FIELD)
    assert run_in_transaction(clusters.list_namespaces) == ()


def test_a_cluster_and_a_registry_of_one_name_have_two_leases() -> None:
    assert lease_key("prod") != "prod"


async def test_removed_with_all_that_belongs_to_it() -> None:
    async with registered_cluster() as lease_id, registered_cluster("us") as other:
        await save(lease_id, EVERY_FIELD, SECRET_STATUSES)
        await save(
            other,
            (namespace("a", cluster="us"),),
            (pull_secret_status("a", cluster="us"),),
            name="us",
        )
        team_a = Workspace(name="team-a")
        assignments = [("eu", "a"), ("us", "a")]
        run_in_transaction(memberships.add_or_update_workspace, team_a, assignments, RUN)
        run_in_transaction(memberships.remove_cluster_records, "eu", "by hand", RUN)
        assert [row.key for row in rows(LeaseRow)] == [lease_key("us")]
        with pytest.raises(LeaseHeld):
            await save(lease_id, EVERY_FIELD)  # a run that was still at it
    assert run_in_transaction(clusters.list_names) == ("us",)
    assert run_in_transaction(clusters.list_pull_secrets) == (
        pull_secret_status("a", cluster="us"),
    )
    assert [row.cluster_name for row in rows(NamespaceRow)] == ["us"]
    assert [row.cluster_name for row in rows(ListedNamespaceRow)] == ["us"]
    assert audit_entries()[-1] == ("cluster.removed", "eu")
