"""The identity of a managed Harbor is what is inside it, whatever its objects become."""

from datetime import timedelta

import pytest
from sqlmodel import update

from deployments.simulators.faults import Fault, Respond
from deployments.simulators.kubernetes import SimulatedCluster
from flows.access.resolve_held_bindings import HeldBindingAction, resolve_held_bindings
from flows.discovery.discover import discover_managed_harbors
from models.core.settings import get_settings
from models.discovery.managed_harbor import AdoptionState, ManagedHarborRecord
from models.discovery.trust import MANAGED_LABEL
from models.registries.condition import Health
from models.registries.registry import SecretRef
from models.tables import ManagedHarborRow
from tasks import clock
from tasks.store.access import managed_harbors
from tasks.store.registries import robots
from tasks.store.session import run_in_transaction
from tests.support.helpers import (
    PASSWORD,
    HarborServer,
    audit_events,
    expect_success,
    harbor_with,
    page,
    reconcile_all_now,
    record_of,
    registry_names,
)
from tests.support.platform import (
    advance_time,
    bind,
    bindings_of,
    cluster_with,
    pulls,
    recorded_robots,
    register,
)

CORE = "main-harbor-core"


def create_harbor(cluster: SimulatedCluster, harbor: HarborServer, namespace: str = "hub") -> None:
    """Let the platform create a Harbor from a chart, in a namespace that is trusted."""
    cluster.add_namespace(namespace, {MANAGED_LABEL: "true"})
    cluster.add_helm_harbor(namespace, "main", harbor.url, PASSWORD)


def recreate_harbor(cluster: SimulatedCluster, harbor: HarborServer) -> None:
    """As `kubectl replace --force` does, or an Argo CD Replace."""
    cluster.delete_helm_harbor("hub", "main")
    cluster.add_helm_harbor("hub", "main", harbor.url, PASSWORD)


def reset_database(server: HarborServer, *spaces: str) -> None:
    """Another database: robot accounts are gone, and ids are given to other projects."""
    harbor = server.simulator
    harbor.robots.clear()
    for name in spaces:
        number = harbor.projects[name].id
        harbor.delete_project(name)
        harbor.ids["project"] = number - 1
        harbor.add_project(name)
        harbor.add_image(f"{name}/app", "latest")
        assert harbor.projects[name].id == number


def find_adopted_harbor(namespace: str = "hub") -> ManagedHarborRecord | None:
    return {
        adopted_harbor.ref.namespace: adopted_harbor
        for adopted_harbor in run_in_transaction(managed_harbors.list_harbor_records)
    }.get(namespace)


async def adopt_harbor(cluster_name: str, cluster: SimulatedCluster, harbor: HarborServer) -> str:
    """A managed Harbor with a binding, that can be pulled."""
    harbor.simulator.add_image("team-a/app", "latest")
    await register(cluster_name, cluster)
    create_harbor(cluster, harbor)
    await expect_success(discover_managed_harbors)
    name = f"{cluster_name}-hub-main"
    await bind(name, ["team-a"], "red")
    assert await pulls(harbor, cluster, "shop", "team-a")
    return name


async def check_untouched(name: str, harbor: HarborServer, cluster: SimulatedCluster) -> None:
    """Nothing was taken away, nothing was written, and all is well."""
    assert harbor.writes() == []
    assert cluster.requests.writes() == []
    assert [binding.is_held for binding in bindings_of(name)] == [False]
    assert await pulls(harbor, cluster, "shop", "team-a")
    events = audit_events(name)
    assert not {"space.unbound", "space.binding-held", "grant.revoked"} & events.keys()
    assert record_of(name).health_summary.health is Health.HEALTHY


async def test_made_again_with_the_same_inside_nothing_is_taken_away(database: str) -> None:
    with harbor_with("team-a") as harbor, cluster_with(shop="red") as cluster:
        name = await adopt_harbor("i1", cluster, harbor)
        before = find_adopted_harbor()
        recreate_harbor(cluster, harbor)
        harbor.simulator.requests.clear()
        cluster.requests.clear()
        await expect_success(discover_managed_harbors)
        await reconcile_all_now()
        await check_untouched(name, harbor, cluster)
        after = find_adopted_harbor()
        assert before is not None
        assert after is not None
        assert (after.state, after.registry) == (AdoptionState.ADOPTED, name)
        assert after.uid != before.uid
        assert audit_events(name)["registry.followed"] == 1
        assert "0 changes made" in await expect_success(discover_managed_harbors)


