"""What pages tell of access: read in a fixed number of queries, right on both databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session, delete, select

from models.access.binding import Workspace
from models.clusters.cluster import ClusterState
from models.core.audit import Entry
from models.core.reasons import Reason
from models.overview.build_views import registry_accesses, workspace_views
from models.overview.views import Facts, RegistryAccess, WorkspaceView
from models.registries.registry import BlockRef, Kind
from models.tables import DeliveryRow, NamespaceRow, OutcomeRow
from tasks.pages.registry_access import access_section
from tasks.pages.workspace import workspace_news, workspace_page
from tasks.store import audit, views
from tasks.store.access import bindings, clusters, workspaces
from tasks.store.registries import robots, spaces
from tasks.store.session import engine_for, transact
from tasks.store.upsert import upsert
from tests.support.access_builders import binding, cluster, delivery, grant, login, namespace
from tests.support.builders import NOW, registry, space
from tests.tasks.store.tools import integrate

SEALED = "gAAAA-sealed-secret"
RUN: dict[str, Any] = {"at": NOW, "flow_run": "run-1"}
WELL = ClusterState(reachable=True, reason=Reason.CONNECTED, since=NOW)


def fill(session: Session) -> None:
    """Two registries, three workspaces, two namespaces; one space of team-a waits."""
    spaces.remember(session, "prod", [space("team"), space("shop"), space("fresh")])
    for name in ("team-a", "blue", "idle"):
        workspaces.create(session, Workspace(name=name, description="<b>ours</b>"), (), **RUN)
    quick = binding("team", effective_at=NOW + timedelta(seconds=2))
    slow = binding("shop", effective_at=NOW + timedelta(seconds=6))
    pending = binding("fresh")
    docker = binding("/", "blue", "docker-dev")
    bindings.bind(session, [quick, slow, pending, docker], **RUN)
    for one in (quick, slow):
        bindings.note_effective(
            session, [one.model_copy(update={"effective_at": None})], one.effective_at or NOW
        )
    robots.keep(session, grant(1, "team", "shop", made_at=NOW - timedelta(days=3)), SEALED)
    clusters.register(session, cluster(), state=WELL, **RUN)
    deliver(session)
    audit.write(session, "prod", [Entry(subject="x", what="grant.made", workspace="blue")], **RUN)


def deliver(session: Session, *, workspace: str = "team-a") -> None:
    """Let both namespaces of a workspace hold its robot account's login."""
    for name in ("shop", "till"):
        row = namespace(name, workspace).model_dump(exclude={"cluster"})
        upsert(session, NamespaceRow, [row | {"cluster_name": "eu"}])
        left = delivery(name, logins=(login(),)).model_dump(exclude={"cluster"})
        upsert(session, DeliveryRow, [left | {"cluster_name": "eu"}])


@pytest.fixture
def filled(database: str) -> str:
    integrate(registry())
    docker = registry(Kind.DOCKER, name="docker-dev", address="http://docker.test")
    integrate(docker.model_copy(update={"pull_credential": BlockRef(name="puller")}))
    transact(fill)
    return database


def view(name: str) -> WorkspaceView:
    return {one.workspace.name: one for one in workspace_views(facts())}[name]


def facts() -> Facts:
    return transact(views.facts_of_workspaces, None, NOW)


def access(name: str) -> RegistryAccess:
    return registry_accesses(transact(views.facts_of_registries, [name], NOW), [name])[name]


def waiting() -> dict[str, str]:
    return {one.binding.space: one.waiting for one in view("team-a").spaces}


@contextmanager
def counting(url: str) -> Iterator[list[str]]:
    said: list[str] = []
    engine = engine_for(url)

    def note(*args: object) -> None:
        said.append(str(args[2]))

    event.listen(engine, "before_cursor_execute", note)
    yield said
    event.remove(engine, "before_cursor_execute", note)


def test_a_workspace_tells_its_spaces_and_what_they_wait_for(filled: str) -> None:
    assert waiting() == {
        "team": "",
        "shop": "",
        "fresh": "the registry is unknown: NotProbed",
    }
    page = workspace_page(view("team-a"))
    assert "1 of 3 spaces not in force" in page
    assert "after 2.0 s" in page
    assert "❌ not yet:<br>the registry is unknown" in page
    assert "3 days" in page
    assert "enforced" in page
    assert "<b>" not in page
    assert SEALED not in page + workspace_news(view("team-a"))
    assert "space.bound" in page


def test_a_workspace_without_anything_says_what_to_do(filled: str) -> None:
    page = workspace_page(view("idle"))
    assert "Run bind-space" in page
    assert "create-workspace" in page


def test_the_first_namespace_that_is_behind_is_named(filled: str) -> None:
    def forget(session: Session) -> None:
        for row in session.exec(select(DeliveryRow)):
            row.logins, row.status, row.reason = [], "refused", "ForeignSecret"
            session.add(row)

    transact(forget)
    assert waiting()["team"] == "eu/shop: ForeignSecret"
    assert "was after 2.0 s, not now" in workspace_page(view("team-a"))


def test_a_cluster_out_of_reach_and_a_failed_grant_are_named(filled: str) -> None:
    def spoil(session: Session) -> None:
        failed = {"subject": "team-a", "kind": "edit-grant", "done": False, "at": NOW}
        told = {"reason": "Forbidden", "message": "answered 403", "registry_name": "prod"}
        upsert(session, OutcomeRow, [failed | told])
        state = WELL.model_copy(update={"reachable": False, "reason": Reason.TIMED_OUT})
        clusters.register(session, cluster(), state=state, **RUN)
        session.exec(delete(DeliveryRow))

    transact(spoil)
    assert waiting()["fresh"] == "the robot account: Forbidden: answered 403"
    assert waiting()["team"] == "eu/shop: the cluster is out of reach (TimedOut)"


def test_a_registry_tells_who_is_bound_and_how_long_it_took(filled: str) -> None:
    found = access("prod")
    assert (found.in_force, found.median, found.worst, found.waiting) == (2, 4.0, 6.0, 1)
    section = access_section(registry(), found)
    assert "3 bindings of 1 workspace" in section
    assert "median **4.0 s**, worst **6.0 s** (measured on 2)" in section
    assert "⚠️ 1 not yet, e.g.:<br>the registry is unknown: NotProbed" in section
    assert "(2 spaces)" in section
    assert SEALED not in section


def test_a_docker_registry_tells_who_gets_its_pull_only_user(filled: str) -> None:
    docker = registry(Kind.DOCKER)
    given = docker.model_copy(update={"pull_credential": BlockRef(name="puller")})
    assert "the block `puller`. Privacy is advisory" in access_section(given, access("docker-dev"))
    assert "No pull-only credentials are given" in access_section(docker, access("docker-dev"))


def test_the_number_of_queries_does_not_grow(filled: str) -> None:
    with counting(filled) as before:
        facts()
    for number in range(20):
        transact(workspaces.create, Workspace(name=f"w{number}"), (), **RUN)
    many = [binding("team", f"w{number}") for number in range(20)]
    transact(bindings.bind, many, **RUN)
    with counting(filled) as after:
        assert len(workspace_views(facts())) == 23
    assert len(after) == len(before)


def test_only_those_that_are_asked_for_and_there_are_read(filled: str) -> None:
    found = transact(views.facts_of_workspaces, ["blue", "nobody"], NOW)
    assert [one.workspace.name for one in workspace_views(found)] == ["blue"]
    assert {one.workspace for one in found.bindings} == {"blue"}
    assert workspace_views(transact(views.facts_of_workspaces, [], NOW)) == ()
    assert access("docker-dev").shares[0].workspace == "blue"
