"""What pages tell of access: read in a fixed number of queries, right on both databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event
from sqlmodel import Session, delete, select

from flows.operations import bindings as binding_operations
from flows.operations import memberships
from models.access.binding import Workspace
from models.clusters.cluster import ClusterStatus
from models.core.audit import AuditEntry
from models.core.reasons import Reason
from models.overview.build_views import build_registry_access_views, build_workspace_views
from models.overview.views import AccessFacts, RegistryAccessView, WorkspaceView
from models.registries.registry import BlockRef, Kind
from models.tables import ChangeResultRow, NamespaceRow, PullSecretRow
from tasks.store import audit, views
from tasks.store.access import bindings
from tasks.store.registries import robots, spaces
from tasks.store.session import get_engine, run_in_transaction
from tasks.store.upsert import upsert
from tests.support.access_builders import (
    binding,
    cluster,
    login,
    namespace,
    pull_secret_status,
    robot_account,
)
from tests.support.builders import NOW, registry, run_context, space
from tests.tasks.store.tools import integrate

SEALED = "gAAAA-sealed-secret"
RUN = run_context("run-1", now=NOW)
HEALTHY_STATE = ClusterStatus(reachable=True, reason=Reason.CONNECTED, since=NOW)


def fill(session: Session) -> None:
    """Two registries, three workspaces, two namespaces; one space of team-a waits."""
    spaces.save_spaces(session, "prod", [space("team"), space("shop"), space("fresh")])
    for name in ("team-a", "blue", "idle"):
        memberships.add_or_update_workspace(
            session, Workspace(name=name, description="<b>ours</b>"), (), RUN
        )
    quick = binding("team", effective_at=NOW + timedelta(seconds=2))
    slow = binding("shop", effective_at=NOW + timedelta(seconds=6))
    pending = binding("fresh")
    docker = binding("/", "blue", "docker-dev")
    binding_operations.bind(session, [quick, slow, pending, docker], RUN)
    for effective_binding in (quick, slow):
        bindings.save_effective(
            session,
            [effective_binding.model_copy(update={"effective_at": None})],
            effective_binding.effective_at or NOW,
        )
    robots.save_robot(
        session, robot_account(1, "team", "shop", made_at=NOW - timedelta(days=3)), SEALED
    )
    memberships.add_or_update_cluster(session, cluster(), HEALTHY_STATE, RUN)
    save_pull_secrets(session)
    audit.append(
        session, "prod", [AuditEntry(subject="x", action="grant.made", workspace="blue")], RUN
    )


def save_pull_secrets(session: Session, *, workspace: str = "team-a") -> None:
    """Let both namespaces of a workspace hold its robot account's login."""
    for name in ("shop", "till"):
        row = namespace(name, workspace).model_dump(exclude={"cluster"})
        upsert(session, NamespaceRow, [row | {"cluster_name": "eu"}])
        status_row = pull_secret_status(name, logins=(login(),)).model_dump(exclude={"cluster"})
        upsert(session, PullSecretRow, [status_row | {"cluster_name": "eu"}])


@pytest.fixture
def filled_database(database: str) -> str:
    integrate(registry())
    docker = registry(Kind.DOCKER, name="docker-dev", address="http://docker.test")
    integrate(docker.model_copy(update={"pull_credential": BlockRef(name="puller")}))
    run_in_transaction(fill)
    return database


def view(name: str) -> WorkspaceView:
    return {
        workspace_view.workspace.name: workspace_view
        for workspace_view in build_workspace_views(facts())
    }[name]


def facts() -> AccessFacts:
    return run_in_transaction(views.load_workspace_facts, None, NOW)


def access(name: str) -> RegistryAccessView:
    return build_registry_access_views(
        run_in_transaction(views.load_registry_facts, [name], NOW), [name]
    )[name]


def pending_reasons() -> dict[str, str]:
    return {
        space_view.binding.space: space_view.pending_reason for space_view in view("team-a").spaces
    }


@contextmanager
def count_queries(url: str) -> Iterator[list[str]]:
    statements: list[str] = []
    engine = get_engine(url)

    def note(*args: object) -> None:
        statements.append(str(args[2]))

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_a_workspace_tells_its_spaces_and_what_they_wait_for(filled_database: str) -> None:
    assert pending_reasons() == {
        "team": "",
        "shop": "",
        "fresh": "the registry is unknown: NotProbed",
    }
    assert SEALED not in view("team-a").model_dump_json()


def test_the_first_namespace_that_is_behind_is_named(filled_database: str) -> None:
    def forget(session: Session) -> None:
        for row in session.exec(select(PullSecretRow)):
            row.logins, row.status, row.reason = [], "refused", "ForeignSecret"
            session.add(row)

    run_in_transaction(forget)
    assert pending_reasons()["team"] == "eu/shop: ForeignSecret"


def test_a_cluster_out_of_reach_and_a_failed_grant_are_named(filled_database: str) -> None:
    def spoil(session: Session) -> None:
        failed = {"subject": "team-a", "kind": "edit-grant", "done": False, "at": NOW}
        details = {"reason": "Forbidden", "message": "answered 403", "registry_name": "prod"}
        upsert(session, ChangeResultRow, [failed | details])
        state = HEALTHY_STATE.model_copy(update={"reachable": False, "reason": Reason.TIMED_OUT})
        memberships.add_or_update_cluster(session, cluster(), state, RUN)
        session.exec(delete(PullSecretRow))

    run_in_transaction(spoil)
    assert pending_reasons()["fresh"] == "robot account error: Forbidden: answered 403"
    assert pending_reasons()["team"] == "eu/shop: the cluster is unreachable (TimedOut)"


def test_a_registry_tells_who_is_bound_and_how_long_it_took(filled_database: str) -> None:
    registry_access = access("prod")
    assert (
        registry_access.effective_count,
        registry_access.median_seconds,
        registry_access.max_seconds,
        registry_access.pending_count,
    ) == (2, 4.0, 6.0, 1)
    assert SEALED not in registry_access.model_dump_json()


def test_the_number_of_queries_does_not_grow(filled_database: str) -> None:
    with count_queries(filled_database) as before:
        facts()
    for number in range(20):
        run_in_transaction(
            memberships.add_or_update_workspace, Workspace(name=f"w{number}"), (), RUN
        )
    new_bindings = [binding("team", f"w{number}") for number in range(20)]
    run_in_transaction(binding_operations.bind, new_bindings, RUN)
    with count_queries(filled_database) as after:
        assert len(build_workspace_views(facts())) == 23
    assert len(after) == len(before)


def test_only_those_that_are_asked_for_and_there_are_read(filled_database: str) -> None:
    access_facts = run_in_transaction(views.load_workspace_facts, ["blue", "nobody"], NOW)
    assert [
        workspace_view.workspace.name for workspace_view in build_workspace_views(access_facts)
    ] == ["blue"]
    assert {record.workspace for record in access_facts.bindings} == {"blue"}
    assert build_workspace_views(run_in_transaction(views.load_workspace_facts, [], NOW)) == ()
    assert access("docker-dev").workspaces[0].workspace == "blue"
