"""Marks and names of robot accounts, and how a cluster is found."""

from datetime import timedelta

import pytest

from models.clusters.cluster import Cluster, ClusterState, state_after, unseen_cluster
from models.core.errors import ClusterError
from models.core.names import check_project, is_workspace_name
from models.core.reasons import Reason
from models.registries.registry import BlockRef
from models.registries.robots import Mark, mark_in, observer_name, robot_name, robot_stem
from tests.support.access_builders import US, cluster_snapshot, login_of, robot
from tests.support.builders import NOW, unseen

OURS = Mark(installation=US, workspace="team-a")
OBSERVER = Mark(installation=US, workspace="")


@pytest.mark.parametrize("mark", [OURS, OBSERVER, Mark(installation=US, workspace="a" * 63)])
def test_a_mark_is_read_as_it_is_written(mark: Mark) -> None:
    assert mark_in(mark.text) == mark
    assert len(mark.text) <= 1024  # Harbor takes no more


def test_what_a_person_adds_behind_it_does_no_harm() -> None:
    assert mark_in(f"{OURS.text}\nAsk Ann before you touch it.") == OURS


@pytest.mark.parametrize(
    "description",
    [
        "",
        "for workspace team-a",
        f"see: {OURS.text}",
        f" {OURS.text}",
        OURS.text.lower(),
        OURS.text.replace(US, "0a1b2c3"),
        OURS.text.replace(US, "0a1b2c3d4"),
        OURS.text.replace(US, "0A1B2C3D"),
        OURS.text.replace("team-a", "Team-A"),
        OURS.text.replace("team-a", "team.a"),
        OURS.text.replace("team-a", ""),
        OURS.text.replace("team-a", "a" * 64),
        OURS.text.replace("workspace team-a", "observing it"),
        OURS.text.replace("team-a.", "team-a and others."),
    ],
)
def test_what_is_no_mark(description: str) -> None:
    assert mark_in(description) is None


@pytest.mark.parametrize(
    ("number", "name"),
    [(1, f"ri-{US}-team-a"), (2, f"ri-{US}-team-a.2"), (10, f"ri-{US}-team-a.10")],
)
def test_names(number: int, name: str) -> None:
    assert robot_name(US, "team-a", number) == name == check_project(name)
    assert name.startswith(robot_stem(US))
    assert robot(login=f"robot${name}").name == robot(login=f"bot+{name}").name == name


def test_the_observer_has_a_name_of_its_own() -> None:
    """Whatever workspaces are called."""
    assert check_project(observer_name(US)) == f"ri-{US}.observer"
    assert not observer_name(US).startswith(robot_name(US, ""))


@pytest.mark.parametrize("workspace", ["a", "a-2", "observer", "a" * 63, "0"])
def test_no_two_workspaces_share_a_name(workspace: str) -> None:
    assert is_workspace_name(workspace)
    names = {robot_name(US, workspace, number) for number in range(1, 12)}
    assert len(names) == 11
    for other in (f"{workspace}-2", f"{workspace}2", "2"):
        assert names.isdisjoint(robot_name(US, other, number) for number in range(1, 12))


def test_a_name_with_another_stem_is_kept_whole() -> None:
    assert robot(login="robot$somebody").name == "robot$somebody"
    assert robot(login=login_of(prefix="ri-")).name == f"ri-{US}-team-a"


# Clusters.

WELL = ClusterState(
    reachable=True,
    reason=Reason.CONNECTED,
    message="all is read",
    since=NOW - timedelta(days=1),
    looked_at=NOW - timedelta(minutes=1),
    seen_at=NOW - timedelta(minutes=1),
)
ERROR = ClusterError("eu", "GET", "/api/v1/namespaces", "no answer", Reason.TIMED_OUT)


def test_a_first_look() -> None:
    assert state_after(ClusterState(), cluster_snapshot()) == WELL.model_copy(
        update={"since": NOW, "looked_at": NOW, "seen_at": NOW}
    )


def test_seen_again() -> None:
    expected = WELL.model_copy(update={"looked_at": NOW, "seen_at": NOW})
    assert state_after(WELL, cluster_snapshot()) == expected


@pytest.mark.parametrize("section", range(3))
def test_a_section_that_cannot_be_read(section: int) -> None:
    sections = [(), (), ()]
    sections[section] = unseen()  # type: ignore[call-overload]
    expected = ClusterState(
        reachable=False,
        reason=Reason.TIMED_OUT,
        message="no answer in time",
        since=NOW,
        looked_at=NOW,
        seen_at=WELL.seen_at,
    )
    assert state_after(WELL, cluster_snapshot(*sections)) == expected


def test_a_failed_look_shows_nothing() -> None:
    look = unseen_cluster("eu", ERROR, NOW)
    nothing = unseen(Reason.TIMED_OUT, "no answer")
    assert look == cluster_snapshot(nothing, nothing, nothing)
    once = state_after(WELL, look)
    again = state_after(once, look.model_copy(update={"taken_at": NOW + timedelta(hours=1)}))
    assert (again.since, again.seen_at) == (NOW, WELL.seen_at)


def test_a_cluster_survives_json() -> None:
    one = Cluster(name="eu", credential=BlockRef(name="eu"), links_accounts=False)
    assert Cluster.model_validate_json(one.model_dump_json()) == one
