"""When a binding is in force, and what is missing if it is not."""

from datetime import timedelta
from typing import Any

import pytest

from models.access.binding import Binding
from models.access.rollout import BindingStatus, Rollout, RolloutGap, RolloutStep, first_ungranted
from models.clusters.membership import Namespace
from models.clusters.pull_secret import PullSecretState, PullSecretStatus, RegistryLogin
from models.core.reasons import Reason
from models.registries.registry import BlockRef, Kind
from tests.support.access_builders import (
    binding,
    login,
    login_of,
    namespace,
    pull_secret_status,
    robot_account,
)
from tests.support.builders import NOW, registry, registry_record

HARBOR = registry(name="prod", address="https://harbor.test")
DOCKER = registry(Kind.DOCKER, name="images", address="http://docker.test:5000").model_copy(
    update={"pull_credential": BlockRef(name="puller")}
)
ROBOT = RegistryLogin(registry="prod", host="harbor.test", account=login_of(), robot_id=1)
USER = RegistryLogin(registry="images", host="docker.test:5000", account="pull")

ON_HARBOR, ON_DOCKER = binding("a"), binding("a", registry="images")
DELIVERED = pull_secret_status(logins=(ROBOT, USER))


def facts(**overrides: Any) -> dict[str, Any]:
    return {
        "registries": {"prod": HARBOR, "images": DOCKER},
        "robot_accounts": [robot_account(1, "a")],
        "namespaces": [namespace()],
        "pull_secrets": [DELIVERED],
        **overrides,
    }


def find_effective(*bindings: Binding, **overrides: Any) -> tuple[Binding, ...]:
    rollout = Rollout(**facts(**overrides))
    return tuple(binding for binding in bindings if rollout.find_gap(binding) is None)


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
        {"registries": {"images": DOCKER}},
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
    assert find_effective(ON_DOCKER, pull_secrets=pull_secrets, registries={"images": without}) == (
        ON_DOCKER,
    )


@pytest.mark.parametrize(
    ("changed", "gap"),
    [
        ({"registries": {}}, RolloutGap(step=RolloutStep.REGISTRY)),
        ({"robot_accounts": []}, RolloutGap(step=RolloutStep.ROBOT)),
        (
            {"namespaces": [namespace("b"), namespace()]},
            RolloutGap(step=RolloutStep.NAMESPACE, namespace=namespace("b")),
        ),
    ],
)
def test_the_first_gap(changed: dict[str, Any], gap: RolloutGap) -> None:
    assert Rollout(**facts(**changed)).find_gap(ON_HARBOR) == gap


def test_a_held_binding_is_never_in_force() -> None:
    held = ON_HARBOR.model_copy(update={"held_since": NOW, "held_reason": "recreated"})
    assert Rollout(**facts()).find_gap(held) == RolloutGap(step=RolloutStep.HELD)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"robot_accounts": []},
        {"pull_secrets": []},
        {
            "pull_secrets": [
                pull_secret_status(
                    status=PullSecretState.PENDING, reason=Reason.NOT_LINKED, logins=(ROBOT,)
                )
            ]
        },
        {"namespaces": [namespace(), namespace("b")]},
    ],
)
def test_the_pages_say_the_same(changed: dict[str, Any]) -> None:
    """A page says why exactly when the binding is not in force."""
    current = facts(**changed)
    specs = current.pop("registries")
    status = BindingStatus(
        {name: registry_record(spec=spec) for name, spec in specs.items()},
        clusters={},
        failures={},
        **current,
    )
    assert bool(status.pending_reason(ON_HARBOR, None)) is (
        not find_effective(ON_HARBOR, **changed)
    )


@pytest.mark.parametrize(
    ("changed", "bindings", "message"),
    [
        ({}, [ON_HARBOR, ON_DOCKER], ""),
        ({"pull_secrets": []}, [ON_HARBOR, ON_DOCKER], ""),  # the cluster's result says that
        ({"robot_accounts": []}, [ON_HARBOR], "the robot account cannot pull it"),
        ({"registries": {}}, [ON_HARBOR], "the registry is not integrated"),
        (
            {},
            [ON_HARBOR.model_copy(update={"held_since": NOW, "held_reason": "replaced"})],
            "the binding is held: replaced",
        ),
    ],
)
def test_what_the_registry_does_not_grant(
    changed: dict[str, Any], bindings: list[Binding], message: str
) -> None:
    ungranted = first_ungranted(Rollout(**facts(**changed)), bindings)
    assert message in ungranted
    assert bool(ungranted) == bool(message)


def test_how_many_it_does_not_grant() -> None:
    rollout = Rollout(**facts(robot_accounts=[]))
    message = first_ungranted(rollout, [ON_HARBOR, binding("b"), binding("c")])
    assert message.startswith("space a for workspace team-a (and 2 more): ")
