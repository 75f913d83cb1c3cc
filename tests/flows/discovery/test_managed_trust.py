"""A tenant's objects move nothing: neither what a person integrated, nor what is managed."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import datetime

import pytest
from sqlmodel import update

from deployments.simulators.faults import Fault, RunCallback
from deployments.simulators.kubernetes import SimulatedCluster
from flows.discovery.discover import discover_managed_harbors
from flows.discovery.integrate_managed import integrate_managed_harbor
from models.core.settings import get_settings
from models.discovery.managed_harbor import AdoptionState
from models.discovery.trust import MANAGED_LABEL, TRUST_PENDING_TIMEOUT
from models.registries.condition import Health
from models.registries.registry import Registry
from models.tables import TrustedObjectRow
from tasks import clock
from tasks.store.access import managed_harbors
from tasks.store.session import run_in_transaction
from tests.support.helpers import (
    PASSWORD,
    expect_failure,
    expect_success,
    harbor_with,
    integrate,
    page,
    reconcile_all_now,
    record_of,
    registry_names,
)
from tests.support.platform import cluster_with, register

CORE = "fake-harbor-core"


def adoption_states() -> dict[str, AdoptionState]:
    return {
        adopted_harbor.ref.name: adopted_harbor.state
        for adopted_harbor in run_in_transaction(managed_harbors.list_harbor_records)
    }


async def run_discovery() -> None:
    await expect_success(discover_managed_harbors)
    await reconcile_all_now()


async def check_unchanged(name: str, before: Registry) -> None:
    record = record_of(name)
    assert record.registry == before
    assert record.health_summary.health is Health.HEALTHY


@pytest.mark.parametrize(
    ("label", "standing"), [(None, AdoptionState.UNTRUSTED), ("true", AdoptionState.CONFLICT)]
)
async def test_no_object_takes_over_or_moves_what_a_person_integrated(
    database: str, label: str | None, standing: AdoptionState
) -> None:
    with harbor_with() as harbor, harbor_with() as attacker, cluster_with(shop="red") as cluster:
        assert (await integrate("hand", harbor.url)).is_completed()
        before = record_of("hand").registry
        await register("t1", cluster)
        cluster.set_labels("shop", {MANAGED_LABEL: label})
        cluster.add_helm_harbor("shop", "fake", harbor.url, PASSWORD)
        await run_discovery()
        assert adoption_states() == {"fake": standing}
        cluster.upgrade_helm_harbor("shop", CORE, attacker.url)
        if label:
            cluster.delete_helm_harbor("shop", "fake")  # or it would be a Harbor of its own
        await run_discovery()
        await check_unchanged("hand", before)
        assert len(attacker.simulator.requests) == 0
        assert registry_names() == ["hand"]


async def test_what_nobody_trusts_is_listed_and_never_contacted(database: str) -> None:
    with harbor_with() as attacker, cluster_with(shop="red") as cluster:
        await register("t2", cluster)
        cluster.add_helm_harbor("shop", "fake", attacker.url, PASSWORD)
        cluster.add_harbor_cluster("shop", "other", attacker.url, PASSWORD, tls="other-tls")
        cluster.deny("get", "configmaps")
        cluster.deny("get", "secrets")
        message = await expect_success(discover_managed_harbors)
        assert "2 managed Harbors" in message
        markdown = await page("discovery")
        assert "label it registry-integration.io/managed-harbors=true" in markdown.replace("\\", "")
        assert registry_names() == []
        assert len(attacker.simulator.requests) == 0
        assert not _forbidden_paths(cluster)


async def test_a_namespace_that_lost_its_label_keeps_its_registry(database: str) -> None:
    with harbor_with() as harbor, harbor_with() as attacker, cluster_with() as cluster:
        await register("t3", cluster)
        cluster.add_namespace("hub", {MANAGED_LABEL: "true"})
        cluster.add_helm_harbor("hub", "main", harbor.url, PASSWORD)
        await run_discovery()
        before = record_of("t3-hub-main").registry
        cluster.set_labels("hub", {MANAGED_LABEL: None})
        cluster.upgrade_helm_harbor("hub", "main-harbor-core", attacker.url)
        await run_discovery()
        await check_unchanged("t3-hub-main", before)
        assert adoption_states() == {"main": AdoptionState.UNTRUSTED}
        cluster.upgrade_helm_harbor("hub", "main-harbor-core", harbor.url)
        cluster.set_labels("hub", {MANAGED_LABEL: "true"})
        await run_discovery()
        assert adoption_states() == {"main": AdoptionState.ADOPTED}
        assert len(attacker.simulator.requests) == 0


def _forbidden_paths(cluster: SimulatedCluster) -> list[str]:
    """What was asked for that may not be read."""
    return [call.path for call in cluster.requests if call.status == 403]


def set_trusted_at(at: datetime) -> None:
    """Let all that was named have been named then."""
    run_in_transaction(lambda session: session.exec(update(TrustedObjectRow).values(trusted_at=at)))


async def test_a_call_is_trust_in_one_object_that_may_appear_later(database: str) -> None:
    """Several at once, all too early: none is lost, and no other object is meant."""
    with (
        harbor_with() as first_harbor,
        harbor_with() as second_harbor,
        harbor_with() as attacker,
        cluster_with() as cluster,
    ):
        await register("t4", cluster)
        for name in ("one", "two"):
            message = await expect_failure(integrate_managed_harbor, "t4", "hub", name)
            assert "If it appears within one hour" in message
        cluster.add_harbor_cluster("hub", "one", first_harbor.url, PASSWORD)
        cluster.add_harbor_cluster("hub", "two", second_harbor.url, PASSWORD)
        cluster.add_harbor_cluster("hub", "three", attacker.url, PASSWORD)
        await run_discovery()
        assert registry_names() == ["t4-hub-one", "t4-hub-two"]
        assert adoption_states()["three"] is AdoptionState.UNTRUSTED
        set_trusted_at(clock.now() - TRUST_PENDING_TIMEOUT * 2)
        await run_discovery()
        assert adoption_states()["one"] is AdoptionState.ADOPTED
        cluster.delete_harbor_cluster("hub", "one")
        cluster.add_harbor_cluster("hub", "one", attacker.url, PASSWORD)
        await run_discovery()
        assert adoption_states()["one"] is AdoptionState.UNTRUSTED
        assert record_of("t4-hub-one").registry.address == first_harbor.url
        assert len(attacker.simulator.requests) == 0


async def test_what_was_named_too_long_ago_is_not_trusted(database: str) -> None:
    with harbor_with() as harbor, cluster_with() as cluster:
        await register("t5", cluster)
        await expect_failure(integrate_managed_harbor, "t5", "hub", "main")
        await expect_failure(integrate_managed_harbor, "t5", "hub", "main", uid="another")
        set_trusted_at(clock.now() - TRUST_PENDING_TIMEOUT * 2)
        uid = cluster.add_harbor_cluster("hub", "main", harbor.url, PASSWORD)
        await run_discovery()
        assert registry_names() == []
        message = await expect_failure(integrate_managed_harbor, "t5", "hub", "main", uid="another")
        assert "does not have the given uid" in message
        message = await expect_success(integrate_managed_harbor, "t5", "hub", "main", uid=uid)
        assert "is integrated as t5-hub-main" in message


async def test_two_objects_of_one_name_need_the_uid(database: str) -> None:
    with harbor_with() as harbor, harbor_with() as other, cluster_with() as cluster:
        await register("t6", cluster)
        uid = cluster.add_harbor_cluster("hub", "main", harbor.url, PASSWORD)
        cluster.add_helm_harbor("hub", "main", other.url, PASSWORD)
        message = await expect_failure(integrate_managed_harbor, "t6", "hub", "main")
        assert "two objects have this name" in message
        assert registry_names() == []
        assert "t6-hub-main" in await expect_success(
            integrate_managed_harbor, "t6", "hub", "main", uid=uid
        )
        assert len(other.simulator.requests) == 0


@pytest.mark.parametrize("password", [PASSWORD, "guessed-Pass1"])
async def test_a_person_links_what_was_integrated_by_hand_if_its_own_secret_opens_it(
    database: str, password: str
) -> None:
    with harbor_with() as harbor, harbor_with() as attacker, cluster_with() as cluster:
        assert (await integrate("hand", harbor.url)).is_completed()
        before = record_of("hand").registry
        await register("t7", cluster)
        cluster.add_helm_harbor("hub", "main", harbor.url, password)
        message = await expect_failure(integrate_managed_harbor, "t7", "hub", "main")
        assert "integrated by a user as hand" in message
        if password == PASSWORD:
            message = await expect_success(
                integrate_managed_harbor, "t7", "hub", "main", take_over=True
            )
            assert "is integrated as hand" in message
        else:
            message = await expect_failure(
                integrate_managed_harbor, "t7", "hub", "main", take_over=True
            )
            assert "the password in its own Secret is not valid at" in message
        linked_registries = {
            adopted_harbor.registry
            for adopted_harbor in run_in_transaction(managed_harbors.list_harbor_records)
        }
        assert linked_registries == ({"hand"} if password == PASSWORD else {""})
        cluster.upgrade_helm_harbor("hub", "main-harbor-core", attacker.url)
        if password == PASSWORD:  # else it is a Harbor of its own, by the trust of that call
            await run_discovery()
            assert adoption_states() == {"main": AdoptionState.CONFLICT}
            assert len(attacker.simulator.requests) == 0
        await check_unchanged("hand", before)


async def test_adoptions_are_limited_for_each_run(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_ADOPTIONS_AT_ONCE", "2")
    get_settings.cache_clear()
    with ExitStack() as stack:
        cluster = stack.enter_context(cluster_with())
        await register("t8", cluster)
        cluster.add_namespace("hub", {MANAGED_LABEL: "true"})
        for number in range(3):
            harbor = stack.enter_context(harbor_with())
            cluster.add_harbor_cluster("hub", f"h{number}", harbor.url, PASSWORD)
        message = await expect_success(discover_managed_harbors)
        assert "2 changes made; 1 Harbor postponed to the next runs" in message
        assert len(registry_names()) == 2
        await expect_success(discover_managed_harbors)
        assert len(registry_names()) == 3
        assert "0 changes made" in await expect_success(discover_managed_harbors)


async def test_adoptions_are_done_side_by_side(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of two is answered before the other is asked, nor given up by its client."""
    monkeypatch.setenv("REGISTRY_INTEGRATION_READ_SECONDS", "60")
    monkeypatch.setenv("REGISTRY_INTEGRATION_OPERATION_SECONDS", "120")
    get_settings.cache_clear()
    contacted: set[str] = set()
    wait_results: list[bool] = []
    both_contacted = threading.Event()

    def ask(name: str) -> Callable[[], Awaitable[None]]:
        async def wait() -> None:
            contacted.add(name)
            if len(contacted) == 2:
                both_contacted.set()
            wait_results.append(await asyncio.to_thread(both_contacted.wait, 30))

        return wait

    with harbor_with() as first_harbor, harbor_with() as second_harbor, cluster_with() as cluster:
        await register("t9", cluster)
        cluster.add_namespace("hub", {MANAGED_LABEL: "true"})
        for name, harbor in (("one", first_harbor), ("two", second_harbor)):
            harbor.faults.add(Fault(RunCallback(ask(name))))
            cluster.add_harbor_cluster("hub", name, harbor.url, PASSWORD)
        await expect_success(discover_managed_harbors)
        assert contacted == {"one", "two"}
        assert wait_results == [True, True]
        assert registry_names() == ["t9-hub-one", "t9-hub-two"]
