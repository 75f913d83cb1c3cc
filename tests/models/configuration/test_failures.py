"""What is skipped after a change has failed: what needs it, and nothing else."""

from typing import Any

import pytest

from models.configuration.plan import ChangeFailures, ConfigurationPlan
from models.configuration.things import ThingKey, ThingKind
from tests.models.configuration.worlds import (
    EMPTY,
    bind,
    binding_key,
    docker,
    harbor,
    plan,
    registry_key,
    space_key,
    summary,
    world_of,
)

CLUSTER = ThingKey(ThingKind.CLUSTER, "eu")
WORKSPACE = ThingKey(ThingKind.WORKSPACE, "red")
CONTENT: dict[str, Any] = {
    "registries": {"prod": harbor(), "dev": docker()},
    "spaces": {"prod": {"team": "private"}, "dev": {"app": "private"}},
    "clusters": {"eu": {}, "us": {}},
    "workspaces": {"red": {"namespaces": ["eu/shop"]}, "blue": {}},
    "bindings": [bind("prod", ["team"], "red", "blue"), bind("dev", ["app"], "blue")],
}
IN_PROD = ["space prod/team", "binding prod/team → red", "binding prod/team → blue"]


def skipped(configuration_plan: ConfigurationPlan, failed: ThingKey) -> list[str]:
    """Return what is skipped if the change of one thing fails, all others in their order."""
    failures = ChangeFailures()
    made = set()
    for change in configuration_plan.changes:
        if change.key == failed:
            failures.add("it failed", [change])
        elif failures.select([change]):
            made.add(change.key)
    return [
        str(change.key)
        for change in configuration_plan.changes
        if change.key not in made and change.key != failed
    ]


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        (registry_key(), IN_PROD),
        (registry_key("dev"), ["space dev/app", "binding dev/app → blue"]),
        (space_key("team"), IN_PROD[1:]),
        (binding_key("team"), []),
        (WORKSPACE, ["binding prod/team → red"]),
        (CLUSTER, ["workspace red", "binding prod/team → red"]),
        (ThingKey(ThingKind.CLUSTER, "us"), []),
    ],
)
def test_what_needs_something_that_was_not_created(failed: ThingKey, expected: list[str]) -> None:
    assert skipped(plan(EMPTY, CONTENT), failed) == expected


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        (binding_key("team"), ["registry prod", "workspace red", "cluster eu"]),
        (binding_key("app", "blue", "dev"), ["registry dev", "workspace blue"]),
        (space_key("team"), ["registry prod"]),
        (WORKSPACE, ["cluster eu"]),
        (registry_key(), []),
    ],
)
def test_what_is_used_by_something_that_was_not_removed(
    failed: ThingKey, expected: list[str]
) -> None:
    removals = plan(world_of(CONTENT), {}, prune=True)
    assert len(removals.changes) == 11
    assert skipped(removals, failed) == expected


def test_what_is_there_already_does_not_need_the_change_that_failed() -> None:
    world = world_of(CONTENT)
    content = CONTENT | {
        "registries": {"prod": harbor(description="new"), "dev": docker()},
        "spaces": {"prod": {"team": "public"}, "dev": {"app": "private"}},
    }
    changes = plan(world, content)
    assert summary(changes) == ["change registry prod", "change space prod/team"]
    assert skipped(changes, registry_key()) == []


def test_the_reason_is_said_once() -> None:
    failures = ChangeFailures()
    for change in plan(EMPTY, CONTENT).changes:
        if change.key in (registry_key(), CLUSTER):
            failures.add(f"{change.key}: no answer", [change])
            failures.add(f"{change.key}: no answer")
        else:
            failures.select([change])
    assert failures.describe() == (
        "cluster eu: no answer",
        "registry prod: no answer",
        "skipped, because cluster eu failed: 1 workspace",
        "skipped, because registry prod failed: 1 space, 2 bindings",
    )
