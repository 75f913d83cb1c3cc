"""Records of workspaces and their listed namespaces."""

from collections import defaultdict
from collections.abc import Iterable

from sqlmodel import Session, col, delete, select

from models.access.binding import Workspace
from models.clusters.service_account_choice import DEFAULT_ACCOUNTS, ServiceAccountChoice
from models.tables import ListedNamespaceRow, NamespaceRow, PublicationRow, WorkspaceRow
from tasks.store.upsert import upsert


def list_workspaces(session: Session) -> tuple[Workspace, ...]:
    """Return all workspaces, sorted by name."""
    rows = session.exec(select(WorkspaceRow).order_by(col(WorkspaceRow.name)))
    return tuple(Workspace.model_validate(row.model_dump()) for row in rows)


def get_workspace(session: Session, name: str) -> Workspace | None:
    """Return a workspace; None if there is none with this name."""
    workspaces = list_workspaces(session)
    return next((workspace for workspace in workspaces if workspace.name == name), None)


def list_names(session: Session) -> tuple[str, ...]:
    """Return the names of all workspaces, sorted."""
    return tuple(session.exec(select(WorkspaceRow.name).order_by(col(WorkspaceRow.name))))


def list_choices(session: Session) -> dict[str, ServiceAccountChoice]:
    """Return the workspaces that need other ServiceAccounts than the default ones."""
    query = select(WorkspaceRow).where(col(WorkspaceRow.service_accounts) != DEFAULT_ACCOUNTS)
    return {
        row.name: ServiceAccountChoice(text=row.service_accounts) for row in session.exec(query)
    }


def save_workspaces(session: Session, new_workspaces: Iterable[Workspace]) -> None:
    """Add workspaces, or update those with the same names."""
    upsert(session, WorkspaceRow, [workspace.model_dump() for workspace in new_workspaces])


def save_listed_namespaces(
    session: Session, workspace: str, listed: Iterable[tuple[str, str]]
) -> None:
    """Replace the list of namespaces of a workspace.

    Args:
        session: the transaction.
        workspace: name of the workspace.
        listed: (cluster, namespace) of each listed namespace.
    """
    session.exec(delete(ListedNamespaceRow).where(col(ListedNamespaceRow.workspace) == workspace))
    for cluster, namespace in sorted(set(listed)):
        session.add(
            ListedNamespaceRow(cluster_name=cluster, namespace=namespace, workspace=workspace)
        )


def delete_workspace(session: Session, name: str) -> None:
    """Delete a workspace and its list of namespaces; its namespaces belong to none then."""
    session.exec(delete(ListedNamespaceRow).where(col(ListedNamespaceRow.workspace) == name))
    for row in session.exec(select(NamespaceRow).where(col(NamespaceRow.workspace) == name)):
        row.workspace = row.source = None
        session.add(row)
    session.exec(delete(PublicationRow).where(col(PublicationRow.key) == f"workspace-{name}"))
    session.exec(delete(WorkspaceRow).where(col(WorkspaceRow.name) == name))


def list_assignments(session: Session, cluster: str) -> dict[str, frozenset[str]]:
    """Return the workspaces that list a namespace of a cluster, by namespace."""
    workspaces_by_namespace: dict[str, set[str]] = defaultdict(set)
    for row in session.exec(
        select(ListedNamespaceRow).where(col(ListedNamespaceRow.cluster_name) == cluster)
    ):
        workspaces_by_namespace[row.namespace].add(row.workspace)
    return {namespace: frozenset(names) for namespace, names in workspaces_by_namespace.items()}
