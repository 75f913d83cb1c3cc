"""A cluster is registered, and its namespaces are served at once; or the run says which is not."""

from flows.clusters.register_cluster import register_cluster
from tests.support.helpers import expect_failure, expect_success
from tests.support.platform import cluster_with, platform, pull_secrets_in, save_kubeconfig


async def test_a_member_without_its_pull_secret_fails_the_run(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        with cluster_with(lab="red", shop="red", kiosk="blue") as other:
            other.add_foreign_secret("lab")
            other.add_foreign_secret("kiosk")  # of a workspace that is bound to nothing
            reference = await save_kubeconfig("us", other)
            message = await expect_failure(register_cluster, "us", reference)
            assert "cluster us" in message
            assert "namespace lab: ForeignSecret" in message
            assert "kiosk" not in message
            assert {status.status for status in pull_secrets_in("us").values()} == {
                "refused",
                "delivered",
            }
            other.delete_secret("lab")
            await expect_success(register_cluster, "us", reference)
