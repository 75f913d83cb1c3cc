"""Whatever happens to a platform: once it is calm, exactly those can pull who shall."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st
from prefect.logging import disable_run_logger

from deployments.simulators.docker_pull import can_pull
from models.core.labels import WORKSPACE_LABEL
from tests.support.databases import in_force, migrated_sqlite
from tests.support.invariants import (
    can,
    check_copies_end,
    check_least,
    check_narrow,
    foreign,
    handed,
    settled,
    shall,
    shall_be_public,
)
from tests.support.platform import passed
from tests.support.random_events import SECOND_LABEL, World
from tests.support.random_platform import CLUSTERS, HARBOR, WORKSPACES, Ground, ground

Step = tuple[Any, ...]
"""A method of `World` with its arguments, or a run of this service."""

SPACE, WORKSPACE = st.sampled_from(["a", "b", "c"]), st.sampled_from(WORKSPACES)
CLUSTER, NAMESPACE = st.sampled_from(CLUSTERS), st.sampled_from(["n1", "n2"])
NUMBER = st.integers(0, 2)
TOLD = st.none() | WORKSPACE
HOW = st.sampled_from(["before", "after", "killed before", "killed after"])
METHOD = st.sampled_from([None, "GET", "POST", "PUT", "DELETE", "PATCH"])
TIMES = st.sampled_from([1, 2, 3, 9, None])
PLACE = st.sampled_from([HARBOR, *CLUSTERS])


def _step(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(name), *arguments)


ASKED = (
    _step("bind", SPACE, WORKSPACE)
    | _step("unbind", SPACE, WORKSPACE)
    | _step("wish", SPACE, st.booleans())
    | _step("list_by_hand", WORKSPACE, CLUSTER, NAMESPACE)
)
BY_HAND = (
    _step("make_space", SPACE, st.booleans())
    | _step("drop_space", SPACE)
    | _step("make_again", SPACE)
    | _step("flip", SPACE)
    | _step("delete_robot", NUMBER)
    | _step("disable_robot", NUMBER)
    | _step("end_robot", NUMBER)
    | _step("widen_robot", NUMBER, SPACE | st.just("*"))
    | _step("narrow_robot", NUMBER)
    | _step("remark_robot", NUMBER)
    | _step("rename_all")
)
IN_CLUSTERS = (
    _step("add_namespace", CLUSTER, NAMESPACE, TOLD)
    | _step("label", CLUSTER, NAMESPACE, TOLD, TOLD)
    | _step("drop_namespace", CLUSTER, NAMESPACE)
    | _step("terminate", CLUSTER, NAMESPACE)
    | _step("delete_secret", CLUSTER, NAMESPACE)
    | _step("edit_secret", CLUSTER, NAMESPACE)
    | _step("foreign_secret", CLUSTER, NAMESPACE)
    | _step("own_secret", CLUSTER, NAMESPACE)
    | _step("unlink", CLUSTER, NAMESPACE)
    | _step("link_other", CLUSTER, NAMESPACE)
)
FAULTS = (
    _step("lose", PLACE, METHOD, st.integers(0, 12), TIMES, HOW)
    | _step("lose_lease", PLACE, METHOD, st.integers(0, 12))
    | _step("calm")
)
RUNS = _step("reconcile_twin") | _step("reconcile") | _step("reconcile", WORKSPACE) | _step("sync")
STEPS = st.lists(ASKED | BY_HAND | IN_CLUSTERS | FAULTS | RUNS | RUNS, max_size=14)


@pytest.fixture(scope="module")
def under_foot() -> Iterator[Ground]:
    """The servers, and what all worlds share: no waiting, and no Prefect."""
    with (
        pytest.MonkeyPatch.context() as patch,
        disable_run_logger(),
        stamina.set_testing(True, attempts=3, cap=True),
        ground() as found,
    ):
        patch.setenv("REGISTRY_INTEGRATION_SECRET_KEYS", Fernet.generate_key().decode())
        labels = f"{WORKSPACE_LABEL},{SECOND_LABEL}"
        patch.setenv("REGISTRY_INTEGRATION_WORKSPACE_LABELS", labels)
        patch.setenv("REGISTRY_INTEGRATION_SUPERSEDED_MINUTES", "0")
        yield found


def _case(*steps: Step, by_robot: bool = False) -> example:
    return example(steps=list(steps), by_robot=by_robot, links=True)


@settings(max_examples=20, derandomize=True, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, by_robot=st.booleans(), links=st.booleans())
@_case(("delete_robot", 0), ("delete_secret", "west", "n1"), ("unlink", "west", "n1"))
@_case(("disable_robot", 0), ("widen_robot", 1, "*"), by_robot=True)
@_case(("remark_robot", 0))
@_case(("rename_all",), ("end_robot", 0), ("label", "east", "n1", "blue", None))
@_case(("drop_space", "a"), ("reconcile",), ("make_space", "a", True), ("flip", "b"))
@_case(("reconcile_twin",), ("bind", "b", "red"), ("reconcile",), ("reconcile_twin",))
@_case(("reconcile_twin",), ("remark_robot", 0), ("reconcile_twin",), by_robot=True)
@_case(("make_again", "a"))
@_case(("make_again", "a"), by_robot=True)
@_case(("make_again", "a"), ("bind", "a", "red"), ("reconcile",), ("bind", "a", "red"))
@_case(("drop_space", "a"), ("reconcile",), ("make_again", "a"), ("make_space", "a", False))
@_case(
    ("make_again", "a"),
    ("lose", HARBOR, None, 3, 1, "killed after"),
    ("reconcile",),
    ("bind", "b", "red"),
)
@_case(
    ("label", "east", "n1", "red", "blue"),
    ("add_namespace", "east", "n2", None),
    ("foreign_secret", "east", "n2"),
)
@_case(("bind", "b", "red"), ("lose", HARBOR, "POST", 0, 1, "killed after"), ("reconcile",))
@_case(
    ("bind", "b", "red"),
    ("lose", HARBOR, "POST", 0, 1, "killed after"),
    ("reconcile",),
    ("unbind", "a", "red"),
    by_robot=True,
)
@_case(
    ("bind", "b", "red"),
    ("reconcile",),
    ("sync",),
    ("lose", "east", None, 0, None, "before"),
    ("unbind", "a", "red"),
    by_robot=True,
)
@_case(("reconcile", "red"), ("lose", "east", None, 0, None, "before"), ("sync",), ("reconcile",))
@_case(("label", "east", "n1", None, None), ("sync",))
@_case(("drop_namespace", "east", "n1"), ("add_namespace", "east", "n1", "red"), by_robot=True)
@_case(
    ("bind", "b", "red"), ("lose_lease", HARBOR, "PUT", 0), ("reconcile",), ("unbind", "b", "red")
)
@_case(("label", "east", "n1", "blue", None), ("lose_lease", "east", "PATCH", 0), ("sync",))
def test_once_it_is_calm_exactly_those_can_pull_who_shall(
    under_foot: Ground, steps: list[Step], by_robot: bool, links: bool
) -> None:
    """Say what happened, whoever we are to Harbor, and it is as decision 7 has it."""
    with tempfile.TemporaryDirectory() as folder, in_force(migrated_sqlite(Path(folder))):
        asyncio.run(_live(World(under_foot, by_robot=by_robot, links=links), steps))


async def _live(world: World, steps: list[Step]) -> None:
    await _begin(world)
    for name, *arguments in steps:
        done = getattr(world, name)(*arguments)
        if asyncio.iscoroutine(done):
            told = await done
            note(f"{name}: {told.problem if hasattr(told, 'problem') else ''}")
    before = foreign(world)
    world.calm(clusters=False)
    await world.reconcile()
    await world.sync()
    await world.reconcile()
    check_narrow(world)  # at once, whatever becomes of the clusters
    world.calm()
    for _ in range(2):  # those who left are seen to have left, and what they copied ends
        await world.reconcile()
        await world.sync()
        passed(minutes=16)
    await world.reconcile()
    check_copies_end(world)
    assert can(world) == shall(world)
    assert foreign(world) == before
    for name, project in world.harbor.projects.items():
        assert project.public == shall_be_public(world, name)
    check_least(world)
    _try(world)
    writes = world.writes()
    await world.reconcile()
    await world.sync()
    assert world.writes() == writes


async def _begin(world: World) -> None:
    """Most of what can happen needs something that it happens to."""
    for name in ("a", "b"):
        world.make_space(name, public=False)
    world.add_namespace("east", "n1", "red")
    world.add_namespace("west", "n1", "blue")
    await world.reconcile()
    world.bind("a", "red")
    world.bind("b", "blue")
    await world.reconcile()
    await world.sync()


def _try(world: World) -> None:
    """Really pull: one image that shall be pulled, and one that shall not."""
    shown = sorted(shall(world))
    private = [one for one in shown if not world.harbor.projects[one[2]].public]
    spaces = {name for name in world.harbor.projects if name != "library"}
    others = sorted(
        (cluster, namespace, space)
        for cluster, namespace in settled(world)
        for space in spaces
        if (cluster, namespace, space) not in shown
    )
    for one in (*private[:1], *others[:1]):
        cluster, namespace, space = one
        image = f"{world.url.partition('//')[2]}/{space}/app:v1"
        assert can_pull(image, handed(world, cluster, namespace)) == (one in shown), one
