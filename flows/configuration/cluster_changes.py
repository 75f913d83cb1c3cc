"""Make the changes of a configuration that concern clusters and workspaces."""

from sqlmodel import Session

from flows.clusters.register_cluster import probe_cluster
from flows.clusters.remove_cluster import delete_cluster
from flows.operations.memberships import (
    add_or_update_cluster,
    add_or_update_workspace,
    remove_workspace_records,
)
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS
from flows.runs import hold_lease, new_run_context
from models.clusters.cluster import ClusterStatus, next_cluster_status
from models.configuration.document import ClusterEntry, WorkspaceEntry
from models.configuration.plan import ChangeKind, ConfigurationChange, mark_of
from models.core.errors import InvalidRequest
from models.core.runs.context import RunContext
from tasks.store.access import bindings, clusters
from tasks.store.access.workspaces import forget_former_listings
from tasks.store.configuration import delete_marks, save_marks
from tasks.store.session import in_transaction


async def change_cluster(change: ConfigurationChange) -> str:
    """Register, change or remove a cluster; return what remains in a removed one.

    Raises:
        InvalidRequest: the cluster cannot be read, or has another name; nothing was saved.
        LeaseHeld: another run holds it.
    """
    if change.kind is ChangeKind.REMOVE:
        message, is_complete = await delete_cluster(change.key.name)
        await in_transaction(delete_marks, [change.key])
        return "" if is_complete else message
    declaration = change.declaration
    if declaration is None or not isinstance(declaration.spec, ClusterEntry):
        return ""
    if change.changes_thing:
        await _register(change.key.name, declaration.spec)
    await in_transaction(save_marks, {change.key: mark_of(declaration)})
    return ""


async def _register(name: str, entry: ClusterEntry) -> None:
    cluster = entry.to_cluster(name)
    snapshot = await probe_cluster(cluster)
    cluster = cluster.model_copy(update={"uid": snapshot.uid})
    status = next_cluster_status(ClusterStatus(), snapshot)
    async with hold_lease(clusters.lease_key(name), wait_seconds=LEASE_WAIT_SECONDS) as context:
        await in_transaction(add_or_update_cluster, cluster, status, context)


async def change_workspace(change: ConfigurationChange) -> str:
    """Create, change or remove a workspace; its namespaces follow when clusters are synchronized.

    Raises:
        InvalidRequest: it was bound in the meantime; nothing was changed.
    """
    await in_transaction(_save_workspace, change, new_run_context())
    return ""


def _save_workspace(session: Session, change: ConfigurationChange, context: RunContext) -> None:
    name, declaration = change.key.name, change.declaration
    if change.kind is ChangeKind.REMOVE:
        if bindings.list_bindings(session, workspace=name):
            raise InvalidRequest(f"workspace {name} was bound in the meantime: it was not removed")
        remove_workspace_records(session, name, context)
        forget_former_listings(session, workspace=name)
        delete_marks(session, [change.key])
    elif declaration is not None and isinstance(declaration.spec, WorkspaceEntry):
        entry = declaration.spec
        if change.changes_thing:
            workspace = entry.to_workspace(name)
            add_or_update_workspace(session, workspace, entry.listed, context, keep_pins=True)
        save_marks(session, {change.key: mark_of(declaration)})
