"""From two private spaces to a pull and back, against a Harbor and a cluster of yours.

Whichever of the two is not named is simulated, so that each can be proved without the other.
"""

import pytest

from flows.access.bind_space import bind_space
from flows.access.rotate_credentials import rotate_credentials
from flows.clusters.remove_cluster import remove_cluster
from flows.clusters.sync_namespaces import sync_namespaces
from flows.registries.create_space import create_space
from flows.registries.remove import remove_registry
from models.clusters.cluster import PULL_SECRET_NAME
from models.core.settings import get_settings
from models.registries.robots import robot_prefix
from models.registries.space import Visibility
from tasks.store.installation import get_installation
from tasks.store.session import in_transaction
from tests.live.clusters import Content
from tests.live.images import find_robots, push
from tests.live.live_environment import LiveEnvironment, register
from tests.support.helpers import expect_failure, expect_success, integrate
from tests.support.platform import bind, pull_secrets_in, unbind


async def test_the_whole_story_of_access(
    environment: LiveEnvironment, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    harbor = environment.harbor
    state = await integrate(name, harbor.url, credentials=await harbor.block(), tls=harbor.tls)
    assert state.is_completed(), state.message
    await expect_success(
        create_space, name, [environment.own_project, environment.other_project], Visibility.PRIVATE
    )
    for space in (environment.own_project, environment.other_project):
        push(environment.console, f"{space}/app", "v1")
    await register(environment)
    assert not await environment.pulls(environment.own_project, None)

    await bind(name, [environment.own_project], environment.workspace)
    secret = await environment.pull_secret(environment.shop)
    assert await environment.pulls(environment.own_project, secret)
    assert not await environment.pulls(environment.other_project, secret)
    assert await environment.cluster.secret(environment.lab) is None

    await bind(name, [environment.other_project], environment.workspace)
    assert await environment.pull_secret(environment.shop) == secret
    assert await environment.pulls(environment.other_project, secret)

    await _check_repair(environment, secret)

    await unbind(name, [environment.own_project], environment.workspace)
    assert environment.pull_status(environment.own_project, secret) == 401
    assert not await environment.pulls(environment.own_project, secret)
    assert await environment.pulls(environment.other_project, secret)

    monkeypatch.setenv("REGISTRY_INTEGRATION_SUPERSEDED_MINUTES", "0")  # one run does all
    get_settings.cache_clear()
    await expect_success(rotate_credentials, name, environment.workspace)
    new_secret = await environment.pull_secret(environment.shop)
    assert new_secret != secret
    assert await environment.pulls(environment.other_project, new_secret)
    assert environment.pull_status(environment.other_project, secret) == 401
    assert len(_robots(environment, await in_transaction(get_installation))) == 1

    await expect_success(remove_registry, name, confirm=True)
    assert await environment.cluster.secret(environment.shop) is None
    assert await environment.cluster.links(environment.shop) == ()
    assert environment.pull_status(environment.other_project, new_secret) == 401
    assert (
        find_robots(environment.console, robot_prefix(await in_transaction(get_installation))) == []
    )
    await expect_success(remove_cluster, "live", confirm=True)


async def test_a_secret_of_somebody_else_is_left_alone(
    environment: LiveEnvironment, name: str
) -> None:
    await integrate(
        name,
        environment.harbor.url,
        credentials=await environment.harbor.block(),
        tls=environment.harbor.tls,
    )
    await expect_success(create_space, name, [environment.own_project], Visibility.PRIVATE)
    await register(environment)
    await environment.cluster.foreign_secret(environment.shop)
    foreign_secret = await environment.cluster.secret(environment.shop)

    message = await expect_failure(
        bind_space, name, [environment.own_project], [environment.workspace]
    )
    assert "not in force yet: cluster live: namespace" in message
    assert await environment.cluster.secret(environment.shop) == foreign_secret
    assert (
        "that this installation does not own" in pull_secrets_in("live")[environment.shop].message
    )

    await environment.cluster.delete_secret(environment.shop)
    await expect_success(sync_namespaces)
    assert (await environment.pull_secret(environment.shop))["auths"].keys() == {
        environment.harbor.registry.parsed_address.netloc
    }

    await unbind(name, [environment.own_project], environment.workspace)
    assert await environment.cluster.secret(environment.shop) is None
    await expect_success(remove_registry, name, confirm=True)


async def _check_repair(environment: LiveEnvironment, secret: Content) -> None:
    """What hands do to our Secret and to its link is set right by the next sync."""
    await environment.cluster.edit_secret(environment.shop, {"auths": {}})
    await expect_success(sync_namespaces)
    assert await environment.pull_secret(environment.shop) == secret

    await environment.cluster.delete_secret(environment.shop)
    await environment.cluster.link(environment.shop, "ri-live-other")
    await expect_success(sync_namespaces)
    assert await environment.pull_secret(environment.shop) == secret
    assert "ri-live-other" in await environment.cluster.links(environment.shop)
    await environment.cluster.link(environment.shop, PULL_SECRET_NAME)


def _robots(environment: LiveEnvironment, installation_id: str) -> list[str]:
    """The robot accounts of the workspace."""
    robots = find_robots(
        environment.console, f"{robot_prefix(installation_id)}-{environment.workspace}"
    )
    return [str(robot["name"]) for robot in robots]
