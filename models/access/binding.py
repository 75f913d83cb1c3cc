"""Workspaces, and their bindings to spaces."""

from collections.abc import Collection, Iterable
from datetime import datetime

from pydantic import field_validator

from models.clusters.membership import Namespace, WorkspaceSource
from models.clusters.service_account_choice import DEFAULT_ACCOUNTS, normalize_choice
from models.core.audit import AuditEntry
from models.core.base import FrozenModel

_WORKSPACE_REASONS = {
    WorkspaceSource.LABEL: "named by a namespace label",
    WorkspaceSource.LISTED: "by hand",
}


class Workspace(FrozenModel):
    """A tenant of the platform, with namespaces in one or more clusters.

    Attributes:
        service_accounts: which ServiceAccounts get the pull secret: `default`, `all`, or a label
            selector.
        clusters: names of the clusters that its namespaces may be in; empty for all.
    """

    name: str
    source: WorkspaceSource = WorkspaceSource.LISTED
    description: str = ""
    service_accounts: str = DEFAULT_ACCOUNTS
    clusters: tuple[str, ...] = ()

    @field_validator("service_accounts")
    @classmethod
    def _normalize(cls, text: str) -> str:
        return normalize_choice(text)


def missing_workspaces(
    namespaces: Iterable[Namespace], existing_names: Collection[str]
) -> tuple[Workspace, ...]:
    """Return the workspaces that namespace labels name and that are not on record."""
    names = {namespace.workspace for namespace in namespaces if namespace.workspace}
    return tuple(
        Workspace(name=name, source=WorkspaceSource.LABEL)
        for name in sorted(names.difference(existing_names))
    )


def choice_entries(before: Workspace | None, after: Workspace) -> tuple[AuditEntry, ...]:
    """Return the audit entry of a workspace whose choice of ServiceAccounts changes.

    Args:
        before: the workspace on record; None if it is new.
        after: the workspace.
    """
    choice = before.service_accounts if before else DEFAULT_ACCOUNTS
    if choice == after.service_accounts:
        return ()
    entry = AuditEntry(
        subject=after.name,
        action="workspace.updated",
        before=choice,
        after=after.service_accounts,
        workspace=after.name,
        reason="ServiceAccounts that get the pull secret",
    )
    return (entry,)


def workspace_entry(workspace: Workspace, action: str) -> AuditEntry:
    """Return the audit entry of a workspace that was created or removed."""
    return AuditEntry(
        subject=workspace.name,
        action=action,
        workspace=workspace.name,
        reason=_WORKSPACE_REASONS[workspace.source],
    )


def restriction_entries(before: Workspace | None, after: Workspace) -> tuple[AuditEntry, ...]:
    """Return the audit entry of a workspace whose clusters change; none if they stay."""
    previous = before.clusters if before else ()
    if previous == after.clusters:
        return ()
    entry = AuditEntry(
        subject=after.name,
        action="workspace.updated",
        before=", ".join(previous) or "all clusters",
        after=", ".join(after.clusters) or "all clusters",
        reason="by hand",
        workspace=after.name,
    )
    return (entry,)


class Binding(FrozenModel):
    """The desired access of a workspace to a space.

    Attributes:
        bound_at: when the binding was created (UTC).
        effective_at: when it was first rolled out to all namespaces of the workspace (UTC).
        held_since: since when the binding is held (UTC): it grants no access but is not deleted,
            because the space or the whole registry was replaced. None if it is not held.
        held_reason: why it is held.
    """

    registry: str
    space: str
    workspace: str
    bound_at: datetime
    effective_at: datetime | None = None
    held_since: datetime | None = None
    held_reason: str = ""

    @property
    def is_held(self) -> bool:
        """Whether it grants no access until it is restored or dropped."""
        return self.held_since is not None
