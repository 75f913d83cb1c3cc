"""What lasts too long ends, with a reason, and holds up nobody else."""

from collections.abc import Iterator

import pytest

from deployments.simulators.faults import Delay, Fault
from flows.clusters.register_cluster import register_cluster
from flows.clusters.remove_cluster import remove_cluster
from flows.discovery.discover import discover_managed_harbors
from models.clusters.cluster import SECRET_NAME
from models.core.reasons import Reason
from models.core.settings import settings
from models.registries.registry import SecretRef
from tasks.discovery.admin_passwords import in_clusters
from tasks.store.access import clusters
from tasks.store.session import transact
from tests.support.helpers import completed, failed
from tests.support.platform import cluster_block, cluster_with, known_cluster, platform, synced
from tests.tasks.clusters.test_endless import dripping

LISTS = r"/api/v1/[a-z]+\?.*"
SECRET = rf"/api/v1/namespaces/till/secrets/{SECRET_NAME}.*"
OVER = "took longer than 4 s"


@pytest.fixture(autouse=True)
def four_seconds(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("REGISTRY_INTEGRATION_OPERATION_SECONDS", "4")
    monkeypatch.setenv("REGISTRY_INTEGRATION_READ_SECONDS", "60")
    settings.cache_clear()
    yield
    settings.cache_clear()


async def test_a_cluster_that_never_ends_a_list(name: str) -> None:
    with cluster_with(shop="blue") as endless:
        async with platform(name, "team-a") as p:
            await known_cluster("us", endless)
            endless.faults.add(Fault(dripping(), path=LISTS, times=None))
            minute = await p.bind("team-a")
            assert minute.clusters["us"].unread == f"cluster us: the whole look {OVER}"
            assert minute.clusters["eu"].problem == ""
            assert await p.pulls("shop", "team-a")
            assert transact(clusters.known, "us").state.reason is Reason.TIMED_OUT
            found = await completed(discover_managed_harbors)
            assert f"not read: cluster us: the whole discovery {OVER}" in found
            said = await failed(register_cluster, "xx", await cluster_block("xx", endless))
            assert f"the whole look {OVER}; nothing was saved" in said
            told = await failed(remove_cluster, "us", confirm=True)
            assert f"it cannot be read (the whole look {OVER})" in told


async def test_a_change_that_never_ends(name: str) -> None:
    async with platform(name, "team-a") as p:
        p.cluster.faults.add(Fault(Delay(60), "PATCH", SECRET, times=None))
        minute = await p.bind("team-a")
        assert f"(till: applying the changes {OVER}; the next run goes on)" in minute.said
        assert await p.pulls("shop", "team-a")
        p.cluster.faults.clear()
        assert (await synced())["eu"].problem == ""
        assert await p.granted("team-a")


async def test_passwords_that_are_read_too_slowly(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_READ_SECONDS", "2")
    settings.cache_clear()
    with cluster_with(shop="red") as slow, cluster_with(shop="red") as quick:
        await known_cluster("slow", slow)
        await known_cluster("quick", quick)
        refs = [
            SecretRef(cluster=where, namespace="shop", name=f"p{number}", key="k", username="admin")
            for number in range(6)
            for where in ("slow", "quick")
        ]
        for ref in refs:
            cluster = slow if ref.cluster == "slow" else quick
            cluster.put_secret("shop", ref.name, {"k": "x"})
        slow.faults.add(Fault(Delay(1.5), path=r"/api/v1/namespaces/shop/secrets/p.*", times=None))
        found = await in_clusters(refs)
        assert {ref.id for ref in refs if ref.cluster == "quick"} <= found.keys()
        assert not {ref.id for ref in refs if ref.cluster == "slow"} <= found.keys()
