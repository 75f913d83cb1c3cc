"""Managed Harbors integrate themselves, are followed, and go when they are gone."""

from datetime import timedelta

from sqlmodel import text, update

from deployments.simulators.kubernetes import SimulatedCluster
from flows.clusters.remove_cluster import remove_cluster
from flows.discovery.discover import discover_managed_harbors
from flows.discovery.integrate_managed import integrate_managed_harbor
from flows.registries.reconcile import reconcile_registry
from flows.registries.remove import remove_registry
from flows.registries.update import update_registry
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.discovery.managed_harbor import AdoptionState, ManagedHarborRecord
from models.discovery.trust import MANAGED_LABEL
from models.registries.condition import Health
from models.registries.registry import RegistryOrigin
from models.tables import ManagedHarborRow
from tasks import clock
from tasks.store.access import managed_harbors
from tasks.store.leases import lease
from tasks.store.session import run_in_transaction
from tests.support.helpers import (
    PASSWORD,
    HarborServer,
    expect_failure,
    expect_success,
    harbor_with,
    page,
    reconcile_all_now,
    record_of,
    registry_names,
    run_flow,
    save_credentials,
)
from tests.support.platform import bind, bindings_of, cluster_with, pulls, register


def create_harbor(
    cluster: SimulatedCluster, harbor: HarborServer, name: str = "main", **options: str
) -> None:
    """Let the platform create a Harbor."""
    cluster.install_operator()
    cluster.add_harbor_cluster("hub", name, harbor.url, PASSWORD, **options)
    cluster.set_labels("hub", {MANAGED_LABEL: "true"})


def harbors() -> dict[str, ManagedHarborRecord]:
    return {
        adopted_harbor.ref.name: adopted_harbor
        for adopted_harbor in run_in_transaction(managed_harbors.list_harbor_records)
    }


async def test_a_new_one_is_integrated_with_nobody_filling_in_a_form(database: str) -> None:
    with harbor_with("team-a") as harbor, cluster_with(shop="red") as cluster:
        harbor.simulator.add_image("team-a/app", "latest")
        await register("c1", cluster)
        create_harbor(cluster, harbor)
        message = await expect_success(discover_managed_harbors)
        assert "1 managed Harbor, 1 change made" in message
        record = record_of("c1-hub-main")
        assert record.registry.origin is RegistryOrigin.MANAGED
        assert record.health_summary.health is Health.HEALTHY
        assert "c1-hub-main" in await page("discovery")
        await bind("c1-hub-main", ["team-a"], "red")
        assert await pulls(harbor, cluster, "shop", "team-a")
        assert "0 changes made" in await expect_success(discover_managed_harbors)


async def test_beside_another_run_it_names_the_run(database: str) -> None:
    with harbor_with() as harbor, cluster_with() as cluster:
        await register("c1", cluster)
        create_harbor(cluster, harbor)
        async with lease("discovery/c1", flow_run="0f6d"):
            message = await expect_success(discover_managed_harbors)
    conflict = "cluster c1: another run (flow run 0f6d) holds its lease"
    assert message == f"nothing was read; {conflict}"


async def test_said_at_once_twice_early_and_for_nobody(database: str) -> None:
    with harbor_with() as harbor, cluster_with() as cluster:
        await register("c2", cluster)
        create_harbor(cluster, harbor, status="provisioning")
        early_message = await expect_success(integrate_managed_harbor, "c2", "hub", "main")
        assert "is not ready yet" in early_message
        cluster.set_harbor_status("hub", "main", "healthy")
        for _ in range(2):
            message = await expect_success(integrate_managed_harbor, "c2", "hub", "main")
            assert "is integrated as c2-hub-main" in message
        assert registry_names() == ["c2-hub-main"]
        assert "managed Harbor c2/hub/ghost not found" in await expect_failure(
            integrate_managed_harbor, "c2", "hub", "ghost"
        )


async def test_where_the_cluster_cannot_be_read_nobody_says_that_it_is_not_there(
    database: str,
) -> None:
    with harbor_with() as harbor, cluster_with() as cluster:
        await register("c10", cluster)
        create_harbor(cluster, harbor)
        cluster.revoke_token()
        message = await expect_failure(integrate_managed_harbor, "c10", "hub", "main")
        assert (
            "c10/hub/main: cluster c10: the token or client certificate of cluster c10 is refused"
            in message
        )
        assert "not found" not in message


