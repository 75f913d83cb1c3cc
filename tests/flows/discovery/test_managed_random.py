"""Whatever becomes of a managed Harbor and its objects: nothing is lost, and nothing given away."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st
from prefect import flow

from deployments.simulators.kubernetes.object_store import (
    DEPLOYMENT_RESOURCE,
    HARBOR_CLUSTER_RESOURCE,
)
from tests.support.databases import migrated_sqlite, use_database
from tests.support.helpers import Server
from tests.support.invariants import actual_pulls, desired_pulls
from tests.support.managed_invariants import (
    check_reconciled,
    check_run,
    check_settled,
    observe_before,
    snapshot,
)
from tests.support.random_managed import (
    PASSWORD,
    SPOTS,
    TENANT,
    TENANT_PASSWORD,
    WRONG_PASSWORD,
    HarborObject,
    ManagedPlatform,
)
from tests.support.random_platform import CLUSTERS, HARBOR, WORKSPACES, SharedServers

Step = tuple[Any, ...]
"""A method of `ManagedPlatform` with its arguments, or a run of this service."""

RUNS = ("discover", "reconcile", "sync")
FIRST, SECOND, NEW, WEST = SPOTS

SPACE, WORKSPACE = st.sampled_from(["a", "b", "c"]), st.sampled_from(WORKSPACES)
SPOT = st.sampled_from(SPOTS)
FIRST_OR_OTHER = st.just(FIRST) | SPOT
MOMENT = st.sampled_from(["before", "after", "killed before", "killed after"])
METHOD = st.sampled_from([None, "GET", "POST", "PUT", "DELETE"])
CLUSTER, SERVER = st.sampled_from(CLUSTERS), st.sampled_from([HARBOR, *CLUSTERS])


def _step(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(name), *arguments)


OBJECTS = (
    _step("apply_again", FIRST_OR_OTHER)
    | _step("move", FIRST_OR_OTHER, SPOT)
    | _step("copy", SPOT)
    | _step("delete", FIRST_OR_OTHER)
    | _step("other_harbor", st.booleans())
    | _step("first_harbor", st.booleans())
    | _step("second_address", SPOT)
    | _step("apply_elsewhere", FIRST_OR_OTHER)
    | _step("change_password", FIRST_OR_OTHER, st.sampled_from([PASSWORD, WRONG_PASSWORD]))
    | _step("stop", FIRST_OR_OTHER, st.booleans())
)
TRUST = (
    _step("claim", st.sampled_from([PASSWORD, TENANT_PASSWORD]))
    | _step("lure", FIRST_OR_OTHER | st.just(TENANT))
    | _step("unmark", CLUSTER, st.just("hub"))
    | _step("mark", CLUSTER, st.just("hub"))
)
REQUESTS = (
    _step("bind", SPACE, WORKSPACE)
    | _step("unbind", SPACE, WORKSPACE)
    | _step("restore")
    | _step("wait")
)
INSIDE = (
    _step("make_space", SPACE)
    | _step("drop_space", SPACE)
    | _step("make_again", SPACE)
    | _step("delete_robot", st.integers(0, 2))
)
OTHER_HANDS = _step("contest", CLUSTER, st.just("n1"))
FAULTS = (
    _step("lose", SERVER, METHOD, st.integers(0, 12), st.sampled_from([1, 3, None]), MOMENT)
    | _step("lose_lease", SERVER, METHOD, st.integers(0, 12))
    | _step("deny_list", CLUSTER, st.sampled_from([DEPLOYMENT_RESOURCE, HARBOR_CLUSTER_RESOURCE]))
    | _step("calm")
)
RUN = st.sampled_from([(name,) for name in RUNS])
STEPS = st.lists(
    OBJECTS | OBJECTS | TRUST | REQUESTS | INSIDE | OTHER_HANDS | FAULTS | RUN | RUN, max_size=12
)


def _case(*steps: Step | str) -> example:
    """Let these happen; a word alone is a run."""
    return example(steps=[(step,) if isinstance(step, str) else step for step in steps])


@settings(
    max_examples=settings().max_examples // 20,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(steps=STEPS)
@_case(
    ("apply_again", FIRST),
    "discover",
    ("delete_robot", 0),
    ("apply_again", FIRST),
    "discover",
    ("move", FIRST, NEW),
    "discover",
    ("move", NEW, WEST),
    "discover",
    ("move", WEST, SECOND),
)
@_case(
    ("copy", SECOND),
    "discover",
    "discover",
    ("delete", SECOND),
    "discover",
    ("copy", NEW),
    "discover",
    ("delete", FIRST),
    "discover",
    ("apply_again", NEW),
)
@_case(("stop", FIRST, False), ("copy", NEW), "discover", ("stop", FIRST, True), "discover")
@_case(("other_harbor", True), "discover", ("restore",), "reconcile", ("first_harbor", True))
@_case(("other_harbor", True), "reconcile", "sync", "discover", ("bind", "a", "blue"))
@_case(("other_harbor", False), "reconcile", ("restore",), "reconcile", ("apply_again", FIRST))
@_case(("other_harbor", False), ("move", FIRST, NEW), "discover", ("first_harbor", False))
@_case(("drop_space", "a"), ("other_harbor", True), "reconcile", "discover")
@_case(
    ("other_harbor", True),
    ("lose", HARBOR, "POST", 0, 1, "killed before"),
    "discover",
    ("move", FIRST, NEW),
)
@_case(
    ("claim", TENANT_PASSWORD),
    "discover",
    ("lure", TENANT),
    "discover",
    ("claim", PASSWORD),
    "discover",
    ("delete", FIRST),
    "discover",
    "reconcile",
)
@_case(
    ("unmark", "east", "hub"),
    ("apply_again", FIRST),
    "discover",
    ("lure", FIRST),
    "discover",
    "reconcile",
    ("copy", NEW),
    "discover",
    ("mark", "east", "hub"),
)
@_case(
    ("second_address", SECOND),
    "discover",
    ("apply_elsewhere", FIRST),
    "discover",
    "reconcile",
    ("copy", NEW),
    "discover",
)
@_case(
    ("apply_elsewhere", FIRST),
    ("apply_again", FIRST),
    ("change_password", FIRST, WRONG_PASSWORD),
    "reconcile",
)
@_case(
    ("change_password", FIRST, WRONG_PASSWORD),
    ("apply_again", FIRST),
    "discover",
    ("change_password", FIRST, PASSWORD),
    ("wait",),
    ("lose_lease", HARBOR, "GET", 0),
    "discover",
    "sync",
)
@_case(
    ("delete", FIRST),
    "discover",
    ("wait",),
    "discover",
    ("copy", WEST),
    "discover",
    ("unbind", "a", "red"),
    ("unbind", "b", "blue"),
    "reconcile",
    ("delete", WEST),
    "discover",
    ("wait",),
    "discover",
)
@_case(
    ("deny_list", "east", DEPLOYMENT_RESOURCE),
    ("delete", FIRST),
    "discover",
    ("wait",),
    "discover",
    ("copy", WEST),
    "discover",
)
@_case(
    ("deny_list", "east", HARBOR_CLUSTER_RESOURCE), ("move", FIRST, NEW), "discover", "reconcile"
)
@_case(("make_again", "a"), ("apply_again", FIRST), "discover", ("restore",), "reconcile")
@_case(("contest", "east", "n1"), "discover", ("move", FIRST, NEW), "discover", "reconcile")
def test_the_same_harbor_loses_nothing_and_another_one_is_given_nothing(
    servers: SharedServers, prefect_server: Server, steps: list[Step]
) -> None:
    """Also with two objects for a while, with objects that nobody trusts, and with runs cut off."""
    with tempfile.TemporaryDirectory() as folder, use_database(migrated_sqlite(Path(folder))):

        @flow(name="managed-platform", persist_result=False)
        async def run() -> None:
            await _run_case(ManagedPlatform(servers), steps)

        asyncio.run(run())


async def _run_case(platform: ManagedPlatform, steps: list[Step]) -> None:
    await _prepare(platform)
    for name, *arguments in steps:
        if name in RUNS:
            await _run(platform, name)
        elif asyncio.iscoroutine(call := getattr(platform, name)(*arguments)):
            await call
    platform.calm()
    await _run_all(platform, "discover", "reconcile")
    platform.put_right()
    # A robot account that the first reconcile writes is proved by the second one.
    await _run_all(platform, "discover", *RUNS, "reconcile")
    check_settled(platform)
    before = snapshot(platform)
    await _run_all(platform, *RUNS)
    assert snapshot(platform) == before


async def _prepare(platform: ManagedPlatform) -> None:
    """A Harbor that was found, and that two workspaces pull from."""
    await platform.prepare_clusters()
    for name in ("a", "b"):
        platform.make_space(name)
    platform.add_namespace("east", "n1", "red")
    platform.add_namespace("west", "n1", "blue")
    platform.apply(FIRST, HarborObject(platform.url))
    await _run(platform, "discover")
    platform.bind("a", "red")
    platform.bind("b", "blue")
    await _run_all(platform, "reconcile", "sync")
    pulls = actual_pulls(platform)
    assert {("east", "n1", "a"), ("west", "n1", "b")} <= pulls == desired_pulls(platform)


async def _run_all(platform: ManagedPlatform, *names: str) -> None:
    for name in names:
        await _run(platform, name)


async def _run(platform: ManagedPlatform, name: str) -> None:
    before = observe_before(platform)
    result = await getattr(platform, name)()
    note(f"{name}: {str(result)[:300]}")
    check_run(platform, before)
    if name == "reconcile" and result is not None and not result.error:
        check_reconciled(platform)
