"""Workspaces, and the namespaces listed for them by hand."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlmodel import Session, col, delete, select

from models.access.binding import Binding, Workspace
from models.clusters.membership import Source
from models.core.audit import Entry
from models.core.errors import InputRefused
from models.tables import ListedRow, NamespaceRow, PublicationRow, WorkspaceRow
from tasks.store import audit
from tasks.store.access import bindings, departures
from tasks.store.upsert import upsert


def workspaces(session: Session) -> tuple[Workspace, ...]:
    """Return all workspaces, by name."""
    rows = session.exec(select(WorkspaceRow).order_by(col(WorkspaceRow.name)))
    return tuple(Workspace.model_validate(row.model_dump()) for row in rows)


def check_known(session: Session, names: Iterable[str]) -> None:
    """Make sure that workspaces are there.

    Raises:
        InputRefused: one is not; the message lists those there are.
    """
    known = {one.name for one in workspaces(session)}
    missing = sorted(set(names) - known)
    if missing:
        listed = ", ".join(sorted(known)[:20]) or "none yet"
        raise InputRefused(
            f"there is no workspace {', '.join(missing[:10])}; known are: {listed}. Run "
            "create-workspace, or label a namespace with it"
        )


def create(
    session: Session,
    workspace: Workspace,
    listed: Iterable[tuple[str, str]],
    *,
    at: datetime,
    flow_run: str,
) -> None:
    """Create a workspace, or bring one that is there up to date.

    A namespace that is not listed any more may be in a cluster that is out of reach: that it leaves
    is noted now.

    Args:
        listed: (cluster, namespace) that belong to it, instead of those listed before.
    """
    known = session.get(WorkspaceRow, workspace.name)
    upsert(session, WorkspaceRow, [workspace.model_dump()])
    _unlist(session, workspace.name, set(listed), at)
    session.exec(delete(ListedRow).where(col(ListedRow.workspace) == workspace.name))
    for cluster, namespace in sorted(set(listed)):
        session.add(ListedRow(cluster_name=cluster, namespace=namespace, workspace=workspace.name))
    if known is None:
        audit.write(session, "", [_entry(workspace, "workspace.created")], at=at, flow_run=flow_run)


def _unlist(
    session: Session, workspace: str, listed: Collection[tuple[str, str]], at: datetime
) -> None:
    members = select(NamespaceRow).where(
        col(NamespaceRow.workspace) == workspace, col(NamespaceRow.source) == Source.DECLARED.value
    )
    rows = session.exec(members)
    if any((row.cluster_name, row.name) not in listed for row in rows):
        departures.record(session, [workspace], at)


def discover(session: Session, names: Iterable[str], *, at: datetime, flow_run: str) -> None:
    """Create the workspaces that labels name and that are not there yet."""
    known = set(session.exec(select(WorkspaceRow.name)))
    for name in sorted(set(names) - known):
        workspace = Workspace(name=name, source=Source.LABEL)
        upsert(session, WorkspaceRow, [workspace.model_dump()])
        entry = _entry(workspace, "workspace.created")
        audit.write(session, "", [entry], at=at, flow_run=flow_run)


def remove(session: Session, name: str, *, at: datetime, flow_run: str) -> tuple[Binding, ...]:
    """Forget a workspace with its bindings and its list; nobody belongs to it then.

    Returns:
        The bindings that it still had; each is audited.
    """
    departures.record(session, [name], at)
    dropped = bindings.bindings(session, workspace=name)
    bindings.unbind(session, dropped, "the workspace is removed", at=at, flow_run=flow_run)
    session.exec(delete(ListedRow).where(col(ListedRow.workspace) == name))
    for row in session.exec(select(NamespaceRow).where(col(NamespaceRow.workspace) == name)):
        row.workspace = row.source = None
        session.add(row)
    session.exec(delete(PublicationRow).where(col(PublicationRow.key) == f"workspace-{name}"))
    session.exec(delete(WorkspaceRow).where(col(WorkspaceRow.name) == name))
    entry = _entry(Workspace(name=name), "workspace.removed")
    audit.write(session, "", [entry], at=at, flow_run=flow_run)
    return dropped


def _entry(workspace: Workspace, what: str) -> Entry:
    why = {Source.LABEL: "a namespace's label names it", Source.DECLARED: "by hand"}
    return Entry(
        subject=workspace.name, what=what, workspace=workspace.name, why=why[workspace.source]
    )


def listed(session: Session, cluster: str) -> dict[str, frozenset[str]]:
    """Return the workspaces that namespaces of a cluster were given to by hand."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in session.exec(select(ListedRow).where(col(ListedRow.cluster_name) == cluster)):
        found[row.namespace].add(row.workspace)
    return {namespace: frozenset(names) for namespace, names in found.items()}
