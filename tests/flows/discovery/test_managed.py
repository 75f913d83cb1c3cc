"""Managed Harbors integrate themselves, are followed, and go when they are gone."""

from datetime import timedelta

from sqlmodel import text, update

from deployments.simulators.kubernetes import EmulatedCluster
from flows.clusters.remove_cluster import remove_cluster
from flows.discovery.discover import discover_managed_harbors
from flows.discovery.integrate_managed import integrate_managed_harbor
from flows.registries.remove import remove_registry
from flows.registries.update import update_registry
from models.core.reasons import Reason
from models.core.settings import settings
from models.discovery.managed_harbor import Managed, Standing
from models.discovery.trust import MANAGED_LABEL
from models.registries.condition import Health
from models.registries.registry import Origin
from models.tables import ManagedRow
from tasks import clock
from tasks.store.access import managed_harbors
from tasks.store.session import transact
from tests.support.helpers import (
    PASSWORD,
    Place,
    block,
    completed,
    dossier,
    ended,
    failed,
    harbor_at,
    known,
    look_again,
    page,
)
from tests.support.platform import bindings_of, bound, cluster_with, pulls, registered


def stand_up(cluster: EmulatedCluster, place: Place, name: str = "main", **more: str) -> None:
    """Let the platform create a Harbor."""
    cluster.install_operator()
    cluster.add_harbor_cluster("hub", name, place.url, PASSWORD, **more)
    cluster.label("hub", {MANAGED_LABEL: "true"})


def harbors() -> dict[str, Managed]:
    return {one.place.name: one for one in transact(managed_harbors.managed)}


async def test_a_new_one_is_integrated_with_nobody_filling_in_a_form(database: str) -> None:
    with harbor_at("team-a") as place, cluster_with(shop="red") as cluster:
        place.harbor.add_image("team-a/app", "latest")
        await registered("c1", cluster)
        stand_up(cluster, place)
        told = await completed(discover_managed_harbors)
        assert "1 managed Harbor, 1 change made" in told
        found = dossier("c1-hub-main")
        assert found.registry.origin is Origin.MANAGED
        assert found.diagnosis.health is Health.HEALTHY
        assert "c1-hub-main" in await page("discovery")
        await bound("c1-hub-main", ["team-a"], "red")
        assert await pulls(place, cluster, "shop", "team-a")
        assert "0 changes made" in await completed(discover_managed_harbors)


async def test_said_at_once_twice_early_and_for_nobody(database: str) -> None:
    with harbor_at() as place, cluster_with() as cluster:
        await registered("c2", cluster)
        stand_up(cluster, place, status="provisioning")
        said = await completed(integrate_managed_harbor, "c2", "hub", "main")
        assert "is not ready yet" in said
        cluster.set_harbor_status("hub", "main", "healthy")
        for _ in range(2):
            told = await completed(integrate_managed_harbor, "c2", "hub", "main")
            assert "is integrated as c2-hub-main" in told
        assert known() == ["c2-hub-main"]
        assert "no managed Harbor" in await failed(integrate_managed_harbor, "c2", "hub", "ghost")


async def test_where_the_cluster_cannot_be_read_nobody_says_that_it_is_not_there(
    database: str,
) -> None:
    with harbor_at() as place, cluster_with() as cluster:
        await registered("c10", cluster)
        stand_up(cluster, place)
        cluster.revoke()
        told = await failed(integrate_managed_harbor, "c10", "hub", "main")
        assert "c10/hub/main: cluster c10: the token or client certificate is not accepted" in told
        assert "no managed Harbor" not in told


async def test_a_drifted_password_says_so_and_an_override_mends_it(database: str) -> None:
    with harbor_at() as place, cluster_with() as cluster:
        place.harbor.users[1].password = "Changed98765"
        await registered("c3", cluster)
        stand_up(cluster, place)
        await completed(discover_managed_harbors)
        found = dossier("c3-hub-main").diagnosis
        assert (found.health, found.reason) == (
            Health.UNHEALTHY,
            Reason.ADMIN_PASSWORD_DRIFTED,
        )
        override = await block("c3-override", password="Changed98765")
        await completed(update_registry, "c3-hub-main", credentials=override)
        assert dossier("c3-hub-main").diagnosis.health is Health.HEALTHY
        assert "0 changes made" in await completed(discover_managed_harbors)


async def test_a_changed_secret_is_followed_by_itself(database: str) -> None:
    with harbor_at() as place, cluster_with() as cluster:
        await registered("c4", cluster)
        stand_up(cluster, place)
        await completed(discover_managed_harbors)
        place.harbor.users[1].password = "Changed98765"
        cluster.set_password("hub", "main", "Changed98765")
        await look_again()
        assert dossier("c4-hub-main").diagnosis.health is Health.HEALTHY


