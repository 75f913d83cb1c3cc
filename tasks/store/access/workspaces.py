"""Records of workspaces and their listed namespaces."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlmodel import Session, col, delete, select

from models.access.binding import Binding, Workspace
from models.clusters.membership import WorkspaceSource
from models.core.audit import AuditEntry
from models.core.errors import InvalidRequest
from models.core.run_context import RunContext
from models.tables import ListedNamespaceRow, NamespaceRow, PublicationRow, WorkspaceRow
from tasks.store import audit
from tasks.store.access import bindings, departures
from tasks.store.upsert import upsert


def list_workspaces(session: Session) -> tuple[Workspace, ...]:
    """Return all workspaces, sorted by name."""
    rows = session.exec(select(WorkspaceRow).order_by(col(WorkspaceRow.name)))
    return tuple(Workspace.model_validate(row.model_dump()) for row in rows)


def ensure_exist(session: Session, names: Iterable[str]) -> None:
    """Ensure that workspaces exist.

    Raises:
        InvalidRequest: one does not exist; the message lists the existing ones.
    """
    existing_names = {workspace.name for workspace in list_workspaces(session)}
    missing = sorted(set(names) - existing_names)
    if missing:
        available_names = ", ".join(sorted(existing_names)[:20]) or "none"
        raise InvalidRequest(
            f"there is no workspace {', '.join(missing[:10])}; existing workspaces: "
            f"{available_names}. Run create-workspace, or label a namespace with its name"
        )


def save_workspace(
    session: Session, workspace: Workspace, listed: Iterable[tuple[str, str]], context: RunContext
) -> None:
    """Create or update a workspace.

    Args:
        session: the transaction.
        workspace: the workspace.
        listed: (cluster, namespace) of all listed namespaces; replaces the previous list.
        context: the run that makes the change.
    """
    existing = session.get(WorkspaceRow, workspace.name)
    upsert(session, WorkspaceRow, [workspace.model_dump()])
    # Record departures now: the cluster of a namespace that is no longer listed may be unreachable.
    _save_departures(session, workspace.name, set(listed), context.now)
    session.exec(
        delete(ListedNamespaceRow).where(col(ListedNamespaceRow.workspace) == workspace.name)
    )
    for cluster, namespace in sorted(set(listed)):
        session.add(
            ListedNamespaceRow(cluster_name=cluster, namespace=namespace, workspace=workspace.name)
        )
    if existing is None:
        audit.append(session, "", [_audit_entry(workspace, "workspace.created")], context)


def _save_departures(
    session: Session, workspace: str, listed: Collection[tuple[str, str]], now: datetime
) -> None:
    members = select(NamespaceRow).where(
        col(NamespaceRow.workspace) == workspace,
        col(NamespaceRow.source) == WorkspaceSource.LISTED.value,
    )
    rows = session.exec(members)
    if any((row.cluster_name, row.name) not in listed for row in rows):
        departures.save_departures(session, [workspace], now)


def create_missing(session: Session, names: Iterable[str], context: RunContext) -> None:
    """Create the workspaces named by labels that do not exist yet."""
    existing_names = set(session.exec(select(WorkspaceRow.name)))
    for name in sorted(set(names) - existing_names):
        workspace = Workspace(name=name, source=WorkspaceSource.LABEL)
        upsert(session, WorkspaceRow, [workspace.model_dump()])
        entry = _audit_entry(workspace, "workspace.created")
        audit.append(session, "", [entry], context)


def delete_workspace(session: Session, name: str, context: RunContext) -> tuple[Binding, ...]:
    """Delete a workspace, its bindings and its list of namespaces.

    Returns:
        The deleted bindings; each one is audited.
    """
    departures.save_departures(session, [name], context.now)
    removed_bindings = bindings.list_bindings(session, workspace=name)
    bindings.unbind(session, removed_bindings, "the workspace is removed", context)
    session.exec(delete(ListedNamespaceRow).where(col(ListedNamespaceRow.workspace) == name))
    for row in session.exec(select(NamespaceRow).where(col(NamespaceRow.workspace) == name)):
        row.workspace = row.source = None
        session.add(row)
    session.exec(delete(PublicationRow).where(col(PublicationRow.key) == f"workspace-{name}"))
    session.exec(delete(WorkspaceRow).where(col(WorkspaceRow.name) == name))
    entry = _audit_entry(Workspace(name=name), "workspace.removed")
    audit.append(session, "", [entry], context)
    return removed_bindings


def _audit_entry(workspace: Workspace, event_name: str) -> AuditEntry:
    why = {WorkspaceSource.LABEL: "named by a namespace label", WorkspaceSource.LISTED: "by hand"}
    return AuditEntry(
        subject=workspace.name,
        action=event_name,
        workspace=workspace.name,
        reason=why[workspace.source],
    )


def list_assignments(session: Session, cluster: str) -> dict[str, frozenset[str]]:
    """Return the workspaces that list a namespace of a cluster, by namespace."""
    workspaces_by_namespace: dict[str, set[str]] = defaultdict(set)
    for row in session.exec(
        select(ListedNamespaceRow).where(col(ListedNamespaceRow.cluster_name) == cluster)
    ):
        workspaces_by_namespace[row.namespace].add(row.workspace)
    return {namespace: frozenset(names) for namespace, names in workspaces_by_namespace.items()}
