"""What lasts too long ends, with a reason, and holds up nobody else."""

from collections.abc import Iterator

import pytest

from deployments.simulators.faults import Delay, Fault
from flows.clusters.register_cluster import register_cluster
from flows.clusters.remove_cluster import remove_cluster
from flows.discovery.discover import discover_managed_harbors
from models.clusters.cluster import PULL_SECRET_NAME
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.registries.registry import SecretRef
from tasks.discovery.admin_passwords import read_admin_passwords
from tasks.store.access import clusters
from tasks.store.session import run_in_transaction
from tests.support.helpers import expect_failure, expect_success
from tests.support.platform import add_cluster, cluster_with, platform, save_kubeconfig, sync
from tests.tasks.clusters.test_endless import dripping

LISTS = r"/api/v1/[a-z]+\?.*"
SECRET = rf"/api/v1/namespaces/till/secrets/{PULL_SECRET_NAME}.*"
TIMEOUT_TEXT = "took longer than 4 s"


@pytest.fixture(autouse=True)
def four_seconds(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("REGISTRY_INTEGRATION_OPERATION_SECONDS", "4")
    monkeypatch.setenv("REGISTRY_INTEGRATION_READ_SECONDS", "60")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


async def test_a_cluster_that_never_ends_a_list(name: str) -> None:
    with cluster_with(shop="blue") as endless:
        async with platform(name, "team-a") as p:
            await add_cluster("us", endless)
            endless.faults.add(Fault(dripping(), path=LISTS, times=None))
            result = await p.bind("team-a")
            assert (
                result.clusters["us"].unavailable_reason
                == f"cluster us: the observation {TIMEOUT_TEXT}"
            )
            assert result.clusters["eu"].error == ""
            assert await p.pulls("shop", "team-a")
            assert run_in_transaction(clusters.get_cluster, "us").status.reason is Reason.TIMED_OUT
            discovery_message = await expect_success(discover_managed_harbors)
            assert f"unavailable: cluster us: the discovery {TIMEOUT_TEXT}" in discovery_message
            register_message = await expect_failure(
                register_cluster, "xx", await save_kubeconfig("xx", endless)
            )
            assert f"the observation {TIMEOUT_TEXT}; nothing was saved" in register_message
            removal_message = await expect_failure(remove_cluster, "us", confirm=True)
            assert f"the cluster itself (the observation {TIMEOUT_TEXT})" in removal_message


async def test_a_change_that_never_ends(name: str) -> None:
    async with platform(name, "team-a") as p:
        p.cluster.faults.add(Fault(Delay(60), "PATCH", SECRET, times=None))
        result = await p.bind("team-a")
        assert (
            f"(till: applying the changes {TIMEOUT_TEXT}; the next run continues)" in result.message
        )
        assert await p.pulls("shop", "team-a")
        p.cluster.faults.clear()
        assert (await sync())["eu"].error == ""
        assert await p.grants_exactly("team-a")


async def test_passwords_that_are_read_too_slowly(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_READ_SECONDS", "2")
    get_settings.cache_clear()
    with cluster_with(shop="red") as slow, cluster_with(shop="red") as quick:
        await add_cluster("slow", slow)
        await add_cluster("quick", quick)
        refs = [
            SecretRef(
                cluster=cluster_name, namespace="shop", name=f"p{number}", key="k", username="admin"
            )
            for number in range(6)
            for cluster_name in ("slow", "quick")
        ]
        for ref in refs:
            cluster = slow if ref.cluster == "slow" else quick
            cluster.put_secret("shop", ref.name, {"k": "x"})
        slow.faults.add(Fault(Delay(1.5), path=r"/api/v1/namespaces/shop/secrets/p.*", times=None))
        passwords = await read_admin_passwords(refs)
        errors = {ref: passwords[ref.ref_key].error for ref in refs}
        assert not any(errors[ref] for ref in refs if ref.cluster == "quick")
        assert any("reading passwords took longer than" in error for error in errors.values())
