"""Whatever happens to a platform: once it is calm, exactly those can pull who shall."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from deployments.simulators.docker_pull import can_pull
from tests.support.databases import migrated_sqlite, use_database
from tests.support.invariants import (
    actual_pulls,
    check_copied_logins,
    check_least_privilege,
    check_robot_permissions,
    decidable_namespaces,
    desired_pulls,
    effective_secret,
    foreign_objects,
    should_be_public,
)
from tests.support.platform import advance_time
from tests.support.random_events import TrackedPlatform
from tests.support.random_platform import (
    CLUSTERS,
    HARBOR,
    WORKSPACES,
    SharedServers,
)

Step = tuple[Any, ...]
"""A method of `TrackedPlatform` with its arguments, or a run of this service."""

SPACE, WORKSPACE = st.sampled_from(["a", "b", "c"]), st.sampled_from(WORKSPACES)
CLUSTER, NAMESPACE = st.sampled_from(CLUSTERS), st.sampled_from(["n1", "n2"])
NUMBER = st.integers(0, 2)
LABEL_VALUE = st.none() | WORKSPACE
MOMENT = st.sampled_from(["before", "after", "killed before", "killed after"])
METHOD = st.sampled_from([None, "GET", "POST", "PUT", "DELETE", "PATCH"])
TIMES = st.sampled_from([1, 2, 3, 9, None])
SERVER = st.sampled_from([HARBOR, *CLUSTERS])


def _step(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(name), *arguments)


REQUESTS = (
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
    | _step("refresh_secret", NUMBER)
    | _step("end_robot", NUMBER)
    | _step("widen_robot", NUMBER, SPACE | st.just("*"))
    | _step("narrow_robot", NUMBER)
    | _step("remark_robot", NUMBER)
    | _step("rename_all")
)
CLUSTER_EVENTS = (
    _step("add_namespace", CLUSTER, NAMESPACE, LABEL_VALUE)
    | _step("label", CLUSTER, NAMESPACE, LABEL_VALUE, LABEL_VALUE)
    | _step("drop_namespace", CLUSTER, NAMESPACE)
    | _step("terminate", CLUSTER, NAMESPACE)
    | _step("delete_secret", CLUSTER, NAMESPACE)
    | _step("edit_secret", CLUSTER, NAMESPACE)
    | _step("foreign_secret", CLUSTER, NAMESPACE)
    | _step("own_secret", CLUSTER, NAMESPACE)
    | _step("unlink", CLUSTER, NAMESPACE)
    | _step("link_other", CLUSTER, NAMESPACE)
    | _step("contest", CLUSTER, NAMESPACE)
    | _step("misspell", CLUSTER, NAMESPACE)
)
FAULTS = (
    _step("lose", SERVER, METHOD, st.integers(0, 12), TIMES, MOMENT)
    | _step("lose_lease", SERVER, METHOD, st.integers(0, 12))
    | _step("calm")
)
TWINS = _step("reconcile_twin") | _step("sync_twin")
RUNS = TWINS | _step("reconcile") | _step("reconcile", WORKSPACE) | _step("sync")
STEPS = st.lists(REQUESTS | BY_HAND | CLUSTER_EVENTS | FAULTS | RUNS | RUNS, max_size=14)


def _case(*steps: Step, by_robot: bool = False) -> example:
    return example(steps=list(steps), by_robot=by_robot, links=True)


@settings(
    max_examples=settings().max_examples // 20,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(steps=STEPS, by_robot=st.booleans(), links=st.booleans())
@_case(("delete_robot", 0), ("delete_secret", "west", "n1"), ("unlink", "west", "n1"))
@_case(("disable_robot", 0), ("widen_robot", 1, "*"), by_robot=True)
@_case(("remark_robot", 0))
@_case(("delete_robot", 1), ("remark_robot", 0), ("reconcile",))
@_case(("refresh_secret", 0), ("refresh_secret", 1), ("widen_robot", 1, "*"))
@_case(("refresh_secret", 0), ("lose", HARBOR, "POST", 0, 1, "killed after"), by_robot=True)
@_case(("rename_all",), ("end_robot", 0), ("label", "east", "n1", "blue", None))
@_case(("drop_space", "a"), ("reconcile",), ("make_space", "a", True), ("flip", "b"))
@_case(("reconcile_twin",), ("bind", "b", "red"), ("reconcile",), ("reconcile_twin",))
@_case(("reconcile_twin",), ("remark_robot", 0), ("reconcile_twin",), by_robot=True)
@_case(
    ("list_by_hand", "blue", "east", "n2"),
    ("add_namespace", "east", "n2", None),
    ("sync",),
    ("sync_twin",),
    ("sync",),
    ("reconcile",),
)
@_case(
    ("sync_twin",), ("label", "east", "n1", "blue", None), ("sync_twin",), ("unbind", "a", "red")
)
@_case(("make_again", "a"))
@_case(("bind", "b", "red"), ("reconcile",), ("make_again", "b"))
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
    servers: SharedServers, steps: list[Step], by_robot: bool, links: bool
) -> None:
    """After any events and any kind of credential, pulls match the bindings and public spaces."""
    with tempfile.TemporaryDirectory() as folder, use_database(migrated_sqlite(Path(folder))):
        asyncio.run(_run_case(TrackedPlatform(servers, by_robot=by_robot, links=links), steps))


async def _run_case(platform: TrackedPlatform, steps: list[Step]) -> None:
    await _prepare(platform)
    for name, *arguments in steps:
        call = getattr(platform, name)(*arguments)
        if asyncio.iscoroutine(call):
            report = await call
            note(f"{name}: {report.error if hasattr(report, 'error') else ''}")
    before = foreign_objects(platform)
    platform.calm(clusters=False)
    await platform.reconcile()
    await platform.sync()
    await platform.reconcile()
    check_robot_permissions(platform)  # at once, whatever becomes of the clusters
    platform.calm()
    for _ in range(2):  # those who left are seen to have left, and what they copied ends
        await platform.reconcile()
        await platform.sync()
        advance_time(minutes=16)
    await platform.reconcile()
    check_copied_logins(platform)
    assert actual_pulls(platform) == desired_pulls(platform)
    assert foreign_objects(platform) == before
    for name, project in platform.harbor.projects.items():
        assert project.public == should_be_public(platform, name)
    check_least_privilege(platform)
    _check_real_pulls(platform)
    writes = platform.writes()
    await platform.reconcile()
    await platform.sync()
    assert platform.writes() == writes


async def _prepare(platform: TrackedPlatform) -> None:
    """Most of what can happen needs something that it happens to."""
    for name in ("a", "b"):
        platform.make_space(name, public=False)
    platform.add_namespace("east", "n1", "red")
    platform.add_namespace("west", "n1", "blue")
    await platform.reconcile()
    platform.bind("a", "red")
    platform.bind("b", "blue")
    await platform.reconcile()
    await platform.sync()
    await platform.reconcile()  # with nothing to do: the next one is compared only if need be


def _check_real_pulls(platform: TrackedPlatform) -> None:
    """Really pull: one image that shall be pulled, and one that shall not."""
    desired = sorted(desired_pulls(platform))
    private = [pull for pull in desired if not platform.harbor.projects[pull[2]].public]
    spaces = {name for name in platform.harbor.projects if name != "library"}
    undesired = sorted(
        (cluster, namespace, space)
        for cluster, namespace in decidable_namespaces(platform)
        for space in spaces
        if (cluster, namespace, space) not in desired
    )
    for pull in (*private[:1], *undesired[:1]):
        cluster, namespace, space = pull
        image = f"{platform.url.partition('//')[2]}/{space}/app:v1"
        assert can_pull(image, effective_secret(platform, cluster, namespace)) == (
            pull in desired
        ), pull
