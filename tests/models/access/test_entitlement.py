"""Which logins a namespace gets, and since when a binding is in effect.

A login requires a binding. Only the pull-only user of a Docker Registry with a public space is
given to all namespaces.
"""

from datetime import timedelta
from typing import Any

import pytest

from models.access.binding import Binding
from models.access.entitlement import (
    PullUser,
    logins_by_workspace,
    namespace_logins,
    rolled_out_bindings,
)
from models.clusters.membership import Namespace
from models.clusters.pull_secret import PullSecretState, PullSecretStatus, RegistryLogin
from models.core.reasons import Reason
from models.registries.registry import BlockRef, Kind, Registry
from models.registries.robots import RobotAccount
from tests.support.access_builders import (
    binding,
    login,
    login_of,
    namespace,
    pull_secret_status,
    robot_account,
)
from tests.support.builders import NOW, registry

HARBOR = registry(name="prod", address="https://harbor.test")
DOCKER = registry(Kind.DOCKER, name="images", address="http://docker.test:5000").model_copy(
    update={"pull_credential": BlockRef(name="puller")}
)
PULLER = PullUser(registry="images", username="pull")
ROBOT = RegistryLogin(registry="prod", host="harbor.test", account=login_of(), robot_id=1)
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


@pytest.mark.parametrize(
    ("workspace", "expected"),
    [("team-a", (USER, ROBOT)), ("team-b", (USER,)), (None, (USER,))],
)
def test_of_one_namespace(workspace: str | None, expected: tuple[RegistryLogin, ...]) -> None:
    workspace_logins = {"": (USER,), "team-a": (USER, ROBOT)}
    assert namespace_logins(namespace(workspace=workspace), workspace_logins) == expected
    assert namespace_logins(namespace(workspace=workspace), {}) == ()


# Bindings in effect.

ON_HARBOR, ON_DOCKER = binding("a"), binding("a", registry="images")
DELIVERED = pull_secret_status(logins=(ROBOT, USER))


def find_effective(*bindings: Binding, **overrides: Any) -> tuple[Binding, ...]:
    facts: dict[str, Any] = {
        "registries": [HARBOR, DOCKER],
        "robot_accounts": [robot_account(1, "a")],
        "namespaces": [namespace()],
        "pull_secrets": [DELIVERED],
        **overrides,
    }
    return rolled_out_bindings(bindings, **facts)


def test_in_force() -> None:
    assert find_effective(ON_HARBOR, ON_DOCKER) == (ON_HARBOR, ON_DOCKER)


@pytest.mark.parametrize(
    "changed",
    [
        {"robot_accounts": []},
        {"robot_accounts": [robot_account(1, "b")]},
        {"robot_accounts": [robot_account(1, "a", workspace="team-b")]},
        {"robot_accounts": [robot_account(2, "a")]},
        {
            "robot_accounts": [
                robot_account(1, "a"),
                robot_account(2, "a", made_at=NOW + timedelta(1)),
            ]
        },
        {"pull_secrets": []},
        {"pull_secrets": [pull_secret_status(logins=())]},
        {"pull_secrets": [pull_secret_status(logins=(login("other", 1),))]},
        {
            "pull_secrets": [
                pull_secret_status(
                    status=PullSecretState.PENDING, reason=Reason.NOT_LINKED, logins=(ROBOT,)
                )
            ]
        },
        {"namespaces": [namespace(), namespace("b")]},
        {"namespaces": [namespace(), namespace(cluster="us")]},
        {"registries": [DOCKER]},
    ],
)
def test_not_yet_in_force_on_a_harbor(changed: dict[str, Any]) -> None:
    assert find_effective(ON_HARBOR, **changed) == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"namespaces": []},
        {"namespaces": [namespace(), namespace("b", "team-b")]},
        {"namespaces": [namespace(), namespace("b", terminating=True)]},
    ],
)
def test_in_force_all_the_same(changed: dict[str, list[Namespace]]) -> None:
    assert find_effective(ON_HARBOR, ON_DOCKER, **changed) == (ON_HARBOR, ON_DOCKER)


@pytest.mark.parametrize("pull_secrets", [[], [pull_secret_status(logins=(ROBOT,))]])
def test_on_a_docker_registry_the_pull_user_is_what_counts(
    pull_secrets: list[PullSecretStatus],
) -> None:
    assert find_effective(ON_DOCKER, pull_secrets=pull_secrets) == ()
    without = DOCKER.model_copy(update={"pull_credential": None})
    assert find_effective(ON_DOCKER, pull_secrets=pull_secrets, registries=[without]) == (
        ON_DOCKER,
    )
