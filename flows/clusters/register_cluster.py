"""Register a Kubernetes cluster: read it, save it, then create its pull secrets."""

from collections.abc import Sequence
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.clusters import messages
from flows.forms.fields import ClusterCredentialsField, DescriptionField, NewClusterField
from flows.forms.schema import form_field
from flows.operations.memberships import add_or_update_cluster
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS
from flows.operations.run_results import ClusterSyncResult
from flows.operations.sync_clusters import sync_clusters
from flows.runs import hold_lease, report_errors
from models.access.access_summary import describe_pending
from models.clusters.cluster import (
    Cluster,
    ClusterSnapshot,
    ClusterStatus,
    next_cluster_status,
)
from models.clusters.identity import confirm_identity
from models.clusters.rights import describe_missing_rights, required_rights
from models.core.errors import InvalidRequest, RemoteError
from models.core.settings import get_settings
from tasks.clusters.connect import open_cluster
from tasks.prefect.events import send_events
from tasks.secrets.cipher import ephemeral_cipher
from tasks.secrets.cluster_credentials import cluster_block_reference
from tasks.store.access import clusters
from tasks.store.installation import get_installation
from tasks.store.session import in_transaction


@flow(name="register-cluster", flow_run_name="register cluster {name}", persist_result=False)
@report_errors
async def register_cluster(
    name: NewClusterField,
    credentials: ClusterCredentialsField = None,
    link_service_accounts: Annotated[
        bool,
        form_field(
            "Link ServiceAccounts",
            "Add the pull secret to the imagePullSecrets of the default ServiceAccount in each "
            "entitled namespace, or of the ServiceAccounts that its workspace chooses. Otherwise, "
            "pods must name the pull secret.",
        ),
    ] = True,
    description: DescriptionField = "",
    replace: Annotated[
        bool,
        form_field(
            "Replace",
            "The cluster of this name was rebuilt: take what the credentials lead to in its place. "
            "Its namespaces count as new ones.",
        ),
    ] = False,
) -> State[None]:
    """Register a Kubernetes cluster, or change the credentials and settings of a registered one.

    The cluster is read completely before anything is saved; an error names a missing permission to
    read, and the message of the run names all missing permissions to write.
    A cluster is identified by the uid of its namespace kube-system: a second name for one cluster
    is refused, and so is another cluster under a registered name, unless 'Replace' is on. When the
    run ends, entitled namespaces have their pull secret.
    """
    cluster = Cluster(
        name=name,
        credential=cluster_block_reference(credentials),
        links_accounts=link_service_accounts,
        description=description,
    )
    snapshot = await probe_cluster(cluster)
    cluster = cluster.model_copy(update={"uid": snapshot.uid})
    status = next_cluster_status(ClusterStatus(), snapshot)
    async with hold_lease(clusters.lease_key(name), wait_seconds=LEASE_WAIT_SECONDS) as context:
        replaced_uid = await in_transaction(
            add_or_update_cluster, cluster, status, context, replace=replace
        )
    results = await sync_clusters([name], wait_seconds=LEASE_WAIT_SECONDS)
    await send_events()
    notes = [
        messages.replacement_note(replaced_uid),
        describe_missing_rights(status.missing_rights or ()),
    ]
    return _final_state(name, results, notes)


def _final_state(
    name: str, results: Sequence[ClusterSyncResult], notes: Sequence[str]
) -> State[None]:
    targets = [
        result.target(
            {namespace.workspace for namespace in result.namespaces if namespace.workspace}
        )
        for result in results
    ]
    pending = describe_pending(targets, get_settings().poll_policy.interval)
    namespace_count = sum(len(result.namespaces) for result in results)
    message = messages.registered(name, namespace_count, [*notes, pending])
    return Failed(message=message) if pending else Completed(message=message)


async def probe_cluster(cluster: Cluster) -> ClusterSnapshot:
    """Read the cluster completely.

    Raises:
        InvalidRequest: something could not be read; nothing was saved.
    """
    installation_id = await in_transaction(get_installation)
    try:
        async with open_cluster(
            cluster, fingerprint=ephemeral_cipher().fingerprint, installation=installation_id
        ) as client:
            observation = await client.observe(get_settings().workspace_label_keys)
            missing_rights = await client.find_missing_rights(required_rights(cluster))
    except RemoteError as error:
        raise InvalidRequest(f"{error}; nothing was saved") from None
    snapshot = confirm_identity(cluster, observation)  # its identity must have been read, too
    snapshot = snapshot.model_copy(update={"missing_rights": missing_rights})
    if snapshot.first_unavailable is not None:
        rights = next_cluster_status(ClusterStatus(), snapshot).missing_rights
        reasons = [snapshot.first_unavailable.message, describe_missing_rights(rights or ())]
        raise InvalidRequest(
            f"cluster {cluster.name}: {'; '.join(filter(None, reasons))}; nothing was saved"
        )
    return snapshot
