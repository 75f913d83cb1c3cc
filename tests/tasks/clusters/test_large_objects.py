"""Objects of one namespace, whatever their size and number, do not hide the other namespaces."""

import asyncio
import re
from collections.abc import Collection

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.simulators.faults import Delay, Fault, Respond
from deployments.simulators.kubernetes import SimulatedCluster
from deployments.simulators.kubernetes.rights import RbacRule
from models.clusters.cluster import PULL_SECRET_NAME, ClusterSnapshot
from models.core.availability import Unavailable
from models.core.reasons import Reason
from tasks.clusters.paging import MAX_EXCLUSIONS
from tests.tasks.clusters.tools import LABELS, bounds, items, open_client

ALL_LABELS: frozenset[str] = frozenset()
ACCOUNTS = r"/api/v1/serviceaccounts\?.*"


class Queries:
    """Notes the query of each request, and lets it pass."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self.texts.append(scope["query_string"].decode())
        await app(scope, receive, send)

    @property
    def limits(self) -> list[int]:
        return [int(match[1]) for text in self.texts if (match := re.search(r"limit=(\d+)", text))]


@pytest.fixture
def queries(cluster: SimulatedCluster) -> Queries:
    queries = Queries()
    cluster.faults.add(Fault(queries, path=ACCOUNTS, times=None))
    return queries


def add_neighbours(cluster: SimulatedCluster, count: int) -> set[str]:
    """Add namespaces before and after `shop` in the order of a list; return all names."""
    names = {f"{'a' if number % 2 else 'z'}{number:03}" for number in range(count)}
    for name in names:
        cluster.add_namespace(name)
    return names | {"shop", "default", "kube-system"}


def add_large_accounts(cluster: SimulatedCluster, count: int, references: int = 400) -> None:
    """Add ServiceAccounts to `shop`; 400 references are about 10 kB."""
    for number in range(count):
        name = f"big-{number:03}"
        cluster.add_service_account("shop", name)
        secrets = [f"secret-{reference:05}" for reference in range(references)]
        cluster.set_image_pull_secrets("shop", *secrets, account=name)


async def observe(
    cluster: SimulatedCluster, labels: frozenset[str] | None = ALL_LABELS, **limits: float
) -> ClusterSnapshot:
    async with open_client(cluster, bounds=bounds(**limits)) as client:
        return await client.observe(LABELS, labels)


def default_accounts(snapshot: ClusterSnapshot) -> set[str]:
    accounts = items(snapshot.service_accounts)
    return {account.namespace for account in accounts if account.name == "default"}


def unreadable(snapshot: ClusterSnapshot) -> Collection[str]:
    return snapshot.unreadable_messages.keys()


async def test_a_page_that_is_too_large_is_read_in_halves(
    cluster: SimulatedCluster, queries: Queries
) -> None:
    names = add_neighbours(cluster, 40)
    add_large_accounts(cluster, 60)
    snapshot = await observe(cluster, max_bytes=60_000)
    assert snapshot.unreadable == ()
    assert default_accounts(snapshot) == names
    assert len(items(snapshot.service_accounts)) == len(names) + 60
    assert queries.limits[:4] == [500, 250, 125, 62]
    # Each page goes on where the last one ended: at most twice as many requests as pages.
    assert max(queries.limits[-5:]) > min(queries.limits)
    assert len(queries.limits) < 60


async def test_a_page_with_too_many_values_is_read_in_halves(
    cluster: SimulatedCluster, queries: Queries
) -> None:
    names = add_neighbours(cluster, 4)
    for number in range(5):  # a separator within a text counts as one, too
        cluster.add_service_account("shop", f"big-{number}")
        cluster.set_image_pull_secrets("shop", "," * 300_000, account=f"big-{number}")
    snapshot = await observe(cluster)
    assert snapshot.unreadable == ()
    assert default_accounts(snapshot) == names
    assert len(queries.limits) > 1


async def test_an_object_too_large_alone_hides_its_own_namespace_only(
    cluster: SimulatedCluster, queries: Queries
) -> None:
    names = add_neighbours(cluster, 40)
    add_large_accounts(cluster, 1, references=4_000)
    snapshot = await observe(cluster, max_bytes=60_000)
    assert snapshot.first_unavailable is None
    assert unreadable(snapshot) == {"shop"}
    assert 'serviceaccounts "big-000": returned more than' in snapshot.unreadable[0].message
    assert default_accounts(snapshot) == names - {"shop"}
    assert {namespace.name for namespace in items(snapshot.namespaces)} == names
    assert len(queries.limits) < 40


async def test_a_secret_too_large_alone_hides_its_own_namespace_only(
    cluster: SimulatedCluster,
) -> None:
    add_neighbours(cluster, 10)
    cluster.add_foreign_secret("shop")
    cluster.edit_secret("shop", {"auths": {f"host-{number}": {} for number in range(5_000)}})
    cluster.add_foreign_secret("z004")
    snapshot = await observe(cluster, None, max_bytes=60_000)
    assert unreadable(snapshot) == {"shop"}
    assert [secret.namespace for secret in items(snapshot.secrets)] == ["z004"]


async def test_a_namespace_with_too_many_objects_is_left_out(
    cluster: SimulatedCluster, queries: Queries
) -> None:
    names = add_neighbours(cluster, 600)
    for number in range(1_200):
        cluster.add_service_account("shop", f"account-{number:04}")
    snapshot = await observe(cluster, max_namespace_items=400)
    assert unreadable(snapshot) == {"shop"}
    assert "more than 400 objects" in snapshot.unreadable[0].message
    assert default_accounts(snapshot) == names - {"shop"}
    assert any("metadata.namespace%21%3Dshop" in text for text in queries.texts)


async def test_a_namespace_with_too_large_objects_is_left_out(cluster: SimulatedCluster) -> None:
    names = add_neighbours(cluster, 40)
    add_large_accounts(cluster, 60)
    snapshot = await observe(cluster, max_bytes=60_000, max_namespace_bytes=200_000)
    assert unreadable(snapshot) == {"shop"}
    assert default_accounts(snapshot) == names - {"shop"}


async def test_the_right_to_list_by_name_is_enough_to_leave_a_namespace_out(
    cluster: SimulatedCluster,
) -> None:
    names = add_neighbours(cluster, 10)
    cluster.limit_rights(
        RbacRule("namespaces", ("list",)),
        RbacRule("secrets", ("list",), (PULL_SECRET_NAME,)),
        RbacRule("serviceaccounts", ("list",), ("default",)),
    )
    secrets = [f"secret-{number:05}" for number in range(400)]
    cluster.set_image_pull_secrets("shop", *secrets)
    cluster.set_image_pull_secrets("a001", *secrets)
    # A page with one such object, which is smaller than two objects are.
    snapshot = await observe(cluster, None, max_bytes=10_100, max_namespace_bytes=5_000)
    assert snapshot.first_unavailable is None
    assert unreadable(snapshot) == {"a001", "shop"}
    assert default_accounts(snapshot) == names - {"a001", "shop"}


async def test_no_more_than_some_namespaces_are_left_out(cluster: SimulatedCluster) -> None:
    for number in range(MAX_EXCLUSIONS + 1):
        cluster.add_namespace(f"n{number:02}")
        for account in range(8):
            cluster.add_service_account(f"n{number:02}", f"big-{account}")
            secrets = [f"secret-{reference:05}" for reference in range(400)]
            cluster.set_image_pull_secrets(f"n{number:02}", *secrets, account=f"big-{account}")
    snapshot = await observe(cluster, max_bytes=15_000, max_namespace_bytes=20_000)
    assert isinstance(snapshot.service_accounts, Unavailable) is False  # only the default ones
    assert snapshot.accounts_unavailable is not None
    assert "namespace n10: objects of more than" in snapshot.accounts_unavailable.message


async def test_a_namespace_that_two_lists_leave_out_is_named_once(
    cluster: SimulatedCluster,
) -> None:
    names = add_neighbours(cluster, 4)
    cluster.limit_rights(
        RbacRule("namespaces", ("list",)),
        RbacRule("secrets", ("list",), (PULL_SECRET_NAME,)),
        RbacRule("serviceaccounts", ("list",), ("default",)),
    )
    cluster.add_foreign_secret("shop")
    cluster.edit_secret("shop", {"auths": {f"host-{number}": {} for number in range(5_000)}})
    cluster.set_image_pull_secrets("shop", *(f"secret-{number:05}" for number in range(4_000)))
    snapshot = await observe(cluster, max_bytes=60_000)
    assert [namespace.name for namespace in snapshot.unreadable] == ["shop"]
    assert default_accounts(snapshot) == names - {"shop"}


ALL_ACCOUNTS = r"/api/v1/serviceaccounts\?limit=\d+.*"
"""The list of all ServiceAccounts, without a name."""


async def test_a_list_that_takes_too_long_costs_only_the_other_service_accounts(
    cluster: SimulatedCluster,
) -> None:
    names = add_neighbours(cluster, 4)
    cluster.faults.add(Fault(Delay(5), path=ALL_ACCOUNTS, times=None))
    snapshot = await observe(cluster, operation_seconds=2)
    assert snapshot.first_unavailable is None
    assert default_accounts(snapshot) == names
    assert snapshot.accounts_unavailable is not None
    assert snapshot.accounts_unavailable.reason is Reason.TIMED_OUT
    message = "the list of ServiceAccounts took longer than 1 s"
    assert snapshot.accounts_unavailable.message == message


class SlowPages(Queries):
    """The same, but pages of more than 62 objects take too long."""

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self.texts.append(scope["query_string"].decode())
        if self.limits[-1] > 62:
            await asyncio.sleep(5)
        await app(scope, receive, send)


async def test_a_page_that_takes_too_long_is_read_in_parts(cluster: SimulatedCluster) -> None:
    names = add_neighbours(cluster, 100)
    add_large_accounts(cluster, 3, references=1)
    queries = SlowPages()
    cluster.faults.add(Fault(queries, path=ACCOUNTS, times=None))
    snapshot = await observe(cluster, request_seconds=0.3, operation_seconds=60)
    assert snapshot.accounts_unavailable is None
    assert default_accounts(snapshot) == names
    assert queries.limits == [500, 500, 500, 62, 62]


async def test_a_page_of_one_object_that_takes_too_long_is_not_repeated_for_ever(
    cluster: SimulatedCluster,
) -> None:
    cluster.faults.add(Fault(Respond(504), path=ALL_ACCOUNTS, times=None))
    snapshot = await observe(cluster, operation_seconds=60)
    assert snapshot.first_unavailable is None
    assert snapshot.accounts_unavailable is not None
    assert snapshot.accounts_unavailable.reason is Reason.TIMED_OUT


async def test_one_namespace_alone_is_read_completely_or_not_at_all(
    cluster: SimulatedCluster,
) -> None:
    cluster.add_foreign_secret("shop")
    cluster.edit_secret("shop", {"auths": {f"host-{number}": {} for number in range(5_000)}})
    async with open_client(cluster, bounds=bounds(max_bytes=60_000)) as client:
        snapshot = await client.observe_namespace("shop", LABELS)
    assert isinstance(snapshot.secrets, Unavailable)
    assert snapshot.secrets.reason is Reason.NAMESPACE_UNREADABLE
