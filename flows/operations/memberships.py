"""Save who belongs to which workspace, with what follows: audit, bindings and rotations.

A namespace that leaves a workspace may have a copy of its secrets, so each change here records the
departures in the same transaction.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import partial

from sqlmodel import Session

from flows.operations.bindings import unbind
from models.access.binding import (
    Binding,
    Workspace,
    choice_entries,
    missing_workspaces,
    restriction_entries,
    workspace_entry,
)
from models.access.binding_update import WORKSPACE_REMOVED
from models.access.requests import check_workspaces_exist
from models.access.rotation import Departure
from models.clusters.audit_entries import (
    duplicate_entries,
    namespace_entries,
    registration_entries,
    rights_entries,
)
from models.clusters.cluster import Cluster, ClusterStatus
from models.clusters.identity import check_registration, is_replacement, same_clusters
from models.clusters.membership import (
    Namespace,
    departures_by_workspace,
    leaving_members,
)
from models.core.audit import AuditEntry
from models.core.runs.context import RunContext
from tasks.store import audit
from tasks.store.access import bindings, clusters, departures, workspaces
from tasks.store.installation import lock_installation


def add_or_update_cluster(
    session: Session,
    cluster: Cluster,
    status: ClusterStatus,
    context: RunContext,
    *,
    replace: bool = False,
) -> str:
    """Add a cluster, or update the one with this name; see `check_registration`.

    Returns:
        The identity of the cluster that this one takes the place of; empty if there is none.

    Raises:
        InvalidRequest: the cluster has another name already, or another cluster has this name.
    """
    lock_installation(session)  # two runs must not register one cluster under two names
    registered = clusters.list_clusters(session)
    check_registration(cluster, registered, replace=replace)
    before = next((other for other in registered if other.name == cluster.name), None)
    is_replaced = is_replacement(before, cluster, is_declared=replace)
    if is_replaced:
        _save_all_departures(session, cluster.name, context)
        clusters.delete_observations(session, cluster.name)
        workspaces.forget_pins(session, cluster.name)
    entries = registration_entries(before, cluster)
    entries += rights_entries(cluster.name, ClusterStatus(), status)
    clusters.save_cluster(session, cluster, status, entries, context)
    return (before.uid or "not on record") if before and is_replaced else ""


def save_identity(session: Session, cluster: Cluster, context: RunContext) -> None:
    """Save the identity of a cluster that had none on record, and audit its other names."""
    other_names = same_clusters(cluster, clusters.list_clusters(session))
    entries = duplicate_entries(cluster.name, other_names)
    clusters.save_uid(session, cluster.name, cluster.uid, entries, context)


def remove_cluster_records(session: Session, name: str, reason: str, context: RunContext) -> None:
    """Delete the records of a cluster; its namespaces may keep copies of their secrets."""
    other_names = clusters.get_cluster(session, name).other_names
    _save_all_departures(session, name, context, other_names)
    entry = AuditEntry(subject=name, action="cluster.removed", cluster=name, reason=reason)
    clusters.delete_cluster(session, name, entry, context)


def update_memberships(
    session: Session, cluster: str, namespaces: Sequence[Namespace], context: RunContext
) -> None:
    """Save the namespaces of a cluster, which of them are listed, and the workspaces of labels.

    Raises:
        LeaseHeld: the lease was lost; nothing is saved.
    """
    before = clusters.list_namespaces(session, cluster)
    entries = namespace_entries(before, namespaces)
    clusters.save_namespaces(session, cluster, namespaces, entries, context)
    rules = workspaces.get_membership_rules(session, cluster)
    workspaces.save_pins(session, cluster, rules.find_pins(namespaces))
    new_workspaces = missing_workspaces(namespaces, workspaces.list_names(session))
    workspaces.save_workspaces(session, new_workspaces)
    workspace_entries = [workspace_entry(item, "workspace.created") for item in new_workspaces]
    audit.append(session, "", workspace_entries, context)
    _save_departures(session, departures_by_workspace(before, namespaces), context)


def add_or_update_workspace(
    session: Session,
    workspace: Workspace,
    listed: Iterable[tuple[str, str]],
    context: RunContext,
    *,
    keep_pins: bool = False,
) -> None:
    """Create or update a workspace.

    Args:
        session: the transaction.
        workspace: the workspace.
        listed: (cluster, namespace) of all listed namespaces; replaces the previous list.
        context: the run.
        keep_pins: whether namespaces that are listed already stay the ones that they were.
    """
    listed_namespaces, name = set(listed), workspace.name
    before = workspaces.get_workspace(session, name)
    if before is None:
        entry = workspace_entry(workspace, "workspace.created")
        audit.append(session, "", [entry], context)
    audit.append(session, "", choice_entries(before, workspace), context)
    audit.append(session, "", restriction_entries(before, workspace), context)
    workspaces.save_workspaces(session, [workspace])
    # Record departures now: the cluster of a namespace that leaves may be unreachable.
    members = clusters.list_namespaces(session, workspaces=(name,))
    if leaving_members(members, name, listed_namespaces, workspace.clusters):
        _save_departures(session, [name], context)
    workspaces.save_listed_namespaces(session, name, listed_namespaces, keep_pins=keep_pins)


def update_workspace_choice(
    session: Session, name: str, service_accounts: str, context: RunContext
) -> None:
    """Save which ServiceAccounts of a workspace get the pull secret.

    Raises:
        InvalidRequest: there is no workspace with this name.
    """
    before = workspaces.get_workspace(session, name)
    if before is None:
        check_workspaces_exist([name], workspaces.list_names(session))
        return
    after = before.model_copy(update={"service_accounts": service_accounts})
    audit.append(session, "", choice_entries(before, after), context)
    workspaces.save_workspaces(session, [after])


def remove_workspace_records(
    session: Session, name: str, context: RunContext
) -> tuple[Binding, ...]:
    """Delete a workspace, its bindings and its list of namespaces.

    Returns:
        The deleted bindings; each one is audited.
    """
    _save_departures(session, [name], context)
    removed_bindings = bindings.list_bindings(session, workspace=name)
    unbind(session, removed_bindings, WORKSPACE_REMOVED, context)
    workspaces.delete_workspace(session, name)
    entry = workspace_entry(Workspace(name=name), "workspace.removed")
    audit.append(session, "", [entry], context)
    return removed_bindings


def _save_all_departures(
    session: Session, cluster: str, context: RunContext, other_names: Iterable[str] = ()
) -> None:
    before = clusters.list_namespaces(session, cluster)
    # The same namespaces: they stay in the workspaces that they have under another name.
    after = [
        namespace for name in other_names for namespace in clusters.list_namespaces(session, name)
    ]
    _save_departures(session, departures_by_workspace(before, after), context)


def _save_departures(session: Session, names: Collection[str], context: RunContext) -> None:
    leave = partial(Departure.leave, now=context.now)
    departures.update_departures(session, names, leave)
