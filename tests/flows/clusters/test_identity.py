"""A cluster is the one whose kube-system was registered, whatever its kubeconfig leads to."""

from collections.abc import Iterator

import pytest
from sqlmodel import Session, SQLModel, col, select, update

from deployments.simulators.kubernetes import SimulatedCluster
from flows.access.explain_access import explain_access
from flows.clusters.register_cluster import register_cluster
from flows.clusters.remove_cluster import remove_cluster
from flows.clusters.sync_namespaces import sync_namespaces
from flows.discovery.discover import discover_managed_harbors
from flows.operations import memberships
from flows.runs import new_run_context
from models.clusters.cluster import INSTALLATION_LABEL, Cluster, ClusterStatus
from models.core.reasons import Reason
from models.discovery.managed_harbor import (
    AdoptionState,
    HarborRef,
    HarborSourceKind,
    ManagedHarborRecord,
)
from models.discovery.trust import TrustedObject
from models.registries.registry import BlockRef, SecretRef
from models.tables import AuditRow, ClusterRow
from tasks import clock
from tasks.discovery.admin_passwords import read_admin_passwords
from tasks.store.access import clusters, managed_harbors, trusted_objects
from tasks.store.session import run_in_transaction
from tests.support.helpers import expect_failure, expect_success, page
from tests.support.platform import (
    cluster_with,
    platform,
    pull_secrets_in,
    save_kubeconfig,
    sync,
)

PASSWORD_REF = SecretRef(
    cluster="eu", namespace="shop", name="admin", key="password", username="admin"
)


@pytest.fixture
def rebuilt() -> Iterator[SimulatedCluster]:
    """Another cluster, with namespaces of the same names."""
    with cluster_with(shop="red", till="red") as cluster:
        yield cluster


async def test_a_kubeconfig_that_leads_elsewhere(name: str, rebuilt: SimulatedCluster) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        before = run_in_transaction(clusters.get_cluster, "eu")
        reference = await save_kubeconfig("eu", rebuilt)
        rebuilt.put_secret("shop", "admin", {"password": "x"})
        refusal = f"leads to another cluster: its namespace kube-system has the uid {_uid(rebuilt)}"
        assert refusal in await expect_failure(sync_namespaces)
        after = run_in_transaction(clusters.get_cluster, "eu")
        assert (after.cluster, after.namespaces, after.pull_secrets) == (
            before.cluster,
            before.namespaces,
            before.pull_secrets,
        )
        assert after.status.reason is Reason.CLUSTER_REPLACED
        assert refusal in await expect_failure(discover_managed_harbors)
        await expect_success(explain_access, "eu", "shop", f"{name}/team-a")
        assert refusal in await page("access-eu-shop")
        assert refusal in await _read_password()
        assert refusal in await expect_failure(register_cluster, "eu", reference)
        assert rebuilt.requests.writes() == []
        assert await p.pulls("shop", "team-a")
        p.other_clusters["rebuilt"] = rebuilt
        message = await expect_success(register_cluster, "eu", reference, replace=True)
        assert f"the cluster with the uid {before.cluster.uid} was not changed" in message
        assert await _read_password() == "x"
        assert await p.pulls("shop", "team-a", "rebuilt")
        assert run_in_transaction(clusters.get_cluster, "eu").cluster.uid == _uid(rebuilt)
        (entry,) = _audit("cluster.replaced")
        assert (entry.before, entry.after) == (before.cluster.uid, _uid(rebuilt))


async def test_a_namespace_list_without_kube_system(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        p.cluster.delete_namespace("kube-system")
        p.cluster.delete_namespace("shop")
        message = (await sync())["eu"].unavailable_reason
        assert "does not contain kube-system" in message
        assert set(pull_secrets_in("eu")) == {"shop", "till"}
        _add_discovery_rows()
        message = await expect_failure(remove_cluster, "eu", confirm=True)
        assert "does not contain kube-system" in message
        assert _tables_that_name("eu") == {"audit"}
        assert p.cluster.secret("till") is not None
        labels = (p.cluster.raw_secret("till") or {})["metadata"]["labels"]
        assert f"--selector {INSTALLATION_LABEL}={labels[INSTALLATION_LABEL]}" in message


async def test_one_cluster_has_one_name(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        reference = await save_kubeconfig("twin", p.cluster)
        message = await expect_failure(register_cluster, "twin", reference)
        assert "this cluster is already registered as eu" in message
        assert run_in_transaction(clusters.list_names) == ("eu",)
        _register_twin()  # two names from before identities were on record
        secret, before = p.cluster.secret("shop"), p.writes()
        message = await expect_failure(remove_cluster, "twin", confirm=True)
        assert "was not removed: it may be the same cluster as eu" in message
        await sync()
        assert "twin is the same cluster as eu" in await expect_success(sync_namespaces)
        assert run_in_transaction(clusters.get_cluster, "eu").other_names == ("twin",)
        assert len(_audit("cluster.disputed")) == 1
        for confirm in (False, True):
            message = await expect_success(remove_cluster, "twin", confirm=confirm)
            assert "it is also registered as eu, which keeps the pull secrets" in message
        assert (p.cluster.secret("shop"), p.writes()) == (secret, before)
        assert await p.is_in_sync()


def _register_twin() -> None:
    twin = Cluster(name="twin", credential=BlockRef(name="twin"))
    run_in_transaction(memberships.add_or_update_cluster, twin, ClusterStatus(), new_run_context())
    run_in_transaction(lambda session: session.execute(update(ClusterRow).values(uid="")))


async def _read_password() -> str:
    """Return the password of a managed Harbor in the cluster, or why it was not read."""
    (credential,) = (await read_admin_passwords([PASSWORD_REF])).values()
    return credential.error or credential.password.get_secret_value()


def _add_discovery_rows() -> None:
    ref = HarborRef(cluster="eu", namespace="hub", name="main", kind=HarborSourceKind.OPERATOR)
    harbor = ManagedHarborRecord(ref=ref, uid="1", state=AdoptionState.WAITING)
    trusted_object = TrustedObject(
        cluster="eu", namespace="hub", name="main", uid="1", trusted_at=clock.now()
    )
    run_in_transaction(managed_harbors.save_harbor_records, [harbor])
    run_in_transaction(trusted_objects.save, [trusted_object])


def _tables_that_name(cluster: str) -> set[str]:
    def find(session: Session) -> set[str]:
        return {
            table.name
            for table in SQLModel.metadata.sorted_tables
            if any(f"'{cluster}'" in str(row) for row in session.execute(table.select()))
        }

    return run_in_transaction(find)


def _audit(action: str) -> list[AuditRow]:
    query = select(AuditRow).where(col(AuditRow.what) == action)
    return run_in_transaction(lambda session: list(session.exec(query)))


def _uid(cluster: SimulatedCluster) -> str:
    return cluster.namespace_uid("kube-system")
