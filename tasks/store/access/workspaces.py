"""Records of workspaces and their listed namespaces.

What a person takes off a list is kept with its uid: a configuration file that restores it must not
list another namespace, which was created since under the same name.
"""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import and_
from sqlmodel import Session, col, delete, select, update

from models.access.binding import Workspace
from models.clusters.membership import MembershipRules
from models.clusters.service_account_choice import DEFAULT_ACCOUNTS, ServiceAccountChoice
from models.tables import ConfigurationMarkRow, ListedNamespaceRow, NamespaceRow, WorkspaceRow
from tasks.store.upsert import upsert

FORMER_LISTING = "former-listing"
"""Kind of the marks of namespaces that a person took off a list: cluster, namespace, uid."""


def list_workspaces(session: Session) -> tuple[Workspace, ...]:
    """Return all workspaces, sorted by name."""
    rows = session.exec(select(WorkspaceRow).order_by(col(WorkspaceRow.name)))
    return tuple(
        Workspace.model_validate(row.model_dump() | {"clusters": row.clusters or ()})
        for row in rows
    )


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
    session: Session, workspace: str, listed: Iterable[tuple[str, str]], *, keep_pins: bool = False
) -> None:
    """Replace the list of namespaces of a workspace; those that exist now are meant.

    With `keep_pins`, one that a person took off the list is meant as it was then.

    Args:
        session: the transaction.
        workspace: name of the workspace.
        listed: (cluster, namespace) of each listed namespace.
        keep_pins: whether a namespace that is listed already stays the one that it was, although
            one of the same name may have been created since.
    """
    desired, existing = set(listed), set[tuple[str, str]]()
    query = select(ListedNamespaceRow).where(col(ListedNamespaceRow.workspace) == workspace)
    for listed_row in session.exec(query).all():
        key = listed_row.cluster_name, listed_row.namespace
        if keep_pins and key in desired:
            existing.add(key)
        else:
            session.delete(listed_row)
            if not keep_pins and key not in desired:
                save_former_listing(session, listed_row)
    session.flush()
    for cluster, namespace in sorted(desired - existing):
        former = session.get(ConfigurationMarkRow, (FORMER_LISTING, cluster, namespace, workspace))
        row = session.get(NamespaceRow, (cluster, namespace))
        uid = row.uid if row and not row.terminating else ""
        if former is not None:
            uid = former.digest if keep_pins else uid
            session.delete(former)
        session.add(
            ListedNamespaceRow(
                cluster_name=cluster, namespace=namespace, workspace=workspace, uid=uid
            )
        )


def save_former_listing(session: Session, listed: ListedNamespaceRow) -> None:
    """Keep the uid of a namespace that is taken off a list, see `FORMER_LISTING`."""
    session.merge(
        ConfigurationMarkRow(
            kind=FORMER_LISTING,
            registry_name=listed.cluster_name,
            name=listed.namespace,
            workspace=listed.workspace,
            file="",
            line=0,
            digest=listed.uid,
        )
    )


def forget_former_listings(session: Session, *, workspace: str = "", cluster: str = "") -> None:
    """Forget what was taken off the list of a workspace, or off the lists of a cluster."""
    query = delete(ConfigurationMarkRow).where(col(ConfigurationMarkRow.kind) == FORMER_LISTING)
    if workspace:
        query = query.where(col(ConfigurationMarkRow.workspace) == workspace)
    if cluster:
        query = query.where(col(ConfigurationMarkRow.registry_name) == cluster)
    session.exec(query)


def save_pins(session: Session, cluster: str, pins: Iterable[tuple[str, str]]) -> None:
    """Save the uids of listed namespaces that were observed for the first time.

    Args:
        session: the transaction.
        cluster: name of the cluster.
        pins: name and uid of each namespace.
    """
    for namespace, uid in pins:
        session.exec(
            update(ListedNamespaceRow)
            .where(
                col(ListedNamespaceRow.cluster_name) == cluster,
                col(ListedNamespaceRow.namespace) == namespace,
                col(ListedNamespaceRow.uid) == "",
            )
            .values(uid=uid)
        )


def forget_pins(session: Session, cluster: str) -> None:
    """Let the lists mean the namespaces of the cluster that are observed next."""
    session.exec(
        update(ListedNamespaceRow)
        .where(col(ListedNamespaceRow.cluster_name) == cluster)
        .values(uid="")
    )
    forget_former_listings(session, cluster=cluster)


def delete_workspace(session: Session, name: str) -> None:
    """Delete a workspace and its list of namespaces; its namespaces belong to none then."""
    is_listed = col(ListedNamespaceRow.workspace) == name
    for listed_row in session.exec(select(ListedNamespaceRow).where(is_listed)).all():
        save_former_listing(session, listed_row)
        session.delete(listed_row)
    session.flush()
    for row in session.exec(select(NamespaceRow).where(col(NamespaceRow.workspace) == name)):
        row.workspace = row.source = None
        session.add(row)
    session.exec(delete(WorkspaceRow).where(col(WorkspaceRow.name) == name))


def list_listed_namespaces(session: Session) -> dict[str, frozenset[tuple[str, str]]]:
    """Return (cluster, namespace) of all listed namespaces, by workspace."""
    listed: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in session.exec(select(ListedNamespaceRow)):
        listed[row.workspace].add((row.cluster_name, row.namespace))
    return {workspace: frozenset(namespaces) for workspace, namespaces in listed.items()}


def list_repeated_namespaces(session: Session) -> tuple[tuple[str, str, str], ...]:
    """Return (workspace, cluster, namespace) of listed namespaces that were created again."""
    query = (
        select(ListedNamespaceRow)
        .join(
            NamespaceRow,
            and_(
                col(NamespaceRow.cluster_name) == col(ListedNamespaceRow.cluster_name),
                col(NamespaceRow.name) == col(ListedNamespaceRow.namespace),
            ),
        )
        .where(
            col(ListedNamespaceRow.uid) != "",
            col(ListedNamespaceRow.uid) != col(NamespaceRow.uid),
        )
        .order_by(
            col(ListedNamespaceRow.workspace),
            col(ListedNamespaceRow.cluster_name),
            col(ListedNamespaceRow.namespace),
        )
    )
    rows = session.exec(query)
    return tuple((row.workspace, row.cluster_name, row.namespace) for row in rows)


def get_membership_rules(session: Session, cluster: str) -> MembershipRules:
    """Return the listed namespaces of a cluster, and the restrictions of all workspaces."""
    listed: dict[str, dict[str, str]] = defaultdict(dict)
    query = select(ListedNamespaceRow).where(col(ListedNamespaceRow.cluster_name) == cluster)
    for row in session.exec(query):
        listed[row.namespace][row.workspace] = row.uid
    restrictions = {
        workspace.name: workspace.clusters
        for workspace in list_workspaces(session)
        if workspace.clusters
    }
    return MembershipRules(listed=listed, restrictions=restrictions)
