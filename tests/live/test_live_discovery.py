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
from models.registries.registry import Origin
from models.registries.robots import robot_stem
from tasks.store.installation import installation
from tasks.store.session import stored
from tests.live.images import make_project, push, robots_named
from tests.live.live_environment import Scene, registered
from tests.live.managed import NAME, HelmKept, Kept, OperatorKept
from tests.support.helpers import completed, dossier, failed, known, page
from tests.support.platform import bindings_of, bound


@pytest.fixture(params=["helm", "operator"])
def kept(request: pytest.FixtureRequest, scene: Scene) -> Kept:
    """The Harbor, as a cluster shows one that it runs itself."""
    credential = scene.harbor.credential
    assert credential is not None
    if credential.username != "admin":
        pytest.skip("a managed Harbor is entered as admin, and HARBOR_USERNAME is another")
    emulated, wanted = not os.environ.get("KUBECONFIG"), os.environ.get("LIVE_HARBORCLUSTERS")
    if request.param == "operator" and not (emulated or wanted):
        pytest.skip("LIVE_HARBORCLUSTERS is not set, see tests/live/README.md")
    make = HelmKept if request.param == "helm" else OperatorKept
    return make(scene.cluster, scene.hub, scene.harbor.url, credential.password.get_secret_value())


async def test_the_whole_story_of_a_managed_harbor(scene: Scene, kept: Kept) -> None:
    await registered(scene)
    await scene.cluster.add_namespace(scene.hub, {MANAGED_LABEL: "true"})
    us, place = await stored(installation), ("live", scene.hub, NAME)
    await kept.stand_up()

    await completed(discover_managed_harbors, dry_run=True)
    assert scene.hub in await page("discovery")
    assert known() == []

    for _ in range(2):
        told = await completed(integrate_managed_harbor, *place)
    assert f"is integrated as {scene.managed}" in told
    found = dossier(scene.managed)
    assert found.registry.origin is Origin.MANAGED
    assert found.diagnosis.health in (Health.HEALTHY, Health.DEGRADED), found.diagnosis

    make_project(scene.console, scene.mine)
    push(scene.console, f"{scene.mine}/app", "v1")
    await kept.move_password()
    await completed(integrate_managed_harbor, *place)
    assert dossier(scene.managed).registry.credential != found.registry.credential
    await bound(scene.managed, [scene.mine], scene.workspace)
    secret = await scene.held(scene.shop)
    assert await scene.pulls(scene.mine, secret)

    mine = f"{robot_stem(us)}-{scene.workspace}"
    before = robots_named(scene.console, mine)
    await kept.make_again()  # the same Harbor inside: nothing is taken away
    await completed(integrate_managed_harbor, *place)
    await completed(sync_namespaces)
    assert [one.is_held for one in bindings_of(scene.managed)] == [False]
    assert await scene.pulls(scene.mine, secret)
    assert await scene.cluster.secret(scene.shop) == secret
    assert robots_named(scene.console, mine) == before != []

    await completed(remove_registry, scene.managed, confirm=True)
    assert robots_named(scene.console, robot_stem(us)) == []
    assert "kept-out" in await failed(integrate_managed_harbor, *place)
    await completed(integrate_managed_harbor, *place, adopt_again=True)
    assert known() == [scene.managed]

    await kept.take_down()
    assert "is missing" in await failed(integrate_managed_harbor, *place)
    assert known() == [scene.managed]
    await completed(remove_registry, scene.managed, confirm=True)
    assert known() == []
    await completed(remove_cluster, "live", confirm=True)