@pytest.mark.parametrize("first", ["reconcile", "discovery"])
async def test_made_again_with_another_inside_its_bindings_are_held(
    database: str, first: str
) -> None:
    """Also if the same ids were given to projects of the same names, and whoever looks first."""
    cluster_name = {"reconcile": "i2", "discovery": "i3"}[first]
    with harbor_with("team-a") as harbor, cluster_with(shop="red") as cluster:
        name = await adopt_harbor(cluster_name, cluster, harbor)
        recreate_harbor(cluster, harbor)
        reset_database(harbor, "team-a")
        if first == "reconcile":
            await reconcile_all_now()
            assert not await pulls(harbor, cluster, "shop", "team-a")
        await expect_success(discover_managed_harbors)
        await reconcile_all_now()
        assert [binding.is_held for binding in bindings_of(name)] == [True]
        assert recorded_robots(name) == ()
        assert cluster.secret("shop") is None
        assert not await pulls(harbor, cluster, "shop", "team-a")
        assert audit_events(name)["space.binding-held"] == 1
        assert record_of(name).health_summary.health is Health.HEALTHY
        assert "0 changes made" in await expect_success(discover_managed_harbors)
        await expect_success(resolve_held_bindings, name, HeldBindingAction.RESTORE)
        assert await pulls(harbor, cluster, "shop", "team-a")


async def test_a_fake_with_all_our_names_is_another_harbor(database: str) -> None:
    with harbor_with("team-a") as harbor, cluster_with(shop="red") as cluster:
        name = await adopt_harbor("i4", cluster, harbor)
        recreate_harbor(cluster, harbor)
        for robot in harbor.simulator.robots.values():
            robot.created += timedelta(milliseconds=1)
        await expect_success(discover_managed_harbors)
        assert [binding.is_held for binding in bindings_of(name)] == [True]
        assert not await pulls(harbor, cluster, "shop", "team-a")


async def test_held_bindings_do_not_make_a_harbor_without_a_record_undecided(
    database: str,
) -> None:
    """As it is left if no robot account could be made when the bindings were held."""
    with harbor_with("team-a") as harbor, cluster_with(shop="red") as cluster:
        name = await adopt_harbor("i12", cluster, harbor)
        recreate_harbor(cluster, harbor)
        reset_database(harbor, "team-a")
        harbor.faults.add(Fault(Respond(500), "POST", r"/api/v2.0/robots.*", times=None))
        await expect_success(discover_managed_harbors)
        assert run_in_transaction(robots.list_robots, name) == ()
        harbor.faults.clear()
        recreate_harbor(cluster, harbor)
        await expect_success(discover_managed_harbors)
        record = find_adopted_harbor()
        assert record is not None
        assert (record.state, record.registry) == (AdoptionState.ADOPTED, name)
        assert [binding.is_held for binding in bindings_of(name)] == [True]
        assert len(run_in_transaction(robots.list_robots, name)) == 1
        assert "0 changes made" in await expect_success(discover_managed_harbors)


async def test_what_is_not_proved_changes_nothing_until_it_is(database: str) -> None:
    with harbor_with("team-a") as harbor, cluster_with(shop="red") as cluster:
        name = await adopt_harbor("i5", cluster, harbor)
        before = find_adopted_harbor()
        cluster.delete_helm_harbor("hub", "main")
        cluster.add_helm_harbor("hub", "main", harbor.url, "Wrong54321")
        harbor.simulator.requests.clear()
        cluster.requests.clear()
        await expect_success(discover_managed_harbors)
        current = find_adopted_harbor()
        assert before is not None
        assert current is not None
        assert (current.state, current.uid) == (AdoptionState.UNCONFIRMED, before.uid)
        assert "not confirmed that this is the Harbor of i5-hub-main" in current.message
        assert f"run update-registry for {name}" in (await page("discovery")).replace("\\", "")
        assert harbor.writes() == []
        assert cluster.requests.writes() == []
        assert await pulls(harbor, cluster, "shop", "team-a")
        cluster.set_password("hub", "main", PASSWORD)
        harbor.simulator.requests.clear()
        await expect_success(discover_managed_harbors)
        assert len(harbor.simulator.requests) == 0  # a refused password is not tried at once
        advance_time(minutes=1)
        await expect_success(discover_managed_harbors)
        await reconcile_all_now()
        await check_untouched(name, harbor, cluster)


