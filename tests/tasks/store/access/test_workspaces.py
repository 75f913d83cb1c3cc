"""Workspaces, and the namespaces listed for them by hand."""

import pytest

from flows.operations import bindings as binding_operations
from flows.operations import memberships
from models.access.binding import Workspace
from models.clusters.membership import WorkspaceSource
from models.tables import AuditRow, ListedNamespaceRow, NamespaceRow
from tasks.store.access import bindings, workspaces
from tasks.store.session import in_transaction, run_in_transaction
from tests.support.access_builders import binding, namespace
from tests.support.builders import NOW, run_context
from tests.tasks.store.access_tools import registered_cluster
from tests.tasks.store.tools import integrate, rows

pytestmark = pytest.mark.usefixtures("database")

A, B = Workspace(name="team-a", description="Ann's"), Workspace(name="team-b")
RUN = run_context("run-2", now=NOW)


def create(workspace: Workspace, *listed: tuple[str, str]) -> None:
    run_in_transaction(memberships.add_or_update_workspace, workspace, listed, RUN)


def assignments(cluster: str) -> dict[str, set[str]]:
    rules = run_in_transaction(workspaces.get_membership_rules, cluster)
    return {namespace: set(names) for namespace, names in rules.listed.items()}


def workspace_events() -> list[tuple[str, str, str]]:
    audit_rows = [row for row in rows(AuditRow) if row.what.startswith("workspace.")]
    return [(row.what, row.workspace, row.why) for row in audit_rows]


async def test_created_with_its_list() -> None:
    async with registered_cluster("eu"), registered_cluster("us"):
        create(B, ("eu", "web"))
        create(A, ("eu", "shop"), ("us", "shop"), ("eu", "shop"), ("eu", "web"))
    assert run_in_transaction(workspaces.list_workspaces) == (A, B)
    assert assignments("eu") == {
        "shop": {"team-a"},
        "web": {"team-a", "team-b"},  # told as a conflict where namespaces are settled
    }
    assert assignments("us") == {"shop": {"team-a"}}
    assert workspace_events() == [
        ("workspace.created", "team-b", "by hand"),
        ("workspace.created", "team-a", "by hand"),
    ]


async def test_created_again_is_brought_up_to_date() -> None:
    """The list takes the place of the one before; others' lists stay."""
    async with registered_cluster("eu"):
        create(B, ("eu", "web"))
        create(A, ("eu", "shop"))
        create(A.model_copy(update={"description": ""}), ("eu", "new"))
    assert run_in_transaction(workspaces.list_workspaces)[0].description == ""
    assert assignments("eu") == {
        "new": {"team-a"},
        "web": {"team-b"},
    }
    assert len(workspace_events()) == 2


def uids() -> dict[str, str]:
    listed = run_in_transaction(workspaces.get_membership_rules, "eu").listed
    return {name: uid for name, entries in listed.items() for uid in entries.values()}


async def test_the_list_means_the_namespaces_that_are_observed_first() -> None:
    async with registered_cluster("eu") as lease_id:
        context = RUN.model_copy(update={"lease_id": lease_id})

        async def observe(**uid_by_name: str) -> None:
            namespaces = [namespace(name, None, uid=uid) for name, uid in uid_by_name.items()]
            await in_transaction(memberships.update_memberships, "eu", namespaces, context)

        await observe(shop="1")
        create(A, ("eu", "shop"), ("eu", "web"))
        assert uids() == {"shop": "1", "web": ""}
        await observe(shop="2", web="3")
        assert uids() == {"shop": "1", "web": "3"}
        await observe(shop="2")
        create(A, ("eu", "shop"), ("eu", "web"))  # a person confirms what is on record
        assert uids() == {"shop": "2", "web": ""}


async def test_a_namespace_that_is_being_deleted_is_not_the_one_that_is_listed() -> None:
    async with registered_cluster("eu") as lease_id:
        context = RUN.model_copy(update={"lease_id": lease_id})
        ending = [namespace("shop", None, uid="1", terminating=True)]
        await in_transaction(memberships.update_memberships, "eu", ending, context)
        create(A, ("eu", "shop"))
        assert uids() == {"shop": ""}


def test_a_restriction_is_saved_and_audited() -> None:
    restricted = A.model_copy(update={"clusters": ("eu", "us")})
    for workspace in (restricted, restricted, A):
        create(workspace)
        assert run_in_transaction(workspaces.list_workspaces) == (workspace,)
    entries = [row for row in rows(AuditRow) if row.what == "workspace.updated"]
    assert [(row.before, row.after) for row in entries] == [
        ("all clusters", "eu, us"),
        ("eu, us", "all clusters"),
    ]


def test_created_again_keeps_its_bindings() -> None:
    integrate()
    create(A)
    run_in_transaction(binding_operations.bind, [binding()], RUN)
    create(A)
    assert run_in_transaction(bindings.list_bindings) == (binding(),)


async def test_discovered_by_label() -> None:
    create(A)
    async with registered_cluster("eu") as lease_id:
        context = RUN.model_copy(update={"lease_id": lease_id})
        namespaces = [namespace("x", "team-b"), namespace("y"), namespace("z", "team-b")]
        for _ in range(2):
            await in_transaction(memberships.update_memberships, "eu", namespaces, context)
    labelled = Workspace(name="team-b", source=WorkspaceSource.LABEL)
    assert run_in_transaction(workspaces.list_workspaces) == (A, labelled)
    assert workspace_events()[1:] == [("workspace.created", "team-b", "named by a namespace label")]


async def test_removed_with_all_that_belongs_to_it() -> None:
    integrate()
    async with registered_cluster("eu") as lease_id:
        create(A, ("eu", "shop"))
        create(B, ("eu", "web"))
        context = RUN.model_copy(update={"lease_id": lease_id})
        namespaces = [namespace("shop"), namespace("web", "team-b")]
        await in_transaction(memberships.update_memberships, "eu", namespaces, context)
        new_bindings = [binding(), binding(workspace="team-b")]
        run_in_transaction(binding_operations.bind, new_bindings, RUN)
        run_in_transaction(memberships.remove_workspace_records, "team-a", RUN)
    assert run_in_transaction(workspaces.list_workspaces) == (B,)
    assert run_in_transaction(bindings.list_bindings) == (binding(workspace="team-b"),)
    assert [row.workspace for row in rows(ListedNamespaceRow)] == ["team-b"]
    assert sorted((row.name, row.workspace, row.source) for row in rows(NamespaceRow)) == [
        ("shop", None, None),
        ("web", "team-b", "label"),
    ]
    assert workspace_events()[-1] == ("workspace.removed", "team-a", "by hand")


def test_removing_who_is_not_there_harms_nobody() -> None:
    create(A)
    run_in_transaction(memberships.remove_workspace_records, "ghost", RUN)
    assert run_in_transaction(workspaces.list_workspaces) == (A,)


def test_removed_it_is_audited_which_bindings_go_with_it() -> None:
    integrate()
    create(A)
    new_binding = binding(workspace="team-a")
    run_in_transaction(binding_operations.bind, [new_binding], RUN)
    removed_bindings = run_in_transaction(memberships.remove_workspace_records, "team-a", RUN)
    assert [(record.registry, record.space) for record in removed_bindings] == [
        (new_binding.registry, new_binding.space)
    ]
    assert run_in_transaction(bindings.list_bindings) == ()
    audit_rows = [row for row in rows(AuditRow) if row.what == "space.unbound"]
    assert [(row.registry_name, row.subject, row.workspace, row.why) for row in audit_rows] == [
        (new_binding.registry, new_binding.space, "team-a", "the workspace is removed")
    ]
