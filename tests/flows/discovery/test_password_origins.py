"""A password that an object gets with a new address never reaches the old one."""

from deployments.simulators.kubernetes.object_store import DEPLOYMENT_RESOURCE
from flows.discovery.discover import discover_managed_harbors
from models.core.reasons import Reason
from models.discovery.trust import MANAGED_LABEL
from models.registries.condition import Health
from models.tables import CredentialOriginRow
from tests.support.helpers import (
    PASSWORD,
    expect_success,
    harbor_with,
    reconcile_all_now,
    record_of,
)
from tests.support.platform import cluster_with, register
from tests.tasks.store.tools import rows

NAME, NEW_PASSWORD = "p1-hub-main", "Changed98765"


def recorded_origins() -> set[str]:
    return {row.origin for row in rows(CredentialOriginRow)}


async def test_address_and_password_change_at_once(database: str) -> None:
    with harbor_with() as old, harbor_with() as new, cluster_with() as cluster:
        await register("p1", cluster)
        cluster.add_helm_harbor("hub", "main", old.url, PASSWORD)
        cluster.set_labels("hub", {MANAGED_LABEL: "true"})
        await expect_success(discover_managed_harbors)
        assert recorded_origins() == {old.url}
        assert PASSWORD not in str([row.model_dump() for row in rows(CredentialOriginRow)])

        new.simulator.users[1].password = NEW_PASSWORD
        cluster.upgrade_helm_harbor("hub", "main-harbor-core", new.url)
        cluster.set_password("hub", "main", NEW_PASSWORD)
        before = len(old.simulator.requests)
        await reconcile_all_now()
        assert len(old.simulator.requests) == before
        summary = record_of(NAME).health_summary
        assert summary.reason is Reason.CREDENTIAL_NOT_FOR_ORIGIN
        assert f"was not sent to {old.url}" in summary.message

        await expect_success(discover_managed_harbors)
        assert record_of(NAME).registry.address == new.url
        assert record_of(NAME).health_summary.health is Health.HEALTHY
        assert len(old.simulator.requests) == before
        assert recorded_origins() == {new.url}


async def test_a_known_password_needs_no_list_and_a_new_one_waits_for_it(database: str) -> None:
    with harbor_with() as harbor, cluster_with() as cluster:
        await register("p1", cluster)
        cluster.add_helm_harbor("hub", "main", harbor.url, PASSWORD)
        cluster.set_labels("hub", {MANAGED_LABEL: "true"})
        await expect_success(discover_managed_harbors)
        origins, count = rows(CredentialOriginRow), len(cluster.requests)
        cluster.deny("list", DEPLOYMENT_RESOURCE)
        await reconcile_all_now()
        assert record_of(NAME).health_summary.health is Health.HEALTHY
        assert not [call for call in cluster.requests[count:] if "deployments" in call.path]
        assert rows(CredentialOriginRow) == origins

        harbor.simulator.users[1].password = NEW_PASSWORD
        cluster.set_password("hub", "main", NEW_PASSWORD)
        before = len(harbor.simulator.requests)
        for _ in range(2):
            await reconcile_all_now()
        assert len(harbor.simulator.requests) == before
        summary = record_of(NAME).health_summary
        assert summary.reason is Reason.CREDENTIALS_UNPROVED
        assert "may not list deployments" in summary.message

        cluster.allow("list", DEPLOYMENT_RESOURCE)
        await reconcile_all_now()
        assert record_of(NAME).health_summary.health is Health.HEALTHY
        assert len(rows(CredentialOriginRow)) == 1