@pytest.mark.parametrize("both", [True, False], ids=["both for a while", "one after the other"])
async def test_a_harbor_that_moves_is_followed(database: str, both: bool) -> None:
    cluster_name = "i6" if both else "i7"
    with harbor_with("team-a") as harbor, cluster_with(shop="red") as cluster:
        name = await adopt_harbor(cluster_name, cluster, harbor)
        if not both:
            cluster.delete_helm_harbor("hub", "main")
            await expect_success(discover_managed_harbors)
            current = find_adopted_harbor()
            assert current is not None
            assert current.state is AdoptionState.MISSING
        create_harbor(cluster, harbor, "new")
        harbor.simulator.requests.clear()
        cluster.requests.clear()
        for _ in range(2):
            await expect_success(discover_managed_harbors)
            await reconcile_all_now()
        if both:
            previous = find_adopted_harbor()
            assert previous is not None
            assert previous.state is AdoptionState.MOVED
            cluster.delete_helm_harbor("hub", "main")
            await expect_success(discover_managed_harbors)
            await reconcile_all_now()
        await check_untouched(name, harbor, cluster)
        assert registry_names() == [name]
        assert find_adopted_harbor() is None
        current = find_adopted_harbor("new")
        assert current is not None
        assert (current.state, current.registry) == (AdoptionState.ADOPTED, name)
        credential = record_of(name).registry.credential
        assert isinstance(credential, SecretRef)
        assert credential.namespace == "new"
        assert "0 changes made" in await expect_success(discover_managed_harbors)


async def test_in_a_namespace_that_nobody_trusts_a_claim_is_not_even_asked(database: str) -> None:
    with harbor_with("team-a") as harbor, cluster_with(shop="red") as cluster:
        name = await adopt_harbor("i8", cluster, harbor)
        cluster.delete_helm_harbor("hub", "main")
        cluster.add_helm_harbor("shop", "main", harbor.url, PASSWORD)
        harbor.simulator.requests.clear()
        await expect_success(discover_managed_harbors)
        assert len(harbor.simulator.requests) == 0
        current = find_adopted_harbor("shop")
        assert current is not None
        assert current.state is AdoptionState.UNTRUSTED
        assert [binding.is_held for binding in bindings_of(name)] == [False]


async def test_under_another_url_a_person_decides(database: str) -> None:
    with (
        harbor_with("team-a") as harbor,
        harbor_with() as other,
        cluster_with(shop="red") as cluster,
    ):
        name = await adopt_harbor("i9", cluster, harbor)
        cluster.delete_helm_harbor("hub", "main")
        cluster.add_helm_harbor("hub", "main", other.url, PASSWORD)
        await expect_success(discover_managed_harbors)
        current = find_adopted_harbor()
        assert current is not None
        assert current.state is AdoptionState.CONFLICT
        assert "run update-registry for i9-hub-main with the new address" in current.message
        assert len(other.simulator.requests) == 0
        assert record_of(name).registry.address == harbor.url
        assert await pulls(harbor, cluster, "shop", "team-a")


async def test_missing_beyond_the_grace_it_is_kept_with_its_bindings(database: str) -> None:
    with harbor_with("team-a") as harbor, cluster_with(shop="red") as cluster:
        name = await adopt_harbor("i10", cluster, harbor)
        cluster.delete_helm_harbor("hub", "main")
        await expect_success(discover_managed_harbors)
        since = clock.now() - get_settings().managed_grace - timedelta(hours=1)
        run_in_transaction(
            lambda session: session.exec(update(ManagedHarborRow).values(missing_since=since))
        )
        for _ in range(2):
            await expect_success(discover_managed_harbors, allow_large=True)
        assert registry_names() == [name]
        assert len(bindings_of(name)) == 1
        current = find_adopted_harbor()
        assert current is not None
        assert "kept, because it has 1 binding" in current.message
        assert audit_events(name)["registry.missing"] == 1


async def test_a_second_address_of_a_harbor_is_not_adopted(database: str) -> None:
    with harbor_with("team-a") as harbor, cluster_with(shop="red") as cluster:
        name = await adopt_harbor("i11", cluster, harbor)
        cluster.add_namespace("two", {MANAGED_LABEL: "true"})
        url = harbor.url.replace("127.0.0.1", "localhost")
        cluster.add_helm_harbor("two", "main", url, PASSWORD)
        await expect_success(discover_managed_harbors)
        current = find_adopted_harbor("two")
        assert current is not None
        assert current.state is AdoptionState.CONFLICT
        assert f"another address of the Harbor that is integrated as {name}" in current.message
        assert registry_names() == [name]
