"""A Docker Registry knows no robot accounts: namespaces receive its pull-only user, or nothing."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
from prefect.client.orchestration import get_client
from sqlmodel import Session

from deployments.simulators.docker_pull import can_pull
from deployments.simulators.docker_registry import (
    BasicAuth,
    SimulatedDockerRegistry,
    TokenAuth,
)
from deployments.simulators.kubernetes import SimulatedCluster
from deployments.simulators.server import run_server
from flows.operations.integration import save_new_registry
from flows.registries.create_space import create_space
from flows.registries.integrate import integrate_registry
from flows.registries.set_visibility import set_space_visibility
from flows.registries.update import update_registry
from flows.runs import new_run_context
from models.clusters.pull_secret import MAX_SECRET_BYTES, PullSecretState
from models.core.audit import AuditEntry
from models.core.reasons import Reason
from models.registries.condition import (
    PULL_USER_TYPES,
    ConditionStatus,
    ConditionType,
    Health,
)
from models.registries.credential_origin import new_credential_origins
from models.registries.registry import BlockRef, Kind, Registry
from models.tables import BindingRow, RegistryRow
from tasks import clock
from tasks.access.pull_user import pull_user_fingerprint
from tasks.secrets.credentials import RegistryCredentials, pick_credential, read_credentials
from tasks.secrets.robot_secrets import load_cipher
from tasks.store.session import run_in_transaction
from tests.support.helpers import (
    BLOCK_IDS,
    expect_failure,
    expect_success,
    record_of,
    registry_names,
    run_flow,
    save_credentials,
    spaces_of,
)
from tests.support.platform import (
    add_cluster,
    bind,
    bindings_of,
    cluster_with,
    pull_secrets_in,
    run_schedules,
    sync,
    unbind,
)

SECRET = "pull-only-1"


@contextmanager
def docker_with(*spaces: str) -> Iterator[str]:
    """Run a Docker Registry with an image in each space; it asks everybody who he is."""
    registry = SimulatedDockerRegistry(auth=BasicAuth({"admin": "admin-pw-1", "puller": SECRET}))
    for space in spaces:
        registry.add_repository(f"{space}/app", tags=("latest",))
    with run_server(registry.app) as url:
        yield url


async def add_docker_registry(name: str, url: str, pull: str | None) -> None:
    """Leave a Docker Registry as an integration leaves it, save the run."""
    await save_credentials(name, "admin", "admin-pw-1")
    registry = Registry(
        name=name,
        kind=Kind.DOCKER,
        address=url,
        credential=BlockRef(name=name),
        pull_credential=BlockRef(name=pull) if pull else None,
    )
    entry = AuditEntry(subject=name, action="registry.integrated", after=url)
    approved_origins = new_credential_origins(registry, BLOCK_IDS)
    run_in_transaction(
        save_new_registry,
        registry,
        entry,
        new_run_context(),
        approved_origins=approved_origins,
    )
    await run_schedules(name)


async def _namespaces_with_access(
    cluster: SimulatedCluster, url: str, *namespaces: str
) -> set[str]:
    image = f"{url.partition('//')[2]}/team/app:latest"
    return {
        namespace
        for namespace in namespaces
        if await asyncio.to_thread(can_pull, image, cluster.secret(namespace))
    }


ALL_NAMESPACES = ("shop", "till", "lab", "kube-system")


async def test_public_means_every_namespace_and_private_the_bound_ones(name: str) -> None:
    with (
        docker_with("team", "other") as url,
        cluster_with(shop="red", till="red", lab="blue") as cluster,
    ):
        await save_credentials(f"{name}-pull", "puller", SECRET)
        await add_docker_registry(name, url, f"{name}-pull")
        await add_cluster("eu", cluster)
        assert cluster.requests.writes() == []
        await bind(name, ["team"], "red")
        assert await _namespaces_with_access(cluster, url, *ALL_NAMESPACES) == {"shop", "till"}
        assert all(binding.effective_at for binding in bindings_of(name))
        assert "admin-pw-1" not in str(cluster.secret("shop"))
        refusal = await expect_failure(set_space_visibility, name, ["other"], "public")
        assert "opens 1 private space of" in refusal
        assert "opens 2 private spaces of" in await expect_failure(
            create_space, name, ["new"], "public"
        )
        assert set(spaces_of(name)) == {"team", "other"}
        assert await _namespaces_with_access(cluster, url, *ALL_NAMESPACES) == {"shop", "till"}
        await expect_success(set_space_visibility, name, ["other"], "public", opened_spaces=1)
        assert await _namespaces_with_access(cluster, url, *ALL_NAMESPACES) == set(ALL_NAMESPACES)
        before = len(cluster.requests.writes())
        assert (await run_schedules(name)).message == ""
        assert len(cluster.requests.writes()) == before
        await expect_success(set_space_visibility, name, ["other"], "private")
        assert await _namespaces_with_access(cluster, url, *ALL_NAMESPACES) == {"shop", "till"}
        assert cluster.image_pull_secrets("kube-system") == ()
        await unbind(name, ["team"], "red")
        assert await _namespaces_with_access(cluster, url, *ALL_NAMESPACES) == set()
        assert pull_secrets_in("eu") == {}


async def test_without_a_pull_only_user_nothing_is_delivered(name: str) -> None:
    with docker_with("team") as url, cluster_with(shop="red") as cluster:
        await add_docker_registry(name, url, None)
        await add_cluster("eu", cluster)
        await bind(name, ["team"], "red")
        await expect_success(set_space_visibility, name, ["team"], "public")
        assert cluster.requests.writes() == []
        assert pull_secrets_in("eu") == {}


async def test_a_pull_user_that_is_refused_replaces_nothing(name: str) -> None:
    with docker_with("team") as url, cluster_with(shop="red") as cluster:
        await save_credentials(f"{name}-pull", "puller", SECRET)
        await add_docker_registry(name, url, f"{name}-pull")
        await add_cluster("eu", cluster)
        await bind(name, ["team"], "red")
        before = cluster.raw_secret("shop")
        for user, password, reason in (
            ("puller", "wrong-1", Reason.BAD_CREDENTIALS),
            ("Admin", "admin-pw-1", Reason.PULL_USER_NOT_SEPARATE),
        ):
            await save_credentials(f"{name}-pull", user, password)
            await sync()  # not tried yet
            assert cluster.raw_secret("shop") == before
            await run_schedules(name)
            health_summary = record_of(name).health_summary
            assert (health_summary.health, health_summary.reason) == (Health.DEGRADED, reason)
            cluster.add_namespace("till", {"registry-integration.io/workspace": "red"})
            await sync()
            assert (cluster.raw_secret("shop"), cluster.secret("till")) == (before, None)
            assert health_summary.message in pull_secrets_in("eu")["till"].message
        await save_credentials(f"{name}-pull", "puller", SECRET)
        await run_schedules(name)
        await sync()
        assert record_of(name).health_summary.health is Health.HEALTHY
        assert cluster.raw_secret("shop") == before
        assert await _namespaces_with_access(cluster, url, "shop", "till") == {"shop", "till"}


async def test_a_pull_user_is_proved_before_it_is_saved(name: str) -> None:
    registry = SimulatedDockerRegistry(
        TokenAuth({"admin": "admin-pw-1", "puller": SECRET}, jwt=True)
    )
    registry.add_repository("team/app")
    credentials = await save_credentials(name, "admin", "admin-pw-1")
    with run_server(registry.app) as url:
        form = {"type": "docker", "address": url}
        for user, password, message in (
            ("admin", "admin-pw-1", "the registry's own user"),
            ("puller", "wrong-1", "the user name or password is wrong"),
            ("puller", SECRET, "push to team/app"),
        ):
            pull = await save_credentials(f"{name}-pull", user, password)
            assert message in await expect_failure(
                integrate_registry, name, form, credentials, pull
            )
            assert name not in registry_names()
        await expect_success(integrate_registry, name, form, credentials, pull, allow_push=True)
        assert record_of(name).pull_user_proof
        conditions = {condition.type: condition for condition in record_of(name).conditions}
        read_only = conditions[ConditionType.PULL_USER_READ_ONLY]
        assert (read_only.status, read_only.reason) == (ConditionStatus.FALSE, Reason.PUSH_GRANTED)
        await expect_failure(update_registry, name, allow_push="no")
        await expect_success(update_registry, name, pull_credentials="none")
        types = {condition.type for condition in record_of(name).conditions}
        assert not types & set(PULL_USER_TYPES)


async def test_when_its_block_is_gone_namespaces_keep_what_they_have_and_say_why(
    name: str,
) -> None:
    with docker_with("team") as url, cluster_with(shop="red") as cluster:
        await save_credentials(f"{name}-pull", "puller", SECRET)
        await add_docker_registry(name, url, f"{name}-pull")
        await add_cluster("eu", cluster)
        await bind(name, ["team"], "red")
        before = cluster.raw_secret("shop")
        await _delete_block(f"{name}-pull")
        cluster.add_namespace("till", {"registry-integration.io/workspace": "red"})
        await sync()
        assert cluster.raw_secret("shop") == before
        for pull_secret in pull_secrets_in("eu").values():
            assert (pull_secret.status, pull_secret.reason) == (
                PullSecretState.PENDING, Reason.CREDENTIALS_MISSING
            )  # fmt: skip
            assert f"the pull-only user of {name} is not delivered" in pull_secret.message
        credentials = await save_credentials(f"{name}-pull", "puller", SECRET)
        await sync()
        assert await _namespaces_with_access(cluster, url, "shop", "till") == {"shop"}
        await expect_success(update_registry, name, pull_credentials=credentials)
        assert await _namespaces_with_access(cluster, url, "shop", "till") == {"shop", "till"}
        assert cluster.raw_secret("shop") == before


async def _delete_block(name: str) -> None:
    async with get_client() as client:
        slug = RegistryCredentials.get_block_type_slug()
        document = await client.read_block_document_by_name(name, slug)
        await client.delete_block_document(document.id)


async def test_what_is_larger_than_a_secret_may_be_is_not_sent(name: str) -> None:
    with docker_with("team") as url, cluster_with(shop="red") as cluster:
        await save_credentials(f"{name}-pull", "puller", SECRET)
        await add_docker_registry(name, url, f"{name}-pull")
        await add_cluster("eu", cluster)
        await bind(name, ["team"], "red")
        before = cluster.raw_secret("shop")
        writes = len(cluster.requests.writes())
        await save_credentials(f"{name}-pull", "puller", "x" * (MAX_SECRET_BYTES // 2))
        await mark_pull_user_proved(name)
        await sync()
        pull_secret = pull_secrets_in("eu")["shop"]
        assert (pull_secret.status, pull_secret.reason) == (
            PullSecretState.REFUSED,
            Reason.SECRET_TOO_LARGE,
        )
        assert f"more than the {MAX_SECRET_BYTES} that a Secret can hold" in pull_secret.message
        assert (cluster.raw_secret("shop"), len(cluster.requests.writes())) == (before, writes)
        await save_credentials(f"{name}-pull", "puller", SECRET)
        await mark_pull_user_proved(name)
        await sync()
        assert pull_secrets_in("eu")["shop"].status is PullSecretState.DELIVERED


async def test_the_pull_only_user_is_taken_away_and_with_it_what_was_delivered(name: str) -> None:
    with docker_with("team") as url, cluster_with(shop="red") as cluster:
        await save_credentials(f"{name}-pull", "puller", SECRET)
        await add_cluster("eu", cluster)
        await add_docker_registry(name, url, f"{name}-pull")
        await bind(name, ["team"], "red")
        assert await _namespaces_with_access(cluster, url, "shop") == {"shop"}
        await expect_success(update_registry, name, pull_credentials="none")
        assert record_of(name).registry.pull_credential is None
        assert cluster.secret("shop") is None
        assert "no changes given" in await expect_failure(
            update_registry, name, pull_credentials="keep"
        )
        for token_service, expected in ((url, url), ("", url), ("none", None)):
            await run_flow(update_registry, name, token_service=token_service, description="told")
            assert record_of(name).registry.token_service == expected


async def test_300_registries_are_one_secret_and_one_delivery(name: str) -> None:
    names = [f"{name}-{number}" for number in range(300)]
    with cluster_with(shop="red") as cluster:
        await save_credentials(f"{name}-pull", "puller", SECRET)
        await add_cluster("eu", cluster)
        for number, registry_name in enumerate(names):
            registry = Registry(
                name=registry_name,
                kind=Kind.DOCKER,
                address=f"https://registry-{number}.example.com",
                pull_credential=BlockRef(name=f"{name}-pull"),
            )
            entry = AuditEntry(subject=registry_name, action="registry.integrated")
            approved_origins = new_credential_origins(registry, BLOCK_IDS)
            run_in_transaction(
                save_new_registry,
                registry,
                entry,
                new_run_context(),
                approved_origins=approved_origins,
            )
            run_in_transaction(_bind, registry_name)
        await mark_pull_user_proved(*names)
        await sync()
        assert len((cluster.secret("shop") or {})["auths"]) == 2 * 300  # and with default port
        assert len(cluster.requests.writes()) == 2
        assert len(pull_secrets_in("eu")["shop"].logins) == 300
        await sync()
        assert len(cluster.requests.writes()) == 2


async def mark_pull_user_proved(*names: str) -> None:
    """Leave registries as a run leaves them that accepted their pull-only user as it is now."""
    specs = [record_of(name).registry.as_pull_user() for name in names]
    credentials, cipher = await read_credentials(specs), await load_cipher()
    for spec in specs:
        pull_user = pick_credential(spec, credentials)
        assert pull_user is not None
        run_in_transaction(_save_proof, spec.name, pull_user_fingerprint(cipher, spec, pull_user))


def _save_proof(session: Session, registry: str, fingerprint: str) -> None:
    session.get_one(RegistryRow, registry).pull_user_proof = fingerprint


def _bind(session: Session, registry: str) -> None:
    at = clock.now()
    session.add(BindingRow(registry_name=registry, space="team", workspace="red", bound_at=at))


@pytest.mark.parametrize("catalog", ["disabled", "forbidden"])
async def test_a_registry_without_a_catalog_is_healthy_and_its_spaces_are_bound(
    name: str, catalog: Literal["disabled", "forbidden"]
) -> None:
    registry = SimulatedDockerRegistry(
        auth=BasicAuth({"admin": "admin-pw-1", "puller": SECRET}), catalog=catalog
    )
    registry.add_repository("team/app", tags=("latest",))
    with run_server(registry.app) as url, cluster_with(shop="red") as cluster:
        await add_cluster("eu", cluster)
        form = {"type": "docker", "address": url}
        credentials = await save_credentials(name, "admin", "admin-pw-1")
        pull = await save_credentials(f"{name}-pull", "puller", SECRET)
        await expect_success(integrate_registry, name, form, credentials, pull_credentials=pull)
        await expect_success(create_space, name, ["team"])
        await bind(name, ["team"], "red")
        assert all(binding.effective_at for binding in bindings_of(name))
        assert await _namespaces_with_access(cluster, url, *ALL_NAMESPACES) == {"shop"}
        assert (await run_schedules(name)).message == ""
        record = record_of(name)
        catalog_condition = next(c for c in record.conditions if c.type is ConditionType.CATALOG)
        assert record.health_summary.health is Health.HEALTHY
        assert catalog_condition.status is ConditionStatus.FALSE
        assert "create-space" in catalog_condition.message
        assert list(spaces_of(name)) == ["team"]


async def test_images_are_pulled_from_a_pull_address(name: str) -> None:
    with docker_with("team") as url, cluster_with(shop="red") as cluster:
        await save_credentials(f"{name}-pull", "puller", SECRET)
        await add_docker_registry(name, url, f"{name}-pull")
        await add_cluster("eu", cluster)
        await bind(name, ["team"], "red")
        mirror = url.partition("//")[2].replace("127.0.0.1", "localhost")
        image = f"{mirror}/team/app:latest"
        assert not await asyncio.to_thread(can_pull, image, cluster.secret("shop"))
        await expect_success(update_registry, name, pull_addresses=[mirror])
        assert await asyncio.to_thread(can_pull, image, cluster.secret("shop"))
        assert await _namespaces_with_access(cluster, url, *ALL_NAMESPACES) == {"shop"}
        message = await expect_failure(update_registry, name, pull_addresses=["a/b"])
        assert "pull addresses: the address has a path" in message
        await expect_success(update_registry, name, pull_addresses=[])
        assert not await asyncio.to_thread(can_pull, image, cluster.secret("shop"))
