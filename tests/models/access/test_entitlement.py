"""Which registries a namespace logs in to, and since when a binding is in force: decision 7."""

from datetime import timedelta
from typing import Any

import pytest

from models.access.binding import Binding
from models.access.entitlement import Puller, effective, logins_by_workspace, logins_of
from models.clusters.membership import Namespace
from models.clusters.pull_secret import Delivery, DeliveryStatus, Login
from models.core.reasons import Reason
from models.registries.registry import BlockRef, Kind, Registry
from models.registries.robots import Grant
from tests.support.access_builders import binding, delivery, grant, login, login_of, namespace
from tests.support.builders import NOW, registry

HARBOR = registry(name="prod", address="https://harbor.test")
DOCKER = registry(Kind.DOCKER, name="images", address="http://docker.test:5000").model_copy(
    update={"pull_credential": BlockRef(name="puller")}
)
PULLER = Puller(registry="images", account="pull")
ROBOT = Login(registry="prod", host="harbor.test", account=login_of(), robot_id=1)
USER = Login(registry="images", host="docker.test:5000", account="pull")


BOUND = {("prod", "team-a"), ("prod", "team-b")}


def logins(
    grants: tuple[Grant, ...] = (),
    bound: set[tuple[str, str]] = frozenset(),  # type: ignore[assignment]
    pullers: tuple[Puller, ...] = (PULLER,),
    open_to_all: set[str] = frozenset(),  # type: ignore[assignment]
    registries: tuple[Registry, ...] = (HARBOR, DOCKER),
) -> dict[str, tuple[Login, ...]]:
    return logins_by_workspace(registries, bound, grants, pullers, open_to_all)


def test_nobody_gets_anything_unasked() -> None:
    assert logins() == {"": ()}
    assert logins(pullers=()) == {"": ()}


def test_a_harbor_is_logged_in_to_with_the_workspaces_own_robot() -> None:
    second = grant(2, workspace="team-b", login=login_of("team-b"))
    assert logins((grant(1), second), bound=BOUND) == {
        "": (),
        "team-a": (ROBOT,),
        "team-b": (ROBOT.model_copy(update={"account": login_of("team-b"), "robot_id": 2}),),
    }


def test_the_youngest_robot_is_in_use() -> None:
    newest = grant(2, login="robot$new", made_at=NOW + timedelta(days=1))
    (found,) = logins((newest, grant(1)), bound=BOUND)["team-a"]
    assert (found.robot_id, found.account) == (2, "robot$new")


def test_without_a_binding_there_is_no_login_whatever_became_of_the_robot() -> None:
    """Harbor may be out of reach at unbinding: the robot account stays for a while."""
    assert logins((grant(1, "a"),)) == {"": ()}
    assert logins((grant(1, "a"),), bound={("prod", "team-b"), ("other", "team-a")}) == {"": ()}


def test_the_observer_is_nobodys() -> None:
    assert logins((grant(7, workspace=""),), bound=BOUND) == {"": ()}


def test_a_registry_that_is_gone() -> None:
    assert logins((grant(1, registry="gone"),), bound={("gone", "team-a")}) == {"": ()}


def test_a_docker_registry_is_logged_in_to_by_who_is_bound() -> None:
    assert logins(bound={("images", "team-a"), ("other", "team-b")}) == {
        "": (),
        "team-a": (USER,),
    }


def test_a_docker_registry_with_a_public_space_is_logged_in_to_by_all() -> None:
    found = logins((grant(1),), bound={("images", "team-b"), *BOUND}, open_to_all={"images"})
    assert found == {"": (USER,), "team-a": (USER, ROBOT)}


def test_a_docker_registry_without_pull_user_is_logged_in_to_by_nobody() -> None:
    bound = {("images", "team-a")}
    assert logins(bound=bound, pullers=(), open_to_all={"images"}) == {"": ()}


def test_a_harbor_with_a_public_space_needs_no_login() -> None:
    assert logins(open_to_all={"prod"}) == {"": ()}


@pytest.mark.parametrize(
    ("workspace", "expected"),
    [("team-a", (USER, ROBOT)), ("team-b", (USER,)), (None, (USER,))],
)
def test_of_one_namespace(workspace: str | None, expected: tuple[Login, ...]) -> None:
    found = {"": (USER,), "team-a": (USER, ROBOT)}
    assert logins_of(namespace(workspace=workspace), found) == expected
    assert logins_of(namespace(workspace=workspace), {}) == ()


# In force.

ON_HARBOR, ON_DOCKER = binding("a"), binding("a", registry="images")
HAS = delivery(logins=(ROBOT, USER))


def reached(*bindings: Binding, **changed: Any) -> tuple[Binding, ...]:
    facts: dict[str, Any] = {
        "registries": [HARBOR, DOCKER],
        "grants": [grant(1, "a")],
        "namespaces": [namespace()],
        "deliveries": [HAS],
        **changed,
    }
    return effective(bindings, **facts)


def test_in_force() -> None:
    assert reached(ON_HARBOR, ON_DOCKER) == (ON_HARBOR, ON_DOCKER)


@pytest.mark.parametrize(
    "changed",
    [
        {"grants": []},
        {"grants": [grant(1, "b")]},
        {"grants": [grant(1, "a", workspace="team-b")]},
        {"grants": [grant(2, "a")]},
        {"grants": [grant(1, "a"), grant(2, "a", made_at=NOW + timedelta(1))]},
        {"deliveries": []},
        {"deliveries": [delivery(logins=())]},
        {"deliveries": [delivery(logins=(login("other", 1),))]},
        {
            "deliveries": [
                delivery(status=DeliveryStatus.PENDING, reason=Reason.NOT_LINKED, logins=(ROBOT,))
            ]
        },
        {"namespaces": [namespace(), namespace("b")]},
        {"namespaces": [namespace(), namespace(cluster="us")]},
        {"registries": [DOCKER]},
    ],
)
def test_not_yet_in_force_on_a_harbor(changed: dict[str, Any]) -> None:
    assert reached(ON_HARBOR, **changed) == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"namespaces": []},
        {"namespaces": [namespace(), namespace("b", "team-b")]},
        {"namespaces": [namespace(), namespace("b", terminating=True)]},
    ],
)
def test_in_force_all_the_same(changed: dict[str, list[Namespace]]) -> None:
    assert reached(ON_HARBOR, ON_DOCKER, **changed) == (ON_HARBOR, ON_DOCKER)


@pytest.mark.parametrize("deliveries", [[], [delivery(logins=(ROBOT,))]])
def test_on_a_docker_registry_the_pull_user_is_what_counts(deliveries: list[Delivery]) -> None:
    assert reached(ON_DOCKER, deliveries=deliveries) == ()
    without = DOCKER.model_copy(update={"pull_credential": None})
    assert reached(ON_DOCKER, deliveries=deliveries, registries=[without]) == (ON_DOCKER,)
