"""A tenant's objects move nothing: neither what a person integrated, nor what is managed."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import datetime

import pytest
from sqlmodel import update

from deployments.simulators.faults import Call, Fault
from deployments.simulators.kubernetes import EmulatedCluster
from flows.discovery.discover import discover_managed_harbors
from flows.discovery.integrate_managed import integrate_managed_harbor
from models.core.settings import settings
from models.discovery.managed_harbor import Standing
from models.discovery.trust import MANAGED_LABEL, NAMED_FOR
from models.registries.condition import Health
from models.registries.registry import Registry
from models.tables import TrustedObjectRow
from tasks import clock
from tasks.store.access import managed_harbors
from tasks.store.session import transact
from tests.support.helpers import (
    PASSWORD,
    completed,
    dossier,
    failed,
    harbor_at,
    integrate,
    known,
    look_again,
    page,
)
from tests.support.platform import cluster_with, registered

CORE = "fake-harbor-core"


def standings() -> dict[str, Standing]:
    return {one.place.name: one.standing for one in transact(managed_harbors.managed)}


async def discovered() -> None:
    await completed(discover_managed_harbors)
    await look_again()


async def as_it_was(name: str, before: Registry) -> None:
    found = dossier(name)
    assert found.registry == before
    assert found.diagnosis.health is Health.HEALTHY


@pytest.mark.parametrize(
    ("label", "standing"), [(None, Standing.UNTRUSTED), ("true", Standing.CONFLICT)]
)
async def test_no_object_takes_over_or_moves_what_a_person_integrated(
    database: str, label: str | None, standing: Standing
) -> None:
    with harbor_at() as place, harbor_at() as attacker, cluster_with(shop="red") as cluster:
        assert (await integrate("hand", place.url)).is_completed()
        before = dossier("hand").registry
        await registered("t1", cluster)
        cluster.label("shop", {MANAGED_LABEL: label})
        cluster.add_helm_harbor("shop", "fake", place.url, PASSWORD)
        await discovered()
        assert standings() == {"fake": standing}
        cluster.upgrade_helm_harbor("shop", CORE, attacker.url)
        if label:
            cluster.delete_helm_harbor("shop", "fake")  # or it would be a Harbor of its own
        await discovered()
        await as_it_was("hand", before)
        assert len(attacker.harbor.requests) == 0
        assert known() == ["hand"]


async def test_what_nobody_trusts_is_listed_and_never_contacted(database: str) -> None:
    with harbor_at() as attacker, cluster_with(shop="red") as cluster:
        await registered("t2", cluster)
        cluster.add_helm_harbor("shop", "fake", attacker.url, PASSWORD)
        cluster.add_harbor_cluster("shop", "other", attacker.url, PASSWORD, tls="other-tls")
        cluster.forbid("get", "configmaps")
        cluster.forbid("get", "secrets")
        told = await completed(discover_managed_harbors)
        assert "2 managed Harbors" in told
        shown = await page("discovery")
        assert "label it registry-integration.io/managed-harbors=true" in shown.replace("\\", "")
        assert known() == []
        assert len(attacker.harbor.requests) == 0
        assert not _refused(cluster)


async def test_a_namespace_that_lost_its_label_keeps_its_registry(database: str) -> None:
    with harbor_at() as place, harbor_at() as attacker, cluster_with() as cluster:
        await registered("t3", cluster)
        cluster.add_namespace("hub", {MANAGED_LABEL: "true"})
        cluster.add_helm_harbor("hub", "main", place.url, PASSWORD)
        await discovered()
        before = dossier("t3-hub-main").registry
        cluster.label("hub", {MANAGED_LABEL: None})
        cluster.upgrade_helm_harbor("hub", "main-harbor-core", attacker.url)
        await discovered()
        await as_it_was("t3-hub-main", before)
        assert standings() == {"main": Standing.UNTRUSTED}
        cluster.upgrade_helm_harbor("hub", "main-harbor-core", place.url)
        cluster.label("hub", {MANAGED_LABEL: "true"})
        await discovered()
        assert standings() == {"main": Standing.ADOPTED}
        assert len(attacker.harbor.requests) == 0


def _refused(cluster: EmulatedCluster) -> list[str]:
    """What was asked for that may not be read."""
    return [call.path for call in cluster.requests if call.status == 403]


def named_at(at: datetime) -> None:
    """Let all that was named have been named then."""
    transact(lambda session: session.exec(update(TrustedObjectRow).values(trusted_at=at)))


async def test_a_call_is_trust_in_one_object_that_may_appear_later(database: str) -> None:
    """Several at once, all too early: none is lost, and no other object is meant."""
    with harbor_at() as one, harbor_at() as two, harbor_at() as attacker, cluster_with() as cluster:
        await registered("t4", cluster)
        for name in ("one", "two"):
            told = await failed(integrate_managed_harbor, "t4", "hub", name)
            assert "If it appears within the hour" in told
        cluster.add_harbor_cluster("hub", "one", one.url, PASSWORD)
        cluster.add_harbor_cluster("hub", "two", two.url, PASSWORD)
        cluster.add_harbor_cluster("hub", "three", attacker.url, PASSWORD)
        await discovered()
        assert known() == ["t4-hub-one", "t4-hub-two"]
        assert standings()["three"] is Standing.UNTRUSTED
        named_at(clock.now() - NAMED_FOR * 2)
        await discovered()
        assert standings()["one"] is Standing.ADOPTED
        cluster.delete_harbor_cluster("hub", "one")
        cluster.add_harbor_cluster("hub", "one", attacker.url, PASSWORD)
        await discovered()
        assert standings()["one"] is Standing.UNTRUSTED
        assert dossier("t4-hub-one").registry.address == one.url
        assert len(attacker.harbor.requests) == 0


async def test_what_was_named_too_long_ago_is_not_trusted(database: str) -> None:
    with harbor_at() as place, cluster_with() as cluster:
        await registered("t5", cluster)
        await failed(integrate_managed_harbor, "t5", "hub", "main")
        await failed(integrate_managed_harbor, "t5", "hub", "main", uid="another")
        named_at(clock.now() - NAMED_FOR * 2)
        uid = cluster.add_harbor_cluster("hub", "main", place.url, PASSWORD)
        await discovered()
        assert known() == []
        told = await failed(integrate_managed_harbor, "t5", "hub", "main", uid="another")
        assert "is not the object that was named" in told
        told = await completed(integrate_managed_harbor, "t5", "hub", "main", uid=uid)
        assert "is integrated as t5-hub-main" in told


async def test_two_objects_of_one_name_need_the_uid(database: str) -> None:
    with harbor_at() as place, harbor_at() as other, cluster_with() as cluster:
        await registered("t6", cluster)
        uid = cluster.add_harbor_cluster("hub", "main", place.url, PASSWORD)
        cluster.add_helm_harbor("hub", "main", other.url, PASSWORD)
        told = await failed(integrate_managed_harbor, "t6", "hub", "main")
        assert "two objects have this name" in told
        assert known() == []
        assert "t6-hub-main" in await completed(
            integrate_managed_harbor, "t6", "hub", "main", uid=uid
        )
        assert len(other.harbor.requests) == 0


@pytest.mark.parametrize("password", [PASSWORD, "guessed-Pass1"])
async def test_a_person_links_what_was_integrated_by_hand_if_its_own_secret_opens_it(
    database: str, password: str
) -> None:
    with harbor_at() as place, harbor_at() as attacker, cluster_with() as cluster:
        assert (await integrate("hand", place.url)).is_completed()
        before = dossier("hand").registry
        await registered("t7", cluster)
        cluster.add_helm_harbor("hub", "main", place.url, password)
        told = await failed(integrate_managed_harbor, "t7", "hub", "main")
        assert "integrated by hand as hand" in told
        if password == PASSWORD:
            told = await completed(integrate_managed_harbor, "t7", "hub", "main", take_over=True)
            assert "is integrated as hand" in told
        else:
            told = await failed(integrate_managed_harbor, "t7", "hub", "main", take_over=True)
            assert "the password in its own Secret does not open" in told
        linked = {one.registry for one in transact(managed_harbors.managed)}
        assert linked == ({"hand"} if password == PASSWORD else {""})
        cluster.upgrade_helm_harbor("hub", "main-harbor-core", attacker.url)
        if password == PASSWORD:  # else it is a Harbor of its own, by the trust of that call
            await discovered()
            assert standings() == {"main": Standing.CONFLICT}
            assert len(attacker.harbor.requests) == 0
        await as_it_was("hand", before)


async def test_adoptions_are_limited_for_each_run(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_ADOPTIONS_AT_ONCE", "2")
    settings.cache_clear()
    with ExitStack() as stack:
        cluster = stack.enter_context(cluster_with())
        await registered("t8", cluster)
        cluster.add_namespace("hub", {MANAGED_LABEL: "true"})
        for number in range(3):
            place = stack.enter_context(harbor_at())
            cluster.add_harbor_cluster("hub", f"h{number}", place.url, PASSWORD)
        told = await completed(discover_managed_harbors)
        assert "2 changes made; 1 Harbor left for the next runs to adopt" in told
        assert len(known()) == 2
        await completed(discover_managed_harbors)
        assert len(known()) == 3
        assert "0 changes made" in await completed(discover_managed_harbors)


async def test_adoptions_are_done_side_by_side(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of two is answered before the other is asked, nor given up by its client."""
    monkeypatch.setenv("REGISTRY_INTEGRATION_READ_SECONDS", "60")
    monkeypatch.setenv("REGISTRY_INTEGRATION_OPERATION_SECONDS", "120")
    settings.cache_clear()
    asked: set[str] = set()
    waited: list[bool] = []
    both = threading.Event()

    def ask(name: str) -> Callable[[], Awaitable[None]]:
        async def wait() -> None:
            asked.add(name)
            if len(asked) == 2:
                both.set()
            waited.append(await asyncio.to_thread(both.wait, 30))

        return wait

    with harbor_at() as one, harbor_at() as two, cluster_with() as cluster:
        await registered("t9", cluster)
        cluster.add_namespace("hub", {MANAGED_LABEL: "true"})
        for name, place in (("one", one), ("two", two)):
            place.faults.add(Fault(Call(ask(name))))
            cluster.add_harbor_cluster("hub", name, place.url, PASSWORD)
        await completed(discover_managed_harbors)
        assert asked == {"one", "two"}
        assert waited == [True, True]
        assert known() == ["t9-hub-one", "t9-hub-two"]
