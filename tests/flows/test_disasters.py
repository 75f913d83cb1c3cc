"""A registry, a cluster or keys are those of yesterday, or lost: as docs/disasters.md says."""

import copy
from collections.abc import Callable

import pytest
from cryptography.fernet import Fernet
from sqlmodel import Session, text

from deployments.simulators.harbor import SimulatedHarbor
from flows.access.rotate_credentials import rotate_credentials
from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from tasks.secrets.robot_secrets import ensure_keys
from tasks.store.session import run_in_transaction
from tests.support.helpers import add_registry, expect_success, harbor_with, record_of
from tests.support.platform import (
    LABEL,
    NAMESPACES,
    Platform,
    add_cluster,
    bindings_of,
    cluster_with,
    platform,
    pull_secrets_in,
    robots_in,
    run_schedules,
    sync,
)

_STATE = ("projects", "robots", "quotas", "users", "blobs", "ids")


@pytest.fixture(autouse=True)
def no_retention(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_SUPERSEDED_MINUTES", "0")
    get_settings.cache_clear()


def empty_secrets(session: Session) -> None:
    """Do what a person does in the database when all keys are lost."""
    session.execute(text("UPDATE robot_grant SET sealed = ''"))
    session.execute(text("UPDATE installation SET canary = ''"))


def back_up(harbor: SimulatedHarbor) -> Callable[[], None]:
    """Copy the database of a Harbor; return the function that restores it."""
    saved = copy.deepcopy({name: getattr(harbor, name) for name in _STATE})

    def restore() -> None:
        for name, value in copy.deepcopy(saved).items():
            setattr(harbor, name, value)

    return restore


async def test_a_harbor_of_yesterday(name: str) -> None:
    async with platform(
        name, "team-a", "team-b", "team-c", namespaces={**NAMESPACES, "park": "green"}
    ) as p:
        await p.bind("team-a", "team-b")
        await p.bind("team-b", workspace="blue")
        restore = back_up(p.harbor.simulator)
        await p.unbind("team-b")  # the robot account has fewer rights today
        await p.unbind("team-b", workspace="blue")  # and this one is deleted today
        await p.bind("team-c", workspace="green")  # this one is new
        await p.expire_departures()
        today = robots_in(p.harbor)
        restore()
        assert robots_in(p.harbor) != today

        await run_schedules(p.name)  # the first look
        assert robots_in(p.harbor) == today
        await run_schedules(p.name)
        assert not any(binding.is_held for binding in bindings_of(p.name))
        assert await p.is_in_sync()
        assert await p.pulls("shop", "team-a") and not await p.pulls("shop", "team-b")
        assert not await p.pulls("lab", "team-b")


async def test_a_harbor_of_yesterday_has_older_secrets(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        restore = back_up(p.harbor.simulator)
        await expect_success(rotate_credentials, p.name)
        await run_schedules(p.name)
        p.harbor.simulator.add_project("team-d")
        await run_schedules(p.name)
        await p.bind("team-d")
        restore()
        assert not await p.pulls("shop", "team-a")

        await run_schedules(p.name)
        assert await p.pulls("shop", "team-a")
        await run_schedules(p.name)
        assert [robot for robot in robots_in(p.harbor).values()] == [frozenset({"team-a"})]
        assert not any(binding.is_held for binding in bindings_of(p.name))
        assert record_of(p.name).health_summary.health == "healthy"


async def test_a_harbor_from_before_it_was_integrated(name: str) -> None:
    with harbor_with("team-a", "team-b") as harbor, cluster_with(shop="red", lab="blue") as cluster:
        for space in ("team-a", "team-b"):
            harbor.simulator.add_image(f"{space}/app", "latest")
        restore = back_up(harbor.simulator)
        await add_registry(name, harbor.url)
        await add_cluster("eu", cluster)
        p = Platform(name, harbor, cluster)
        await p.bind("team-b", workspace="blue")
        await p.bind("team-a")
        today = robots_in(harbor)
        restore()  # the ids of robot accounts start again

        await run_schedules(name)
        assert robots_in(harbor) == today
        assert await p.pulls("shop", "team-a") and await p.pulls("lab", "team-b")
        await run_schedules(name)
        await run_schedules(name)
        assert not any(binding.is_held for binding in bindings_of(name))
        assert await p.is_in_sync()
        assert await p.pulls("shop", "team-a") and await p.pulls("lab", "team-b")


async def test_a_cluster_of_yesterday(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        await p.bind("team-b", workspace="blue")
        restore = p.cluster.back_up()
        await p.unbind("team-b", workspace="blue")
        await expect_success(rotate_credentials, p.name)
        await run_schedules(p.name)
        p.cluster.add_namespace("kiosk", {LABEL: "red"})
        await sync()
        assert await p.pulls("kiosk", "team-a")
        restore()
        assert p.cluster.secret("lab") and not await p.pulls("shop", "team-a")

        await sync()
        assert await p.pulls("shop", "team-a") and await p.pulls("till", "team-a")
        assert p.cluster.secret("lab") is None
        assert not p.cluster.image_pull_secrets("lab")
        assert set(pull_secrets_in("eu")) == {"shop", "till"}
        await p.expire_departures()  # kiosk, which is not in this snapshot, had the secret
        assert await p.is_in_sync()


async def test_the_keys_are_lost(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        monkeypatch.setenv("REGISTRY_INTEGRATION_SECRET_KEYS", Fernet.generate_key().decode())
        get_settings.cache_clear()
        assert "the current key is not the one" in (await run_schedules(name)).message
        with pytest.raises(InvalidRequest, match="the current key is not the one"):
            ensure_keys()  # as each start of the service does
        run_in_transaction(empty_secrets)
        ensure_keys()
        for _ in range(2):
            await run_schedules(name)
            assert await p.pulls("shop", "team-a") and await p.pulls("till", "team-a")
        assert "run rotate-credentials" in pull_secrets_in("eu")["shop"].message

        message = await expect_success(rotate_credentials)
        assert "new secrets for 1 robot account in 1 registry, in force" in message
        assert await p.pulls("shop", "team-a") and await p.pulls("till", "team-a")
        await run_schedules(name)
        assert await p.grants_exactly("team-a")
