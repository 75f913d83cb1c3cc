"""Remove a cluster: delete its pull secrets, then its record."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.clusters import messages
from flows.forms.fields import ExistingClusterField
from flows.forms.schema import form_field
from flows.operations.memberships import remove_cluster_records
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS
from flows.operations.state_pages import StatePages, publish_and_send
from flows.runs import hold_lease, report_errors
from models.clusters.cluster import PULL_SECRET_NAME
from models.clusters.pull_secret_plan import plan_pull_secrets
from models.clusters.service_account_choice import labels_to_observe
from models.core.errors import RemoteError
from models.core.settings import get_settings
from tasks import clock
from tasks.access.pull_secret_contents import load_available_contents
from tasks.clusters.apply import apply_pull_secret_plan
from tasks.clusters.connect import open_cluster
from tasks.pages.binding import join_names
from tasks.store.access import clusters, managed_harbors
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

    An unreachable cluster is removed too; the message lists the pull secrets that may remain in
    it. Managed Harbors whose password is stored in the cluster cannot be accessed afterwards,
    until the cluster is registered again or update-registry sets credentials.
    """
    async with hold_lease(clusters.lease_key(name), wait_seconds=LEASE_WAIT_SECONDS) as context:
        record = await in_transaction(clusters.get_cluster, name)
        pull_secrets = [secret for secret in record.pull_secrets if secret.fingerprint]
        registries = await in_transaction(managed_harbors.list_adopted_registries, name)
        lockout_note = messages.lockout_note(join_names(registries)) if registries else ""
        if not confirm:
            message = messages.would_be_removed(name, len(pull_secrets), lockout_note)
            return Completed(message=message)
        error = await _delete_pull_secrets(record)
        reason = error or "removed by a user; all pull secrets deleted"
        await in_transaction(remove_cluster_records, name, reason, context.at(clock.now()))
    await publish_and_send(StatePages(workspaces=None))
    message = messages.removed(name, error, lockout_note)
    return Failed(message=message) if error else Completed(message=message)


async def _delete_pull_secrets(record: clusters.ClusterRecord) -> str:
    """Delete this service's pull secrets; return what could not be deleted, and where."""
    namespaces = sorted(secret.namespace for secret in record.pull_secrets if secret.fingerprint)
    installation_id = await in_transaction(get_installation)
    contents, _ = await load_available_contents()
    try:
        async with open_cluster(
            record.cluster,
            fingerprint=contents.fingerprint,
            installation=installation_id,
            is_own_content=contents.is_own_content,
            recorded_fingerprints=record.fingerprints,
        ) as client:
            snapshot = await client.observe(
                get_settings().workspace_label_keys, labels_to_observe({}, (), record.links)
            )
            if snapshot.first_unavailable is not None:
                reason = snapshot.first_unavailable.message
                return messages.secrets_may_remain(reason, PULL_SECRET_NAME, namespaces)
            plan = plan_pull_secrets(record.cluster, snapshot, {}, record.pull_secrets)
            results = await apply_pull_secret_plan(plan, client, {})
    except RemoteError as error:
        return messages.secrets_may_remain(error.message, PULL_SECRET_NAME, namespaces)
    failures = [result for result in results if not result.succeeded]
    details = ", ".join(f"{result.change.namespace} ({result.message})" for result in failures[:20])
    return messages.secrets_remain(PULL_SECRET_NAME, details) if failures else ""
