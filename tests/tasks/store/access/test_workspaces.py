"""Workspaces, and the namespaces listed for them by hand."""

import pytest

from models.access.binding import Workspace
from models.clusters.membership import Source
from models.core.errors import InputRefused
from models.tables import AuditRow, ListedRow, NamespaceRow
from tasks.store.access import bindings, clusters, workspaces
from tasks.store.session import stored, transact
from tests.support.access_builders import binding, namespace
from tests.support.builders import NOW
from tests.tasks.store.access_tools import registered
from tests.tasks.store.tools import integrate, rows

pytestmark = pytest.mark.usefixtures("database")

A, B = Workspace(name="team-a", description="Ann's"), Workspace(name="team-b")
RUN = {"at": NOW, "flow_run": "run-2"}


def create(one: Workspace, *listed: tuple[str, str]) -> None:
    transact(workspaces.create, one, listed, **RUN)  # type: ignore[arg-type]


def told() -> list[tuple[str, str, str]]:
    found = [row for row in rows(AuditRow) if row.what.startswith("workspace.")]
    return [(row.what, row.workspace, row.why) for row in found]


async def test_created_with_its_list() -> None:
    async with registered("eu"), registered("us"):
        create(B, ("eu", "web"))
        create(A, ("eu", "shop"), ("us", "shop"), ("eu", "shop"), ("eu", "web"))
    assert transact(workspaces.workspaces) == (A, B)
    assert transact(workspaces.listed, "eu") == {
        "shop": {"team-a"},
        "web": {"team-a", "team-b"},  # told as a conflict where namespaces are settled
    }
    assert transact(workspaces.listed, "us") == {"shop": {"team-a"}}
    assert told() == [
        ("workspace.created", "team-b", "by hand"),
        ("workspace.created", "team-a", "by hand"),
    ]


async def test_created_again_is_brought_up_to_date() -> None:
    """The list takes the place of the one before; others' lists stay."""
    async with registered("eu"):
        create(B, ("eu", "web"))
        create(A, ("eu", "shop"))
        create(A.model_copy(update={"description": ""}), ("eu", "new"))
    assert transact(workspaces.workspaces)[0].description == ""
    assert transact(workspaces.listed, "eu") == {"new": {"team-a"}, "web": {"team-b"}}
    assert len(told()) == 2


def test_created_again_keeps_its_bindings() -> None:
    integrate()
    create(A)
    transact(bindings.bind, [binding()], **RUN)  # type: ignore[arg-type]
    create(A)
    assert transact(bindings.bindings) == (binding(),)


def test_who_is_known() -> None:
    transact(workspaces.check_known, [])
    with pytest.raises(InputRefused, match="no workspace team-a; known are: none yet"):
        transact(workspaces.check_known, ["team-a"])
    create(B)
    create(A)
    transact(workspaces.check_known, ["team-b", "team-a"])
    with pytest.raises(InputRefused, match=r"no workspace x, y; known are: team-a, team-b. Run"):
        transact(workspaces.check_known, ["y", "team-a", "x"])


def test_discovered_by_label() -> None:
    create(A)
    for _ in range(2):
        transact(workspaces.discover, ["team-b", "team-a", "team-b"], **RUN)  # type: ignore[arg-type]
    labelled = Workspace(name="team-b", source=Source.LABEL)
    assert transact(workspaces.workspaces) == (A, labelled)
    assert told()[1:] == [("workspace.created", "team-b", "a namespace's label names it")]


async def test_removed_with_all_that_belongs_to_it() -> None:
    integrate()
    async with registered("eu") as holder:
        create(A, ("eu", "shop"))
        create(B, ("eu", "web"))
        more = {"holder": holder, **RUN}
        settled = [namespace("shop"), namespace("web", "team-b")]
        await stored(clusters.save_namespaces, "eu", settled, [], **more)  # type: ignore[arg-type]
        both = [binding(), binding(workspace="team-b")]
        transact(bindings.bind, both, **RUN)  # type: ignore[arg-type]
        transact(workspaces.remove, "team-a", **RUN)  # type: ignore[arg-type]
    assert transact(workspaces.workspaces) == (B,)
    assert transact(bindings.bindings) == (binding(workspace="team-b"),)
    assert [row.workspace for row in rows(ListedRow)] == ["team-b"]
    assert sorted((row.name, row.workspace, row.source) for row in rows(NamespaceRow)) == [
        ("shop", None, None),
        ("web", "team-b", "label"),
    ]
    assert told()[-1] == ("workspace.removed", "team-a", "by hand")


def test_removing_who_is_not_there_harms_nobody() -> None:
    create(A)
    transact(workspaces.remove, "ghost", **RUN)  # type: ignore[arg-type]
    assert transact(workspaces.workspaces) == (A,)


def test_removed_it_is_audited_which_bindings_go_with_it() -> None:
    integrate()
    create(A)
    lost = binding(workspace="team-a")
    transact(bindings.bind, [lost], **RUN)  # type: ignore[arg-type]
    dropped = transact(workspaces.remove, "team-a", **RUN)  # type: ignore[arg-type]
    assert [(one.registry, one.space) for one in dropped] == [(lost.registry, lost.space)]
    assert transact(bindings.bindings) == ()
    found = [row for row in rows(AuditRow) if row.what == "space.unbound"]
    assert [(row.registry_name, row.subject, row.workspace, row.why) for row in found] == [
        (lost.registry, lost.space, "team-a", "the workspace is removed")
    ]