async def test_another_harbor_under_the_old_name_gets_no_binding(database: str) -> None:
    with harbor_at("team-a") as place, cluster_with(shop="red") as cluster:
        await registered("c5", cluster)
        stand_up(cluster, place)
        await completed(discover_managed_harbors)
        await bound("c5-hub-main", ["team-a"], "red")
        cluster.recreate_harbor_cluster("hub", "main")
        place.harbor.robots.clear()
        await completed(discover_managed_harbors)
        assert [one.is_held for one in bindings_of("c5-hub-main")] == [True]
        await completed(discover_managed_harbors)
        shown = await page("discovery")
        assert "1 binding of c5-hub-main held: run resolve-held-bindings" in shown
        assert cluster.secret("shop") is None
        assert dossier("c5-hub-main").diagnosis.health is Health.HEALTHY


async def test_gone_is_kept_through_a_grace_and_out_of_reach_changes_nothing(
    database: str,
) -> None:
    with harbor_at() as place, cluster_with() as cluster:
        await registered("c6", cluster)
        stand_up(cluster, place)
        await completed(discover_managed_harbors)
        cluster.delete_harbor_cluster("hub", "main")
        await completed(discover_managed_harbors)
        assert harbors()["main"].standing is Standing.MISSING
        assert known() == ["c6-hub-main"]
        _long_ago()
        cluster.revoke()
        assert "not read" in await completed(discover_managed_harbors)
        assert known() == ["c6-hub-main"]


async def test_gone_beyond_the_grace_is_forgotten(database: str) -> None:
    with harbor_at() as place, cluster_with() as cluster:
        await registered("c7", cluster)
        stand_up(cluster, place)
        await completed(discover_managed_harbors)
        cluster.delete_harbor_cluster("hub", "main")
        await completed(discover_managed_harbors)
        _long_ago()
        await completed(discover_managed_harbors)
        assert (known(), harbors()) == ([], {})


async def test_removed_by_hand_stays_out_until_somebody_adopts_it_again(database: str) -> None:
    with harbor_at() as place, cluster_with() as cluster:
        await registered("c8", cluster)
        stand_up(cluster, place)
        await completed(discover_managed_harbors)
        await completed(remove_registry, "c8-hub-main", confirm=True)
        await completed(discover_managed_harbors)
        assert "kept-out" in await failed(integrate_managed_harbor, "c8", "hub", "main")
        assert known() == []
        told = await completed(integrate_managed_harbor, "c8", "hub", "main", adopt_again=True)
        assert "is integrated as c8-hub-main" in told


async def test_removed_by_hand_and_kept_out_are_one_step(database: str) -> None:
    """A run that ends between the two would leave a registry that comes back by itself."""
    with harbor_at() as place, cluster_with() as cluster:
        await registered("c8", cluster)
        stand_up(cluster, place)
        await completed(discover_managed_harbors)
        full = "BEFORE UPDATE ON managed_harbor BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        _sql(f"CREATE TRIGGER full {full}")
        await ended(remove_registry, "c8-hub-main", confirm=True)
        assert known() == ["c8-hub-main"]
        _sql("DROP TRIGGER full")
        await completed(remove_registry, "c8-hub-main", confirm=True)
        await completed(discover_managed_harbors)
        assert (known(), harbors()["main"].standing) == ([], Standing.KEPT_OUT)


async def test_a_cluster_with_managed_harbors_is_removed_with_a_warning_and_comes_back(
    database: str,
) -> None:
    with harbor_at() as place, cluster_with() as cluster:
        await registered("c9", cluster)
        stand_up(cluster, place)
        await completed(discover_managed_harbors)
        for confirm in (False, True):
            told = await completed(remove_cluster, "c9", confirm=confirm)
            assert "c9-hub-main cannot be entered without it" in told
        for _ in range(2):
            await look_again()
        found = dossier("c9-hub-main").diagnosis
        assert found.health is not Health.HEALTHY
        assert "in cluster c9, cannot be read now" in found.message
        await registered("c9", cluster)
        await look_again()
        assert "0 changes made" in await completed(discover_managed_harbors)
        assert dossier("c9-hub-main").diagnosis.health is Health.HEALTHY


def _sql(statement: str) -> None:
    transact(lambda session: session.connection().execute(text(statement)))


def _long_ago() -> None:
    since = clock.now() - settings().managed_grace - timedelta(hours=1)
    transact(lambda session: session.exec(update(ManagedRow).values(missing_since=since)))