async def test_one_source_that_fails_hides_no_harbor_of_the_other(database: str) -> None:
    with harbor_with() as harbor, harbor_with() as other, cluster_with() as cluster:
        await register("c11", cluster)
        create_harbor(cluster, harbor)
        await expect_success(discover_managed_harbors)
        cluster.break_conversion()
        cluster.add_helm_harbor("hub", "release", other.url, PASSWORD)
        message = await expect_success(discover_managed_harbors)
        assert "1 managed Harbor, 1 change made; unavailable: cluster c11, source" in message
        assert "harbor-operator: answered 500: the conversion webhook" in message
        assert {name: record.state for name, record in harbors().items()} == {
            "main": AdoptionState.ADOPTED,
            "release": AdoptionState.ADOPTED,
        }
        assert registry_names() == ["c11-hub-main", "c11-hub-release"]
        assert "source harbor-operator could not be read; its Harbors keep" in await page(
            "discovery"
        )


async def test_a_drifted_password_says_so_and_an_override_mends_it(database: str) -> None:
    with harbor_with() as harbor, cluster_with() as cluster:
        harbor.simulator.users[1].password = "Changed98765"
        await register("c3", cluster)
        create_harbor(cluster, harbor)
        await expect_success(discover_managed_harbors)
        health_summary = record_of("c3-hub-main").health_summary
        assert (health_summary.health, health_summary.reason) == (
            Health.UNHEALTHY,
            Reason.ADMIN_PASSWORD_DRIFTED,
        )
        override = await save_credentials("c3-override", password="Changed98765")
        await expect_success(update_registry, "c3-hub-main", credentials=override)
        assert record_of("c3-hub-main").health_summary.health is Health.HEALTHY
        assert "0 changes made" in await expect_success(discover_managed_harbors)


async def test_why_a_password_cannot_be_read_is_told_apart(database: str) -> None:
    with harbor_with() as harbor, cluster_with() as cluster:
        await register("c12", cluster)
        create_harbor(cluster, harbor)
        await expect_success(discover_managed_harbors)
        cluster.deny("get", "secrets")
        run_message = await expect_failure(reconcile_registry, "c12-hub-main")
        health_summary = record_of("c12-hub-main").health_summary
        assert health_summary.reason is Reason.CREDENTIALS_FORBIDDEN
        for text in (run_message, health_summary.message):
            assert (
                "--namespace=hub --verb=get --resource=secrets --resource-name=main-admin" in text
            )
        cluster.allow("get", "secrets")
        cluster.remove_password("hub", "main")
        await reconcile_all_now()
        health_summary = record_of("c12-hub-main").health_summary
        assert health_summary.reason is Reason.CREDENTIALS_MISSING
        assert "the Secret main-admin in namespace hub does not exist" in health_summary.message


async def test_a_changed_secret_is_followed_by_itself(database: str) -> None:
    with harbor_with() as harbor, cluster_with() as cluster:
        await register("c4", cluster)
        create_harbor(cluster, harbor)
        await expect_success(discover_managed_harbors)
        harbor.simulator.users[1].password = "Changed98765"
        cluster.set_password("hub", "main", "Changed98765")
        await reconcile_all_now()
        assert record_of("c4-hub-main").health_summary.health is Health.HEALTHY


async def test_another_harbor_under_the_old_name_gets_no_binding(database: str) -> None:
    with harbor_with("team-a") as harbor, cluster_with(shop="red") as cluster:
        await register("c5", cluster)
        create_harbor(cluster, harbor)
        await expect_success(discover_managed_harbors)
        await bind("c5-hub-main", ["team-a"], "red")
        cluster.recreate_harbor_cluster("hub", "main")
        harbor.simulator.robots.clear()
        await expect_success(discover_managed_harbors)
        assert [binding.is_held for binding in bindings_of("c5-hub-main")] == [True]
        await expect_success(discover_managed_harbors)
        markdown = await page("discovery")
        assert "1 binding of c5-hub-main held: run resolve-held-bindings" in markdown
        assert cluster.secret("shop") is None
        assert record_of("c5-hub-main").health_summary.health is Health.HEALTHY


