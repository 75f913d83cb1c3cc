"""Rights that a kubeconfig does not have are named before the first pull secret is due."""

from deployments.simulators.kubernetes import SimulatedCluster
from deployments.simulators.kubernetes.request import ACCESS_REVIEW_PATH
from flows.clusters.sync_namespaces import sync_namespaces
from models.clusters.rights import REQUIRED_RIGHTS
from tasks.store.access import clusters
from tasks.store.session import run_in_transaction
from tests.support.helpers import expect_success
from tests.support.platform import cluster_with, register, sync


def _review_count(cluster: SimulatedCluster) -> int:
    return sum(request.path == ACCESS_REVIEW_PATH for request in cluster.requests)


async def test_missing_rights_are_named_at_registration(database: str) -> None:
    with cluster_with(shop="red") as cluster:
        cluster.deny("delete", "secrets")
        missing = (
            'these rights in all namespaces: delete secrets "registry-integration". Run: kubectl '
            "apply -f deployments/kubernetes/rbac.yaml"
        )
        assert missing in await register("eu", cluster)
        cluster.allow("delete", "secrets")
        await expect_success(sync_namespaces)  # asks again while a right is missing
        assert run_in_transaction(clusters.get_cluster, "eu").status.missing_rights == ()
        cluster.requests.clear()
        await sync()
        assert _review_count(cluster) == 0
        cluster.deny("list", "serviceaccounts")
        await sync()
        assert _review_count(cluster) == len(REQUIRED_RIGHTS)
        status = run_in_transaction(clusters.get_cluster, "eu").status
        assert status.missing_rights == ('list serviceaccounts "default"',)
