"""Workspaces that labels name, and how they are audited."""

import pytest

from models.access.binding import Workspace, missing_workspaces, workspace_entry
from models.clusters.membership import Namespace, WorkspaceSource
from models.core.audit import AuditEntry
from tests.support.access_builders import namespace


@pytest.mark.parametrize(
    ("namespaces", "existing", "expected"),
    [
        ([], [], []),
        ([namespace("x", None)], [], []),
        ([namespace()], ["team-a"], []),
        ([namespace()], ["team-b"], ["team-a"]),
        ([namespace("y", "team-c"), namespace(), namespace("z")], [], ["team-a", "team-c"]),
    ],
)
def test_workspaces_are_created_that_are_not_on_record(
    namespaces: list[Namespace], existing: list[str], expected: list[str]
) -> None:
    assert missing_workspaces(namespaces, existing) == tuple(
        Workspace(name=name, source=WorkspaceSource.LABEL) for name in expected
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (WorkspaceSource.LABEL, "named by a namespace label"),
        (WorkspaceSource.LISTED, "by hand"),
    ],
)
def test_the_audit_says_why_a_workspace_exists(source: WorkspaceSource, reason: str) -> None:
    workspace = Workspace(name="team-a", source=source)
    assert workspace_entry(workspace, "workspace.created") == AuditEntry(
        subject="team-a", action="workspace.created", workspace="team-a", reason=reason
    )
