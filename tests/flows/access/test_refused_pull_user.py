"""Docker Registries that refuse their pull-only user, or ask for no login."""

from collections.abc import Awaitable, Callable

import pytest

from deployments.simulators.docker_registry import BasicAuth, NoAuth, SimulatedDockerRegistry
from deployments.simulators.server import run_server
from flows.access.bind_space import bind_space
from flows.access.rotate_credentials import rotate_credentials
from flows.registries.reconcile import reconcile_registry
from flows.registries.update import update_registry
from models.clusters.pull_secret import PullSecretState
from tests.flows.access.test_access_docker import SECRET, add_docker_registry, docker_with
from tests.support.helpers import (
    add_registry,
    expect_success,
    harbor_with,
    record_of,
    run_flow,
    save_credentials,
)
from tests.support.platform import (
    add_cluster,
    bind,
    cluster_with,
    pull_secrets_in,
    run_schedules,
    sync,
    unbind,
)


async def test_a_refused_pull_user_holds_up_no_other_registry(name: str) -> None:
    docker, harbor_name = f"{name}-docker", f"{name}-harbor"
    with (
        docker_with("team") as url,
        harbor_with() as harbor,
        cluster_with(shop="red") as cluster,
    ):
        harbor.simulator.add_project("team-a", repositories=["app"])
        await save_credentials(f"{docker}-pull", "puller", SECRET)
        await add_docker_registry(docker, url, f"{docker}-pull")
        await add_registry(harbor_name, harbor.url)
        await run_schedules(harbor_name)
        await add_cluster("eu", cluster)
        await bind(docker, ["team"], "red")
        host, harbor_host = (address.partition("//")[2] for address in (url, harbor.url))
        entry = (cluster.secret("shop") or {})["auths"][host]
        await save_credentials(f"{docker}-pull", "puller", "wrong-pw-123")
        await run_schedules(docker)  # the registry refuses the user
        await run_flow(bind_space, harbor_name, ["team-a"], ["red"])
        first = (cluster.secret("shop") or {})["auths"]
        assert first[host] == entry
        await run_flow(rotate_credentials, harbor_name)
        auths = (cluster.secret("shop") or {})["auths"]
        assert auths[host] == entry
        assert auths[harbor_host] != first[harbor_host]
        pull_secret = pull_secrets_in("eu")["shop"]
        assert pull_secret.status is PullSecretState.PENDING
        assert f"the pull-only user of {docker} is not delivered" in pull_secret.message
        # The refused password is tried less and less often, another one at once.
        await run_schedules(docker)
        await run_schedules(docker)
        assert record_of(docker).pull_user_attempts.failures == 1
        writes = len(cluster.requests.writes())
        await sync()
        assert len(cluster.requests.writes()) == writes
        await save_credentials(f"{docker}-pull", "puller", SECRET)
        await run_schedules(docker)
        assert record_of(docker).pull_user_attempts.failures == 0
        assert pull_secrets_in("eu")["shop"].status is PullSecretState.DELIVERED
        await save_credentials(f"{docker}-pull", "puller", "wrong-pw-123")
        await run_schedules(docker)
        assert pull_secrets_in("eu")["shop"].status is PullSecretState.PENDING
        await unbind(docker, ["team"], "red")
        assert (cluster.secret("shop") or {})["auths"].keys() == {harbor_host}
        assert pull_secrets_in("eu")["shop"].status is PullSecretState.DELIVERED


async def test_a_person_who_corrects_the_registry_does_not_wait(name: str) -> None:
    registry = SimulatedDockerRegistry(auth=BasicAuth({"admin": "admin-pw-1", "puller": SECRET}))
    registry.add_repository("team/app")
    with run_server(registry.app) as url:
        block = await save_credentials(f"{name}-pull", "puller", SECRET)
        await add_docker_registry(name, url, f"{name}-pull")
        corrections: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: expect_success(reconcile_registry, name),
            lambda: expect_success(update_registry, name, pull_credentials=block),
            lambda: expect_success(update_registry, name, description="corrected"),
        )
        for correct in corrections:
            registry.auth = BasicAuth({"admin": "admin-pw-1", "puller": "other-pw-123"})
            await run_schedules(name)
            assert not record_of(name).pull_user_proof
            registry.auth = BasicAuth({"admin": "admin-pw-1", "puller": SECRET})
            await run_schedules(name)  # it was refused a moment ago
            assert not record_of(name).pull_user_proof
            await correct()
            assert record_of(name).pull_user_proof


@pytest.mark.parametrize("selects_block", [True, False])
async def test_a_changed_pull_user_of_an_open_registry_is_delivered(
    name: str, selects_block: bool
) -> None:
    registry = SimulatedDockerRegistry(auth=BasicAuth({"admin": "admin-pw-1", "puller": SECRET}))
    registry.add_repository("team/app")
    with run_server(registry.app) as url, cluster_with(shop="red") as cluster:
        await save_credentials(f"{name}-pull", "puller", SECRET)
        await add_docker_registry(name, url, f"{name}-pull")
        await add_cluster("eu", cluster)
        await bind(name, ["team"], "red")
        before = cluster.raw_secret("shop")
        registry.auth = NoAuth()
        block = await save_credentials(f"{name}-pull", "puller", "other-pw-123")
        await run_schedules(name)
        await sync()
        assert cluster.raw_secret("shop") == before
        if selects_block:
            await expect_success(update_registry, name, pull_credentials=block)
        else:
            await run_schedules(name)
            await sync()
        assert cluster.raw_secret("shop") != before
        assert pull_secrets_in("eu")["shop"].status is PullSecretState.DELIVERED
