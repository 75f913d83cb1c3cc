"""Marks and names of robot accounts, and the status of clusters."""

from datetime import timedelta

import pytest

from models.clusters.cluster import (
    Cluster,
    ClusterStatus,
    next_cluster_status,
    unreachable_cluster_snapshot,
)
from models.core.errors import RemoteError
from models.core.names import is_workspace_name
from models.core.reasons import Reason
from models.registries.registry import CAPABILITIES, BlockRef, Kind
from models.registries.robots import (
    OwnershipMark,
    observer_name,
    parse_mark,
    robot_name,
    robot_prefix,
)
from tests.support.access_builders import INSTALLATION_ID, cluster_snapshot, login_of, robot
from tests.support.builders import NOW, unavailable

PROJECTS = CAPABILITIES[Kind.HARBOR].space_names
TEAM_MARK = OwnershipMark(installation=INSTALLATION_ID, workspace="team-a")
OBSERVER = OwnershipMark(installation=INSTALLATION_ID, workspace="")


@pytest.mark.parametrize(
    "mark", [TEAM_MARK, OBSERVER, OwnershipMark(installation=INSTALLATION_ID, workspace="a" * 63)]
)
def test_a_mark_is_read_as_it_is_written(mark: OwnershipMark) -> None:
    assert parse_mark(mark.text) == mark
    assert len(mark.text) <= 1024  # Harbor's limit


def test_what_a_person_adds_behind_it_does_no_harm() -> None:
    assert parse_mark(f"{TEAM_MARK.text}\nAsk Ann before you touch it.") == TEAM_MARK


@pytest.mark.parametrize(
    "description",
    [
        "",
        "for workspace team-a",
        f"see: {TEAM_MARK.text}",
        f" {TEAM_MARK.text}",
        TEAM_MARK.text.lower(),
        TEAM_MARK.text.replace(INSTALLATION_ID, "0a1b2c3"),
        TEAM_MARK.text.replace(INSTALLATION_ID, "0a1b2c3d4"),
        TEAM_MARK.text.replace(INSTALLATION_ID, "0A1B2C3D"),
        TEAM_MARK.text.replace("team-a", "Team-A"),
        TEAM_MARK.text.replace("team-a", "team.a"),
        TEAM_MARK.text.replace("team-a", ""),
        TEAM_MARK.text.replace("team-a", "a" * 64),
        TEAM_MARK.text.replace("workspace team-a", "observing it"),
        TEAM_MARK.text.replace("team-a.", "team-a and others."),
    ],
)
def test_what_is_no_mark(description: str) -> None:
    assert parse_mark(description) is None


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (1, f"ri-{INSTALLATION_ID}-team-a"),
        (2, f"ri-{INSTALLATION_ID}-team-a.2"),
        (10, f"ri-{INSTALLATION_ID}-team-a.10"),
    ],
)
def test_names(number: int, name: str) -> None:
    assert robot_name(INSTALLATION_ID, "team-a", number) == name == PROJECTS.check(name)
    assert name.startswith(robot_prefix(INSTALLATION_ID))
    assert robot(login=f"robot${name}").name == robot(login=f"bot+{name}").name == name


def test_the_observer_has_a_name_of_its_own() -> None:
    """For any workspace names."""
    assert PROJECTS.check(observer_name(INSTALLATION_ID)) == f"ri-{INSTALLATION_ID}.observer"
    assert not observer_name(INSTALLATION_ID).startswith(robot_name(INSTALLATION_ID, ""))


@pytest.mark.parametrize("workspace", ["a", "a-2", "observer", "a" * 63, "0"])
def test_no_two_workspaces_share_a_name(workspace: str) -> None:
    assert is_workspace_name(workspace)
    names = {robot_name(INSTALLATION_ID, workspace, number) for number in range(1, 12)}
    assert len(names) == 11
    for other in (f"{workspace}-2", f"{workspace}2", "2"):
        assert names.isdisjoint(
            robot_name(INSTALLATION_ID, other, number) for number in range(1, 12)
        )


def test_a_name_with_another_stem_is_kept_whole() -> None:
    assert robot(login="robot$somebody").name == "robot$somebody"
    assert robot(login=login_of(prefix="ri-")).name == f"ri-{INSTALLATION_ID}-team-a"


# Clusters.

HEALTHY_STATE = ClusterStatus(
    reachable=True,
    reason=Reason.CONNECTED,
    message="all lists were read",
    since=NOW - timedelta(days=1),
    looked_at=NOW - timedelta(minutes=1),
    seen_at=NOW - timedelta(minutes=1),
)
ERROR = RemoteError("eu", "GET", "/api/v1/namespaces", "no answer", Reason.TIMED_OUT)


def test_a_first_look() -> None:
    assert next_cluster_status(ClusterStatus(), cluster_snapshot()) == HEALTHY_STATE.model_copy(
        update={"since": NOW, "looked_at": NOW, "seen_at": NOW}
    )


def test_seen_again() -> None:
    expected = HEALTHY_STATE.model_copy(update={"looked_at": NOW, "seen_at": NOW})
    assert next_cluster_status(HEALTHY_STATE, cluster_snapshot()) == expected


@pytest.mark.parametrize("section", range(3))
def test_a_section_that_cannot_be_read(section: int) -> None:
    sections = [(), (), ()]
    sections[section] = unavailable()  # type: ignore[call-overload]
    expected = ClusterStatus(
        reachable=False,
        reason=Reason.TIMED_OUT,
        message="no answer in time",
        since=NOW,
        looked_at=NOW,
        seen_at=HEALTHY_STATE.seen_at,
    )
    assert next_cluster_status(HEALTHY_STATE, cluster_snapshot(*sections)) == expected


def test_a_failed_look_shows_nothing() -> None:
    observation = unreachable_cluster_snapshot("eu", ERROR, NOW)
    nothing = unavailable(Reason.TIMED_OUT, "no answer")
    assert observation == cluster_snapshot(nothing, nothing, nothing)
    first_state = next_cluster_status(HEALTHY_STATE, observation)
    second_state = next_cluster_status(
        first_state, observation.model_copy(update={"observed_at": NOW + timedelta(hours=1)})
    )
    assert (second_state.since, second_state.seen_at) == (NOW, HEALTHY_STATE.seen_at)


def test_a_cluster_survives_json() -> None:
    saved_cluster = Cluster(name="eu", credential=BlockRef(name="eu"), links_accounts=False)
    assert Cluster.model_validate_json(saved_cluster.model_dump_json()) == saved_cluster
