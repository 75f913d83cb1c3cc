"""Which logins a namespace gets.

A login requires a binding. Only the pull-only user of a Docker Registry with a public space is
given to all namespaces.
"""

from datetime import timedelta

from models.access.entitlement import (
    PullUser,
    logins_by_workspace,
)
from models.clusters.pull_secret import RegistryLogin
from models.registries.registry import BlockRef, Kind, Registry
from models.registries.robots import RobotAccount
from tests.support.access_builders import (
    login_of,
    robot_account,
)
from tests.support.builders import NOW, registry

HARBOR = registry(name="prod", address="https://harbor.test")
DOCKER = registry(Kind.DOCKER, name="images", address="http://docker.test:5000").model_copy(
    update={"pull_credential": BlockRef(name="puller")}
)
PULLER = PullUser(registry="images", username="pull")
ROBOT = RegistryLogin(
    registry="prod",
    host="harbor.test",
    account=login_of(),
    robot_id=1,
    other_hosts=("harbor.test:443",),
)
USER = RegistryLogin(registry="images", host="docker.test:5000", account="pull")


BOUND = {("prod", "team-a"), ("prod", "team-b")}


def logins(
    grants: tuple[RobotAccount, ...] = (),
    bound: set[tuple[str, str]] = frozenset(),  # type: ignore[assignment]
    pullers: tuple[PullUser, ...] = (PULLER,),
    open_to_all: set[str] = frozenset(),  # type: ignore[assignment]
    registries: tuple[Registry, ...] = (HARBOR, DOCKER),
) -> dict[str, tuple[RegistryLogin, ...]]:
    return logins_by_workspace(registries, bound, grants, pullers, open_to_all)


def test_nobody_gets_anything_unasked() -> None:
    assert logins() == {"": ()}
    assert logins(pullers=()) == {"": ()}


def test_a_harbor_is_logged_in_to_with_the_workspaces_own_robot() -> None:
    second = robot_account(2, workspace="team-b", login=login_of("team-b"))
    assert logins((robot_account(1), second), bound=BOUND) == {
        "": (),
        "team-a": (ROBOT,),
        "team-b": (ROBOT.model_copy(update={"account": login_of("team-b"), "robot_id": 2}),),
    }


def test_the_youngest_robot_is_in_use() -> None:
    newest = robot_account(2, login="robot$new", made_at=NOW + timedelta(days=1))
    (robot_login,) = logins((newest, robot_account(1)), bound=BOUND)["team-a"]
    assert (robot_login.robot_id, robot_login.account) == (2, "robot$new")


def test_without_a_binding_there_is_no_login_whatever_became_of_the_robot() -> None:
    """Harbor may be unreachable during unbinding: the robot account is kept for a while."""
    assert logins((robot_account(1, "a"),)) == {"": ()}
    assert logins((robot_account(1, "a"),), bound={("prod", "team-b"), ("other", "team-a")}) == {
        "": ()
    }


def test_the_observer_is_nobodys() -> None:
    assert logins((robot_account(7, workspace=""),), bound=BOUND) == {"": ()}


def test_a_registry_that_is_gone() -> None:
    assert logins((robot_account(1, registry="gone"),), bound={("gone", "team-a")}) == {"": ()}


def test_a_docker_registry_is_logged_in_to_by_who_is_bound() -> None:
    assert logins(bound={("images", "team-a"), ("other", "team-b")}) == {
        "": (),
        "team-a": (USER,),
    }


def test_a_docker_registry_with_a_public_space_is_logged_in_to_by_all() -> None:
    workspace_logins = logins(
        (robot_account(1),), bound={("images", "team-b"), *BOUND}, open_to_all={"images"}
    )
    assert workspace_logins == {"": (USER,), "team-a": (USER, ROBOT)}


def test_a_docker_registry_without_pull_user_is_logged_in_to_by_nobody() -> None:
    bound = {("images", "team-a")}
    assert logins(bound=bound, pullers=(), open_to_all={"images"}) == {"": ()}


def test_a_harbor_with_a_public_space_needs_no_login() -> None:
    assert logins(open_to_all={"prod"}) == {"": ()}
