"""Marks of configuration files, the world that plans are made from, and pins that stay."""

import pytest
from sqlmodel import Session

from flows.operations.bindings import bind, hold, unbind
from flows.operations.memberships import (
    add_or_update_cluster,
    add_or_update_workspace,
    remove_cluster_records,
    remove_workspace_records,
)
from models.access.binding import Binding, Workspace
from models.clusters.cluster import Cluster, ClusterStatus
from models.configuration.things import DROPPED, Mark, RepeatedNamespace, ThingKey, ThingKind, World
from models.registries.space import Space, Visibility
from models.tables import ListedNamespaceRow, NamespaceRow
from tasks.store import configuration
from tasks.store.registries import spaces
from tasks.store.session import run_in_transaction
from tasks.store.upsert import upsert
from tests.support.builders import NOW, run_context
from tests.tasks.store.tools import integrate, rows

pytestmark = pytest.mark.usefixtures("database")

BINDING = ThingKey(ThingKind.BINDING, "shop", "prod", "red")
REGISTRY = ThingKey(ThingKind.REGISTRY, "prod")
MARK = Mark(file="platform/main.yaml", line=3, digest="abc")


def load() -> World:
    return run_in_transaction(configuration.load_world)


def test_marks_are_saved_replaced_and_deleted() -> None:
    run_in_transaction(configuration.save_marks, {BINDING: MARK, REGISTRY: MARK})
    moved = MARK.model_copy(update={"line": 4})
    run_in_transaction(configuration.save_marks, {BINDING: moved})
    assert load().marks == {BINDING: moved, REGISTRY: MARK}
    run_in_transaction(configuration.delete_marks, [BINDING])
    assert load().marks == {REGISTRY: MARK}


def _add_workspace(*listed: str, keep_pins: bool = False) -> None:
    workspace = Workspace(name="red", clusters=("eu",))
    pairs = [("eu", name) for name in listed]
    run_in_transaction(
        add_or_update_workspace, workspace, pairs, run_context(), keep_pins=keep_pins
    )


def _save_namespace(session: Session, uid: str) -> None:
    namespaces = {"shop": uid, "till": "uid-till"}
    upsert(
        session,
        NamespaceRow,
        [{"cluster_name": "eu", "name": name, "uid": id_} for name, id_ in namespaces.items()],
    )


def test_the_world_has_all_records() -> None:
    integrate()
    space = Space(name="shop", desired=Visibility.PUBLIC, observed=Visibility.PRIVATE)
    run_in_transaction(spaces.save_spaces, "prod", [space, Space(name="lab")])
    run_in_transaction(add_or_update_cluster, Cluster(name="eu"), ClusterStatus(), run_context())
    _add_workspace("shop")
    binding = Binding(registry="prod", space="shop", workspace="red", bound_at=NOW)
    run_in_transaction(bind, [binding], run_context())
    world = load()
    assert {str(key) for key in world.things} == {
        "registry prod",
        "space prod/shop",
        "space prod/lab",
        "cluster eu",
        "workspace red",
        "binding prod/shop → red",
    }
    assert world.spaces["prod"]["shop"] == space
    assert world.read_registries == frozenset()


def test_a_list_keeps_its_pins_if_that_is_wanted() -> None:
    run_in_transaction(add_or_update_cluster, Cluster(name="eu"), ClusterStatus(), run_context())
    run_in_transaction(_save_namespace, "first")
    _add_workspace("shop")
    assert load().repeated_namespaces == ()
    run_in_transaction(_save_namespace, "second")
    repeated = (RepeatedNamespace("red", "eu", "shop"),)
    assert load().repeated_namespaces == repeated
    _add_workspace("shop", "till", keep_pins=True)
    assert load().repeated_namespaces == repeated
    assert {row.namespace: row.uid for row in rows(ListedNamespaceRow)} == {
        "shop": "first",
        "till": "uid-till",
    }
    _add_workspace("shop", keep_pins=False)
    assert load().repeated_namespaces == ()
    assert {row.namespace: row.uid for row in rows(ListedNamespaceRow)} == {"shop": "second"}


@pytest.mark.parametrize("is_held", [False, True])
def test_a_held_binding_that_a_person_drops_is_marked(is_held: bool) -> None:
    integrate()
    _add_workspace()
    binding = Binding(registry="prod", space="shop", workspace="red", bound_at=NOW)
    run_in_transaction(bind, [binding], run_context())
    run_in_transaction(configuration.save_marks, {BINDING: MARK})
    if is_held:
        run_in_transaction(hold, "prod", {"shop": "replaced"}, run_context())
    run_in_transaction(unbind, [binding], "dropped", run_context())
    assert load().marks[BINDING].digest == (DROPPED if is_held else MARK.digest)


def _unlist(way: str) -> None:
    if way == "the list":
        _add_workspace()
    elif way == "the workspace":
        run_in_transaction(remove_workspace_records, "red", run_context())
    else:
        run_in_transaction(remove_cluster_records, "eu", "gone", run_context())
        _add_cluster()


def _add_cluster() -> None:
    run_in_transaction(add_or_update_cluster, Cluster(name="eu"), ClusterStatus(), run_context())


@pytest.mark.parametrize("way", ["the list", "the workspace", "the cluster"])
def test_a_file_that_restores_a_list_means_the_same_namespaces(way: str) -> None:
    _add_cluster()
    run_in_transaction(_save_namespace, "first")
    _add_workspace("shop")
    _unlist(way)
    assert load().marks == {}
    run_in_transaction(_save_namespace, "second")
    _add_workspace("shop", keep_pins=True)
    assert {row.namespace: row.uid for row in rows(ListedNamespaceRow)} == {"shop": "first"}
    _unlist(way)
    _add_workspace("shop")  # by a person
    assert {row.namespace: row.uid for row in rows(ListedNamespaceRow)} in (
        {"shop": "second"},
        {"shop": ""},
    )
