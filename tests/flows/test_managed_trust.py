"""A tenant's objects move nothing: neither what a person integrated, nor what is managed."""

import pytest

from deployments.sandbox.kubernetes import EmulatedCluster
from flows.discover import discover_managed_harbors
from models.condition import Health
from models.managed import Standing
from models.registry import Registry
from models.trust import MANAGED_LABEL
from tasks.store import managed
from tasks.store.session import transact
from tests.flows.platform import cluster_with, registered
from tests.flows.stories import (
    PASSWORD,
    completed,
    dossier,
    harbor_at,
    integrate,
    known,
    look_again,
    page,
)

CORE = "fake-harbor-core"


def standings() -> dict[str, Standing]:
    return {one.place.name: one.standing for one in transact(managed.managed)}


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
