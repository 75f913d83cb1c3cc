"""A cluster refuses its token: one cause with one event; all else goes on, nothing is withdrawn."""

from flows.clusters.sync_namespaces import sync_namespaces
from flows.discovery.discover import discover_managed_harbors
from flows.discovery.integrate_managed import integrate_managed_harbor
from models.core.labels import WORKSPACE_LABEL
from models.core.reasons import Reason
from models.registries.condition import Health
from tasks.store.access import clusters
from tasks.store.session import run_in_transaction
from tests.flows.discovery.test_managed import create_harbor, harbors
from tests.support.helpers import (
    audit_events,
    expect_failure,
    expect_success,
    harbor_with,
    reconcile_all_now,
    record_of,
)
from tests.support.platform import bind, bindings_of, cluster_with, register, save_kubeconfig

ROUNDS = 3
"""A condition changes after two observations."""


async def test_a_refused_token_is_one_cause_with_one_event(database: str) -> None:
    with (
        harbor_with("team-a") as harbor,
        cluster_with(shop="red") as refused,
        cluster_with(till="red") as sound,
    ):
        await register("r1", refused)
        await register("s1", sound)
        create_harbor(refused, harbor)
        await expect_success(discover_managed_harbors)
        await bind("r1-hub-main", ["team-a"], "red")
        secret, records = refused.secret("shop"), harbors()
        assert secret is not None
        before = audit_events("r1-hub-main")

        refused.revoke_token()
        sound.add_namespace("late", {WORKSPACE_LABEL: "red"})
        cause = (
            "cluster r1: the token or client certificate of cluster r1 is refused, it may be "
            "expired or revoked: put a new kubeconfig into the block cluster-credentials/r1"
        )
        for _ in range(ROUNDS):
            assert cause in await expect_failure(sync_namespaces)
            assert cause in await expect_failure(discover_managed_harbors)
            assert cause in await expect_failure(integrate_managed_harbor, "r1", "hub", "main")
            assert (await reconcile_all_now()).is_completed()

        assert sound.secret("late") is not None
        assert refused.secret("shop") == secret
        assert [binding.is_held for binding in bindings_of("r1-hub-main")] == [False]
        assert harbors() == records
        summary = record_of("r1-hub-main").health_summary
        assert (summary.health, summary.reason) == (Health.UNKNOWN, Reason.CREDENTIALS_UNPROVED)
        assert cause.removeprefix("cluster r1: ") in summary.message
        assert audit_events("")["cluster.unreachable"] == 1
        assert audit_events("r1-hub-main") == before
        status = run_in_transaction(clusters.get_cluster, "r1").status
        assert "cluster-credentials/r1" in status.message

        refused.renew_token()
        await save_kubeconfig("r1", refused)
        await expect_success(sync_namespaces)
        await expect_success(discover_managed_harbors)
        await reconcile_all_now()
        assert record_of("r1-hub-main").health_summary.health is Health.HEALTHY
        assert audit_events("")["cluster.recovered"] == 1
