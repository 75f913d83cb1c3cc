"""Remove a cluster from this service: withdraw what is ours there, then forget it."""

from collections.abc import Sequence
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms.fields import ExistingClusterField
from flows.forms.schema import form_field
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS
from flows.operations.workspace_pages import publish_workspace_pages
from flows.runs import flow_run_id, report_errors
from models.clusters.cluster import PULL_SECRET_NAME
from models.clusters.pull_secret_plan import plan_pull_secrets
from models.core.errors import ClusterError
from models.core.plural import pluralize
from models.core.settings import get_settings
from tasks import clock
from tasks.clusters.apply import apply_pull_secret_plan
from tasks.clusters.connect import open_cluster
from tasks.pages.binding import join_names
from tasks.prefect.events import send_events
from tasks.secrets.cipher import ephemeral_cipher
from tasks.store.access import clusters, managed_harbors
from tasks.store.installation import get_installation
from tasks.store.leases import lease
from tasks.store.session import in_transaction


@flow(name="remove-cluster", flow_run_name="remove cluster {name}", persist_result=False)
@report_errors
async def remove_cluster(
    name: ExistingClusterField,
    confirm: Annotated[
        bool, form_field("Confirm", "Off: only say what would be withdrawn, and change nothing.")
    ] = False,
) -> State[None]:
    """Withdraw our pull secrets from a cluster and forget it. The cluster itself is not touched.

    One that is out of reach is forgotten all the same; the message says what stays behind there.
    Managed Harbors whose password lies in it cannot be entered afterwards, until it is registered
    again or update-registry gives them credentials.
    """
    async with lease(clusters.lease_key(name), wait_seconds=LEASE_WAIT_SECONDS):
        record = await in_transaction(clusters.get_cluster, name)
        pull_secrets = [secret for secret in record.pull_secrets if secret.fingerprint]
        lockout_note = _lockout_warning(
            await in_transaction(managed_harbors.list_adopted_registries, name)
        )
        if not confirm:
            return Completed(
                message=f"cluster {name} has {pluralize(len(pull_secrets), 'pull secret')} of ours"
                f", which would be withdrawn{lockout_note}; run it again with 'Confirm' on to do so"
            )
        error = await _delete_pull_secrets(record)
        why = error or "by hand, everything of ours is withdrawn"
        await in_transaction(
            clusters.delete_cluster, name, why, at=clock.now(), flow_run=flow_run_id()
        )
    await publish_workspace_pages()
    await send_events()
    if error:
        return Failed(message=f"cluster {name} is forgotten, but {error}{lockout_note}")
    return Completed(
        message=f"cluster {name} is forgotten, its pull secrets are withdrawn{lockout_note}"
    )


def _lockout_warning(registries: Sequence[str]) -> str:
    if not registries:
        return ""
    return (
        f"; passwords of managed Harbors lie in it: {join_names(registries)} cannot be entered "
        "without it, until it is registered again or update-registry gives them credentials"
    )


async def _delete_pull_secrets(record: clusters.ClusterRecord) -> str:
    """Withdraw everything of ours; return what stayed behind, and where."""
    namespaces = sorted(secret.namespace for secret in record.pull_secrets if secret.fingerprint)
    names = ", ".join(namespaces[:50]) or "none"
    leftover_note = f"the Secret {PULL_SECRET_NAME} may stay behind in: {names}"
    installation_id = await in_transaction(get_installation)
    try:
        async with open_cluster(
            record.cluster, fingerprint=ephemeral_cipher().fingerprint, installation=installation_id
        ) as client:
            snapshot = await client.observe(get_settings().workspace_label_keys)
            if snapshot.first_unavailable is not None:
                return f"it cannot be read ({snapshot.first_unavailable.message}); {leftover_note}"
            plan = plan_pull_secrets(record.cluster, snapshot, {}, record.pull_secrets)
            results = await apply_pull_secret_plan(plan, client, {})
    except ClusterError as error:
        return f"it cannot be read ({error.message}); {leftover_note}"
    failures = [result for result in results if not result.succeeded]
    details = ", ".join(f"{result.change.namespace} ({result.message})" for result in failures[:20])
    return f"the Secret {PULL_SECRET_NAME} stays behind in: {details}" if failures else ""
