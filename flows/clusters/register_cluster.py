"""Register a Kubernetes cluster: prove that it can be read, then save, then deliver."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.clusters.sync_namespaces import publish_clusters
from flows.forms.fields import ClusterCredentialsField, DescriptionField, NewCluster
from flows.forms.schema import shown
from flows.operations.reconcile_registry import PATIENCE
from flows.operations.sync_clusters import sync_clusters
from flows.operations.workspace_pages import publish_workspaces
from flows.runs import ends_plainly, run_id
from models.clusters.cluster import Cluster, ClusterState, state_after
from models.core.errors import ClusterError, InputRefused
from models.core.plural import amount
from models.core.settings import settings
from tasks import clock
from tasks.clusters.connect import opened_cluster
from tasks.prefect.events import announce
from tasks.secrets.cipher import no_vault
from tasks.secrets.cluster_credentials import cluster_reference_to
from tasks.store.access import clusters
from tasks.store.installation import installation
from tasks.store.leases import leased
from tasks.store.session import stored


@flow(name="register-cluster", flow_run_name="register cluster {name}", persist_result=False)
@ends_plainly
async def register_cluster(
    name: NewCluster,
    credentials: ClusterCredentialsField = None,
    link_service_accounts: Annotated[
        bool,
        shown(
            "Link ServiceAccounts",
            "Add the pull secret to each entitled namespace's default ServiceAccount, so that pods "
            "need not name it.",
        ),
    ] = True,
    description: DescriptionField = "",
) -> State[None]:
    """Register a Kubernetes cluster, or give one that is registered other credentials or settings.

    It is read completely before anything is saved: a right that is missing is named. When the run
    ends, its namespaces are known and entitled ones have their pull secret.
    """
    cluster = Cluster(
        name=name,
        credential=cluster_reference_to(credentials),
        links_accounts=link_service_accounts,
        description=description,
    )
    state = await _prove(cluster)
    async with leased(clusters.lease_key(name), patience=PATIENCE):
        at, run = clock.now(), run_id()
        await stored(clusters.register, cluster, state=state, at=at, flow_run=run)
    reports = await sync_clusters([name], patience=PATIENCE)
    await publish_clusters(reports)
    await publish_workspaces()
    await announce()
    report = reports[0]
    told = f"cluster {name} is registered: {amount(len(report.namespaces), 'namespace')}"
    if report.problem or report.unread:
        return Failed(message=f"{told}; {report.problem or report.unread}")
    return Completed(message=told)


async def _prove(cluster: Cluster) -> ClusterState:
    """Read everything once.

    Raises:
        InputRefused: something could not be read; nothing was saved.
    """
    us = await stored(installation)
    try:
        async with opened_cluster(
            cluster, fingerprint=no_vault().fingerprint, installation=us
        ) as client:
            snapshot = await client.look(settings().labels)
    except ClusterError as error:
        raise InputRefused(f"{error}; nothing was saved") from None
    if snapshot.unseen is not None:
        raise InputRefused(f"cluster {cluster.name}: {snapshot.unseen.message}; nothing was saved")
    return state_after(ClusterState(), snapshot)
