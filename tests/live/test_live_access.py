"""From two private spaces to a pull and back, against a Harbor and a cluster of yours.

Whichever of the two is not named is simulated, so that each can be proved without the other.
"""

import pytest

from flows.access.rotate_credentials import rotate_credentials
from flows.clusters.remove_cluster import remove_cluster
from flows.clusters.sync_namespaces import sync_namespaces
from flows.registries.create_space import create_space
from flows.registries.remove import remove_registry
from models.clusters.cluster import SECRET_NAME
from models.core.settings import settings
from models.registries.robots import robot_stem
from models.registries.space import Visibility
from tasks.store.installation import installation
from tasks.store.session import stored
from tests.live.clusters import Content
from tests.live.images import push, robots_named
from tests.live.live_environment import Scene, registered
from tests.support.helpers import completed, integrate
from tests.support.platform import bound, deliveries_in, unbound


async def test_the_whole_story_of_access(
    scene: Scene, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await integrate(
        name,
        scene.harbor.url,
        credentials=await scene.harbor.block(),
        tls=scene.harbor.tls,
    )
    assert state.is_completed(), state.message
    await completed(create_space, name, [scene.mine, scene.other], Visibility.PRIVATE)
    for space in (scene.mine, scene.other):
        push(scene.console, f"{space}/app", "v1")
    await registered(scene)
    assert not await scene.pulls(scene.mine, None)

    await bound(name, [scene.mine], scene.workspace)
    secret = await scene.held(scene.shop)
    assert await scene.pulls(scene.mine, secret)
    assert not await scene.pulls(scene.other, secret)
    assert await scene.cluster.secret(scene.lab) is None

    await bound(name, [scene.other], scene.workspace)
    assert await scene.held(scene.shop) == secret
    assert await scene.pulls(scene.other, secret)

    await _repaired(scene, secret)

    await unbound(name, [scene.mine], scene.workspace)
    assert scene.basic(scene.mine, secret) == 401
    assert not await scene.pulls(scene.mine, secret)
    assert await scene.pulls(scene.other, secret)

    monkeypatch.setenv("REGISTRY_INTEGRATION_SUPERSEDED_MINUTES", "0")  # one run does all
    settings.cache_clear()
    await completed(rotate_credentials, name, scene.workspace)
    fresh = await scene.held(scene.shop)
    assert fresh != secret
    assert await scene.pulls(scene.other, fresh)
    assert scene.basic(scene.other, secret) == 401
    assert len(_robots(scene, await stored(installation))) == 1

    await completed(remove_registry, name, confirm=True)
    assert await scene.cluster.secret(scene.shop) is None
    assert await scene.cluster.links(scene.shop) == ()
    assert scene.basic(scene.other, fresh) == 401
    assert robots_named(scene.console, robot_stem(await stored(installation))) == []
    await completed(remove_cluster, "live", confirm=True)


async def test_a_secret_of_somebody_else_is_left_alone(scene: Scene, name: str) -> None:
    await integrate(
        name, scene.harbor.url, credentials=await scene.harbor.block(), tls=scene.harbor.tls
    )
    await completed(create_space, name, [scene.mine], Visibility.PRIVATE)
    await registered(scene)
    await scene.cluster.foreign_secret(scene.shop)
    theirs = await scene.cluster.secret(scene.shop)

    await bound(name, [scene.mine], scene.workspace)
    assert await scene.cluster.secret(scene.shop) == theirs
    assert "without our mark" in deliveries_in("live")[scene.shop].message

    await scene.cluster.delete_secret(scene.shop)
    await completed(sync_namespaces)
    assert (await scene.held(scene.shop))["auths"].keys() == {scene.harbor.registry.where.netloc}

    await unbound(name, [scene.mine], scene.workspace)
    assert await scene.cluster.secret(scene.shop) is None
    await completed(remove_registry, name, confirm=True)


async def _repaired(scene: Scene, secret: Content) -> None:
    """What hands do to our Secret and to its link is set right by the next sync."""
    await scene.cluster.edit_secret(scene.shop, {"auths": {}})
    await completed(sync_namespaces)
    assert await scene.held(scene.shop) == secret

    await scene.cluster.delete_secret(scene.shop)
    await scene.cluster.link(scene.shop, "ri-live-other")
    await completed(sync_namespaces)
    assert await scene.held(scene.shop) == secret
    assert "ri-live-other" in await scene.cluster.links(scene.shop)
    await scene.cluster.link(scene.shop, SECRET_NAME)


def _robots(scene: Scene, us: str) -> list[str]:
    """The robot accounts of the workspace."""
    found = robots_named(scene.console, f"{robot_stem(us)}-{scene.workspace}")
    return [str(one["name"]) for one in found]
