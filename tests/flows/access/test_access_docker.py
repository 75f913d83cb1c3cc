"""A Docker Registry knows no robot accounts: namespaces receive its pull-only user, or nothing."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.client.orchestration import get_client
from sqlmodel import Session

from deployments.simulators.docker_pull import can_pull
from deployments.simulators.docker_registry import Basic, DockerRegistry
from deployments.simulators.kubernetes import EmulatedCluster
from deployments.simulators.server import running
from flows.registries.set_visibility import set_space_visibility
from flows.registries.update import update_registry
from models.clusters.pull_secret import LARGEST, DeliveryStatus
from models.core.audit import Entry
from models.core.reasons import Reason
from models.registries.credential_origin import given_origins
from models.registries.registry import BlockRef, Kind, Registry
from models.tables import BindingRow
from tasks import clock
from tasks.secrets.credentials import RegistryCredentials
from tasks.store.registries import registries
from tasks.store.session import transact
from tests.support.helpers import BLOCKS, block, completed, dossier, ended, failed
from tests.support.platform import (
    a_minute,
    bindings_of,
    bound,
    cluster_with,
    deliveries_in,
    known_cluster,
    synced,
    unbound,
)

SECRET = "pull-only-1"


@contextmanager
def docker_at(*spaces: str) -> Iterator[str]:
    """Run a Docker Registry with an image in each space; it asks everybody who he is."""
    registry = DockerRegistry(auth=Basic({"admin": "admin-pw-1", "puller": SECRET}))
    for space in spaces:
        registry.add_repository(f"{space}/app", tags=("latest",))
    with running(registry.app) as url:
        yield url


async def docker_known(name: str, url: str, pull: str | None) -> None:
    """Leave a Docker Registry as an integration leaves it, save the run."""
    await block(name, "admin", "admin-pw-1")
    one = Registry(
        name=name,
        kind=Kind.DOCKER,
        address=url,
        credential=BlockRef(name=name),
        pull_credential=BlockRef(name=pull) if pull else None,
    )
    entry = Entry(subject=name, what="registry.integrated", after=url)
    given = given_origins(one, BLOCKS)
    transact(registries.add, one, entry, at=clock.now(), flow_run="", given=given)
    await a_minute(name)


async def _can(cluster: EmulatedCluster, url: str, *namespaces: str) -> set[str]:
    image = f"{url.partition('//')[2]}/team/app:latest"
    return {
        each
        for each in namespaces
        if await asyncio.to_thread(can_pull, image, cluster.secret(each))
    }


ALL = ("shop", "till", "lab", "kube-system")


async def test_public_means_every_namespace_and_private_the_bound_ones(name: str) -> None:
    with docker_at("team", "other") as url, cluster_with(shop="red", till="red", lab="blue") as k:
        await block(f"{name}-pull", "puller", SECRET)
        await docker_known(name, url, f"{name}-pull")
        await known_cluster("eu", k)
        assert k.requests.writes() == []
        await bound(name, ["team"], "red")
        assert await _can(k, url, *ALL) == {"shop", "till"}
        assert all(one.effective_at for one in bindings_of(name))
        assert "admin-pw-1" not in str(k.secret("shop"))
        await completed(set_space_visibility, name, ["other"], "public")
        assert await _can(k, url, *ALL) == set(ALL)
        before = len(k.requests.writes())
        assert (await a_minute(name)).said == ""
        assert len(k.requests.writes()) == before
        await completed(set_space_visibility, name, ["other"], "private")
        assert await _can(k, url, *ALL) == {"shop", "till"}
        assert k.image_pull_secrets("kube-system") == ()
        await unbound(name, ["team"], "red")
        assert await _can(k, url, *ALL) == set()
        assert deliveries_in("eu") == {}


async def test_without_a_pull_only_user_nothing_is_delivered(name: str) -> None:
    with docker_at("team") as url, cluster_with(shop="red") as k:
        await docker_known(name, url, None)
        await known_cluster("eu", k)
        await bound(name, ["team"], "red")
        await completed(set_space_visibility, name, ["team"], "public")
        assert k.requests.writes() == []
        assert deliveries_in("eu") == {}


async def test_when_its_block_is_gone_namespaces_keep_what_they_have_and_say_why(
    name: str,
) -> None:
    with docker_at("team") as url, cluster_with(shop="red") as k:
        await block(f"{name}-pull", "puller", SECRET)
        await docker_known(name, url, f"{name}-pull")
        await known_cluster("eu", k)
        await bound(name, ["team"], "red")
        before = k.raw_secret("shop")
        await _delete_block(f"{name}-pull")
        k.add_namespace("till", {"registry-integration.io/workspace": "red"})
        await synced()
        assert k.raw_secret("shop") == before
        for each in deliveries_in("eu").values():
            assert (each.status, each.reason) == (
                DeliveryStatus.PENDING, Reason.CREDENTIALS_MISSING
            )  # fmt: skip
            assert f"the pull-only credentials of {name} cannot be read" in each.message
        again = await block(f"{name}-pull", "puller", SECRET)
        await synced()
        assert await _can(k, url, "shop", "till") == {"shop"}
        await completed(update_registry, name, pull_credentials=again)
        assert await _can(k, url, "shop", "till") == {"shop", "till"}
        assert k.raw_secret("shop") == before


async def _delete_block(name: str) -> None:
    async with get_client() as client:
        slug = RegistryCredentials.get_block_type_slug()
        found = await client.read_block_document_by_name(name, slug)
        await client.delete_block_document(found.id)


async def test_what_is_larger_than_a_secret_may_be_is_not_sent(name: str) -> None:
    with docker_at("team") as url, cluster_with(shop="red") as k:
        await block(f"{name}-pull", "puller", SECRET)
        await docker_known(name, url, f"{name}-pull")
        await known_cluster("eu", k)
        await bound(name, ["team"], "red")
        before = k.raw_secret("shop")
        writes = len(k.requests.writes())
        await block(f"{name}-pull", "puller", "x" * (LARGEST // 2))
        await synced()
        held = deliveries_in("eu")["shop"]
        assert (held.status, held.reason) == (DeliveryStatus.REFUSED, Reason.SECRET_TOO_LARGE)
        assert f"more than the {LARGEST} that a Secret holds" in held.message
        assert (k.raw_secret("shop"), len(k.requests.writes())) == (before, writes)
        await block(f"{name}-pull", "puller", SECRET)
        await synced()
        assert deliveries_in("eu")["shop"].status is DeliveryStatus.DELIVERED


async def test_the_pull_only_user_is_taken_away_and_with_it_what_was_delivered(name: str) -> None:
    with docker_at("team") as url, cluster_with(shop="red") as k:
        await block(f"{name}-pull", "puller", SECRET)
        await known_cluster("eu", k)
        await docker_known(name, url, f"{name}-pull")
        await bound(name, ["team"], "red")
        assert await _can(k, url, "shop") == {"shop"}
        await completed(update_registry, name, pull_credentials="none")
        assert dossier(name).registry.pull_credential is None
        assert k.secret("shop") is None
        assert "nothing was given" in await failed(update_registry, name, pull_credentials="keep")
        for said, kept in ((url, url), ("", url), ("none", None)):
            await ended(update_registry, name, token_service=said, description="told")
            assert dossier(name).registry.token_service == kept


async def test_300_registries_are_one_secret_and_one_delivery(name: str) -> None:
    many = [f"{name}-{number}" for number in range(300)]
    with cluster_with(shop="red") as k:
        await block(f"{name}-pull", "puller", SECRET)
        await known_cluster("eu", k)
        for number, each in enumerate(many):
            one = Registry(
                name=each,
                kind=Kind.DOCKER,
                address=f"https://registry-{number}.example.com",
                pull_credential=BlockRef(name=f"{name}-pull"),
            )
            entry = Entry(subject=each, what="registry.integrated")
            given = given_origins(one, BLOCKS)
            transact(registries.add, one, entry, at=clock.now(), flow_run="", given=given)
            transact(_bind, each)
        await synced()
        assert len((k.secret("shop") or {})["auths"]) == 300
        assert len(k.requests.writes()) == 2
        assert len(deliveries_in("eu")["shop"].logins) == 300
        await synced()
        assert len(k.requests.writes()) == 2


def _bind(session: Session, registry: str) -> None:
    at = clock.now()
    session.add(BindingRow(registry_name=registry, space="team", workspace="red", bound_at=at))
