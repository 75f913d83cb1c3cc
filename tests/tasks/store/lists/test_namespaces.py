"""Namespaces with their pull secrets, refused ones, and options of pickers."""

from typing import Any

import pytest
from sqlmodel import Session

from flows.operations import memberships
from models.access.binding import Workspace
from models.clusters.cluster import ClusterStatus
from models.clusters.pull_secret import PullSecretState
from models.core.reasons import Reason
from models.overview.lists import ListPage, NamespaceQuery
from models.overview.views import WorkspaceNamespace
from tasks.store.access import clusters
from tasks.store.leases import lease
from tasks.store.lists.namespaces import (
    list_listed_paths,
    list_namespaces,
    list_paths,
    list_refused_namespaces,
)
from tasks.store.session import in_transaction, run_in_snapshot
from tests.support.access_builders import cluster, namespace, pull_secret_status
from tests.support.builders import NOW, run_context

MEMBERS = (
    namespace("shop"),
    namespace("till", terminating=True),
    namespace("desk"),
    namespace("plain"),
    namespace("other", "team-b"),
    namespace("free", None),
    namespace("lost", None, problem=Reason.WORKSPACE_CONFLICT, message="<b>conflict</b>"),
    namespace("odd", None, problem=Reason.WORKSPACE_CONFLICT, message="not listed"),
)
SECRETS = (
    pull_secret_status("shop"),
    pull_secret_status("till", PullSecretState.PENDING, Reason.NOT_LINKED, links=("default",)),
    pull_secret_status("desk", PullSecretState.REFUSED, Reason.FOREIGN_SECRET, "delete it"),
    pull_secret_status("other"),
)
LISTED = (("eu", "shop"), ("eu", "lost"), ("eu", "free"), ("eu", "gone"))


def _add(session: Session) -> None:
    run = run_context("run-1")
    state = ClusterStatus(reachable=True, reason=Reason.CONNECTED, since=NOW)
    for name in ("eu", "us"):
        memberships.add_or_update_cluster(session, cluster(name), state, run)
    memberships.add_or_update_workspace(session, Workspace(name="team-a"), LISTED, run)
    memberships.add_or_update_workspace(session, Workspace(name="team-b"), (), run)


@pytest.fixture
async def filled_database(database: str) -> str:
    await in_transaction(_add)
    for name in ("eu", "us"):
        members = MEMBERS if name == "eu" else (namespace("a_b", "team-b", cluster="us"),)
        async with lease(clusters.lease_key(name)) as lease_id:
            run = run_context("run-1", lease_id)
            await in_transaction(clusters.save_namespaces, name, members, (), run)
            if name == "eu":
                await in_transaction(clusters.save_pull_secrets, name, SECRETS, (), run)
    return database


def _list(**query: Any) -> ListPage[WorkspaceNamespace]:
    return run_in_snapshot(list_namespaces, NamespaceQuery(**query))


def _names(page: ListPage[WorkspaceNamespace]) -> list[str]:
    return [item.namespace.name for item in page.items]


def test_namespaces_of_a_workspace_that_need_attention_are_first(filled_database: str) -> None:
    page = _list(workspace="team-a")
    assert _names(page) == ["desk", "till", "shop", "plain"]
    assert page.total == 4
    secrets = {secret.namespace: secret for secret in SECRETS}
    members = {member.name: member for member in MEMBERS}
    for item in page.items:
        assert item.namespace == members[item.namespace.name]
        assert item.pull_secret == secrets.get(item.namespace.name)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"cluster": "us"}, {"a_b"}),
        ({"search": "_"}, {"a_b"}),
        ({"search": "EU/SH"}, {"shop"}),
        ({"search": "%"}, set()),
        ({"workspace": "team-b"}, {"a_b", "other"}),
        ({"workspace": "team-b", "cluster": "eu"}, {"other"}),
        ({"workspace": "nobody"}, set()),
    ],
)
def test_filters(filled_database: str, query: dict[str, Any], names: set[str]) -> None:
    page = _list(**query)
    assert (set(_names(page)), page.total) == (names, len(names))


def test_pages(filled_database: str) -> None:
    page = _list(limit=3, offset=6)
    assert (len(page.items), page.total) == (3, 9)


def test_refused_namespaces_are_listed_and_have_a_problem(filled_database: str) -> None:
    page = run_in_snapshot(list_refused_namespaces, "team-a", NamespaceQuery())
    assert page.items == (MEMBERS[6],)
    assert run_in_snapshot(list_refused_namespaces, "team-b", NamespaceQuery()).total == 0


def test_paths(filled_database: str) -> None:
    paths = run_in_snapshot(list_paths, NamespaceQuery(search="o", cluster="eu"))
    assert paths == ("eu/lost", "eu/odd", "eu/other", "eu/shop")
    assert run_in_snapshot(list_paths, NamespaceQuery(limit=1, offset=8)) == ("us/a_b",)
    listed = run_in_snapshot(list_listed_paths, "team-a")
    assert listed == ("eu/free", "eu/gone", "eu/lost", "eu/shop")
