"""A managed Harbor from its creation to its end, against a Harbor and a cluster of yours."""

import os

import pytest

from flows.clusters.remove_cluster import remove_cluster
from flows.clusters.sync_namespaces import sync_namespaces
from flows.discovery.discover import discover_managed_harbors
from flows.discovery.integrate_managed import integrate_managed_harbor
from flows.registries.remove import remove_registry
from models.discovery.trust import MANAGED_LABEL
from models.registries.condition import Health
from models.registries.registry import RegistryOrigin
from models.registries.robots import robot_prefix
from tasks.store.installation import get_installation
from tasks.store.session import in_transaction
from tests.live.images import find_robots, make_project, push
from tests.live.live_environment import LiveEnvironment, register
from tests.live.managed import NAME, HelmHarbor, LiveManagedHarbor, OperatorHarbor
from tests.support.helpers import expect_failure, expect_success, page, record_of, registry_names
from tests.support.platform import bind, bindings_of


@pytest.fixture(params=["helm", "operator"])
def managed_harbor(
    request: pytest.FixtureRequest, environment: LiveEnvironment
) -> LiveManagedHarbor:
    """The Harbor, as a cluster shows one that it runs itself."""
    credential = environment.harbor.credential
    assert credential is not None
    if credential.username != "admin":
        pytest.skip("a managed Harbor is entered as admin, and HARBOR_USERNAME is another")
    emulated, harbor_clusters = (
        not os.environ.get("KUBECONFIG"),
        os.environ.get("LIVE_HARBORCLUSTERS"),
    )
    if request.param == "operator" and not (emulated or harbor_clusters):
        pytest.skip("LIVE_HARBORCLUSTERS is not set, see tests/live/README.md")
    harbor_class = HelmHarbor if request.param == "helm" else OperatorHarbor
    return harbor_class(
        environment.cluster,
        environment.hub,
        environment.harbor.url,
        credential.password.get_secret_value(),
    )


async def test_the_whole_story_of_a_managed_harbor(
    environment: LiveEnvironment, managed_harbor: LiveManagedHarbor
) -> None:
    await register(environment)
    await environment.cluster.add_namespace(environment.hub, {MANAGED_LABEL: "true"})
    installation_id, ref = await in_transaction(get_installation), ("live", environment.hub, NAME)
    await managed_harbor.create()

    await expect_success(discover_managed_harbors, dry_run=True)
    assert environment.hub in await page("discovery")
    assert registry_names() == []

    for _ in range(2):
        message = await expect_success(integrate_managed_harbor, *ref)
    assert f"is integrated as {environment.managed}" in message
    record = record_of(environment.managed)
    assert record.registry.origin is RegistryOrigin.MANAGED
    assert record.health_summary.health in (Health.HEALTHY, Health.DEGRADED), record.health_summary

    make_project(environment.console, environment.own_project)
    push(environment.console, f"{environment.own_project}/app", "v1")
    await managed_harbor.move_password()
    await expect_success(integrate_managed_harbor, *ref)
    assert record_of(environment.managed).registry.credential != record.registry.credential
    await bind(environment.managed, [environment.own_project], environment.workspace)
    secret = await environment.pull_secret(environment.shop)
    assert await environment.pulls(environment.own_project, secret)

    robot_name_prefix = f"{robot_prefix(installation_id)}-{environment.workspace}"
    before = find_robots(environment.console, robot_name_prefix)
    await managed_harbor.recreate()  # the same Harbor inside: nothing is taken away
    await expect_success(integrate_managed_harbor, *ref)
    await expect_success(sync_namespaces)
    assert [binding.is_held for binding in bindings_of(environment.managed)] == [False]
    assert await environment.pulls(environment.own_project, secret)
    assert await environment.cluster.secret(environment.shop) == secret
    assert find_robots(environment.console, robot_name_prefix) == before != []

    await expect_success(remove_registry, environment.managed, confirm=True)
    assert find_robots(environment.console, robot_prefix(installation_id)) == []
    assert "kept-out" in await expect_failure(integrate_managed_harbor, *ref)
    await expect_success(integrate_managed_harbor, *ref, adopt_again=True)
    assert registry_names() == [environment.managed]

    await managed_harbor.delete()
    assert "is missing" in await expect_failure(integrate_managed_harbor, *ref)
    assert registry_names() == [environment.managed]
    await expect_success(remove_registry, environment.managed, confirm=True)
    assert registry_names() == []
    await expect_success(remove_cluster, "live", confirm=True)