async def test_gone_is_kept_through_a_grace_and_out_of_reach_changes_nothing(
    database: str,
) -> None:
    with harbor_with() as harbor, cluster_with() as cluster:
        await register("c6", cluster)
        create_harbor(cluster, harbor)
        await expect_success(discover_managed_harbors)
        cluster.delete_harbor_cluster("hub", "main")
        await expect_success(discover_managed_harbors)
        assert harbors()["main"].state is AdoptionState.MISSING
        assert registry_names() == ["c6-hub-main"]
        _expire_grace()
        cluster.revoke_token()
        assert "cluster c6: the token" in await expect_failure(discover_managed_harbors)
        assert registry_names() == ["c6-hub-main"]


async def test_gone_beyond_the_grace_is_forgotten(database: str) -> None:
    with harbor_with() as harbor, cluster_with() as cluster:
        await register("c7", cluster)
        create_harbor(cluster, harbor)
        await expect_success(discover_managed_harbors)
        cluster.delete_harbor_cluster("hub", "main")
        await expect_success(discover_managed_harbors)
        _expire_grace()
        await expect_success(discover_managed_harbors)
        assert (registry_names(), harbors()) == ([], {})


async def test_removed_by_hand_stays_out_until_somebody_adopts_it_again(database: str) -> None:
    with harbor_with() as harbor, cluster_with() as cluster:
        await register("c8", cluster)
        create_harbor(cluster, harbor)
        await expect_success(discover_managed_harbors)
        await expect_success(remove_registry, "c8-hub-main", confirm=True)
        await expect_success(discover_managed_harbors)
        assert "kept-out" in await expect_failure(integrate_managed_harbor, "c8", "hub", "main")
        assert registry_names() == []
        message = await expect_success(
            integrate_managed_harbor, "c8", "hub", "main", adopt_again=True
        )
        assert "is integrated as c8-hub-main" in message


async def test_removed_by_hand_and_kept_out_are_one_step(database: str) -> None:
    """A run that ends between the two would leave a registry that comes back by itself."""
    with harbor_with() as harbor, cluster_with() as cluster:
        await register("c8", cluster)
        create_harbor(cluster, harbor)
        await expect_success(discover_managed_harbors)
        full = "BEFORE UPDATE ON managed_harbor BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        _sql(f"CREATE TRIGGER full {full}")
        await run_flow(remove_registry, "c8-hub-main", confirm=True)
        assert registry_names() == ["c8-hub-main"]
        _sql("DROP TRIGGER full")
        await expect_success(remove_registry, "c8-hub-main", confirm=True)
        await expect_success(discover_managed_harbors)
        assert (registry_names(), harbors()["main"].state) == ([], AdoptionState.EXCLUDED)


async def test_a_cluster_with_managed_harbors_is_removed_with_a_warning_and_comes_back(
    database: str,
) -> None:
    with harbor_with() as harbor, cluster_with() as cluster:
        await register("c9", cluster)
        create_harbor(cluster, harbor)
        await expect_success(discover_managed_harbors)
        for confirm in (False, True):
            message = await expect_success(remove_cluster, "c9", confirm=confirm)
            assert "c9-hub-main cannot be accessed until" in message
        for _ in range(2):
            await reconcile_all_now()
        health_summary = record_of("c9-hub-main").health_summary
        assert health_summary.health is not Health.HEALTHY
        assert "cannot read its password: key " in health_summary.message
        assert "in cluster c9" in health_summary.message
        await register("c9", cluster)
        await reconcile_all_now()
        # Its record went with the cluster, so that it must be confirmed once.
        assert "1 change made" in await expect_success(discover_managed_harbors)
        assert harbors()["main"].state is AdoptionState.ADOPTED
        assert "0 changes made" in await expect_success(discover_managed_harbors)
        assert record_of("c9-hub-main").health_summary.health is Health.HEALTHY


def _sql(statement: str) -> None:
    run_in_transaction(lambda session: session.connection().execute(text(statement)))


def _expire_grace() -> None:
    since = clock.now() - get_settings().managed_grace - timedelta(hours=1)
    run_in_transaction(
        lambda session: session.exec(update(ManagedHarborRow).values(missing_since=since))
    )
