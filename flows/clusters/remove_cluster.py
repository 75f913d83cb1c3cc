"""Remove a cluster: delete its pull secrets, then its record."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from sqlmodel import Session

from flows.clusters import messages
from flows.forms.fields import ExistingClusterField
from flows.forms.schema import form_field
from flows.operations.memberships import remove_cluster_records
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS
from flows.runs import hold_lease, report_errors
from models.clusters.cluster import Cluster
from models.clusters.identity import confirm_identity, possible_duplicates
from models.clusters.pull_secret_plan import plan_pull_secrets
from models.clusters.service_account_choice import labels_to_observe
from models.core.errors import InvalidRequest, RemoteError
from models.core.settings import get_settings
from tasks import clock
from tasks.access.pull_secret_contents import load_available_contents
from tasks.clusters.apply import apply_pull_secret_plan
from tasks.clusters.connect import open_cluster
from tasks.pages.binding import join_names
from tasks.prefect.events import send_events
from tasks.store.access import clusters, managed_harbors
from tasks.store.access.clusters import ClusterRecord
from tasks.store.installation import get_installation
from tasks.store.session import in_transaction


@flow(name="remove-cluster", flow_run_name="remove cluster {name}", persist_result=False)
@report_errors
async def remove_cluster(
    name: ExistingClusterField,
    confirm: Annotated[
        bool, form_field("Confirm", "Off: show what would be removed; change nothing.")
    ] = False,
) -> State[None]:
    """Delete this service's pull secrets in a cluster and the cluster's record.

    A cluster that is unreachable, or whose kubeconfig leads to another cluster, is removed too; the
    message lists the pull secrets that may remain in it. A cluster that is also registered under
    another name keeps its pull secrets. Managed Harbors whose password is stored in the cluster
    cannot be accessed afterwards, until the cluster is registered again or update-registry sets
    credentials.
    """
    if not confirm:
        record, note = await in_transaction(_load, name)
        pull_secret_count = len(_namespaces_with_secret(record))
        message = messages.would_be_removed(name, pull_secret_count, record.other_names, note)
        return Completed(message=message)
    message, is_complete = await delete_cluster(name)
    await send_events()
    return Completed(message=message) if is_complete else Failed(message=message)


async def delete_cluster(name: str) -> tuple[str, bool]:
    """Delete this service's objects in a cluster, then its records.

    Returns:
        What was removed, and whether nothing remains in the cluster.

    Raises:
        InvalidRequest: there is no such cluster, or it may have a second name; nothing was changed.
        LeaseHeld: another run holds the cluster.
    """
    async with (
        hold_lease(clusters.discovery_lease_key(name), wait_seconds=LEASE_WAIT_SECONDS),
        hold_lease(clusters.lease_key(name), wait_seconds=LEASE_WAIT_SECONDS) as context,
    ):
        record, note = await in_transaction(_load, name)
        error = "" if record.other_names else await _delete_pull_secrets(record)
        message = messages.removed(name, error, record.other_names, note)
        await in_transaction(remove_cluster_records, name, message, context.at(clock.now()))
    return message, not error


def _load(session: Session, name: str) -> tuple[ClusterRecord, str]:
    """Return the record of the cluster, and the warning about its managed Harbors."""
    record = clusters.get_cluster(session, name)
    registries = managed_harbors.list_adopted_registries(session, name)
    return record, messages.lockout_note(join_names(registries)) if registries else ""


def _namespaces_with_secret(record: ClusterRecord) -> list[str]:
    return sorted(secret.namespace for secret in record.pull_secrets if secret.fingerprint)


async def _delete_pull_secrets(record: ClusterRecord) -> str:
    """Delete this service's pull secrets; return what could not be deleted, and where.

    Raises:
        InvalidRequest: another name may be that of the same cluster; nothing was changed.
    """
    namespaces = _namespaces_with_secret(record)
    installation = await in_transaction(get_installation)
    contents, _ = await load_available_contents()
    try:
        async with open_cluster(
            record.cluster,
            fingerprint=contents.fingerprint,
            installation=installation,
            is_own_content=contents.is_own_content,
            recorded_fingerprints=record.fingerprints,
        ) as client:
            observation = await client.observe(
                get_settings().workspace_label_keys, labels_to_observe({}, (), record.links)
            )
            snapshot = confirm_identity(record.cluster, observation)
            if snapshot.first_unavailable is not None:
                reason = snapshot.first_unavailable.message
                return messages.secrets_may_remain(reason, namespaces, installation)
            await _require_one_name(record.cluster, snapshot.uid)
            plan = plan_pull_secrets(record.cluster, snapshot, {}, record.pull_secrets)
            results = await apply_pull_secret_plan(plan, client, {})
    except RemoteError as error:
        return messages.secrets_may_remain(error.message, namespaces, installation)
    errors = {result.change.namespace: result.message for result in results if not result.succeeded}
    unread = {status.namespace: status.message for status in plan.statuses if status.is_unread}
    return messages.secrets_remain({**unread, **errors}, installation) if unread or errors else ""


async def _require_one_name(cluster: Cluster, uid: str) -> None:
    others = possible_duplicates(cluster, uid, await in_transaction(clusters.list_clusters))
    if others:
        raise InvalidRequest(messages.possible_duplicates(cluster.name, others))
