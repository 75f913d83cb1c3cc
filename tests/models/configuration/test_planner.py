"""Plans, one difference at a time."""

from typing import Any

import pytest

from models.configuration.document import ClusterEntry, RegistryEntry, WorkspaceEntry
from models.configuration.plan import ConfigurationPlan
from models.configuration.planner import CHANGED_BY_HAND
from models.configuration.scope import Scope
from models.configuration.things import (
    DROPPED,
    BindingSpec,
    CurrentThing,
    RepeatedNamespace,
    SpaceSpec,
    ThingKey,
    World,
)
from models.core.errors import InvalidRequest
from models.core.limits import ChangeLimits
from models.registries.registry import RegistryOrigin, SecretRef
from models.registries.space import Visibility
from tests.models.configuration.worlds import (
    EMPTY,
    FILE,
    add_to,
    applied,
    bind,
    binding_key,
    by_hand,
    docker,
    documents,
    harbor,
    notices,
    plan,
    space_key,
    summary,
    world_of,
)

CONTENT: dict[str, Any] = {
    "registries": {"prod": harbor()},
    "spaces": {"prod": {"shop": "private", "docs": "public"}},
    "clusters": {"eu": {}},
    "workspaces": {"red": {"namespaces": ["eu/shop"]}},
    "bindings": [bind("prod", ["sh*"], "red")],
}
OTHER = "teams/red.yaml"
EVERYTHING = [
    "cluster eu",
    "workspace red",
    "registry prod",
    "space prod/shop",
    "space prod/docs",
    "binding prod/shop → red",
]


def without(*sections: str, **replacements: Any) -> dict[str, Any]:
    content = {name: CONTENT[name] for name in CONTENT if name not in sections}
    return content | replacements


def edited(world: World, key: ThingKey, thing: CurrentThing | None) -> World:
    """Return the world after a person changed a thing, or removed it."""
    things = {other: world.things[other] for other in world.things if other != key}
    return world._replace(things=things | ({key: thing} if thing else {}))


def test_from_nothing_all_is_created_and_what_reduces_access_comes_first() -> None:
    assert summary(plan(EMPTY, CONTENT)) == [f"create {name}" for name in EVERYTHING]


def test_what_a_person_made_is_adopted() -> None:
    result = plan(by_hand(world_of(CONTENT)), CONTENT)
    assert summary(result) == [f"adopt {name}" for name in EVERYTHING]
    assert not any(change.changes_thing for change in result.changes)


def test_agreement_is_an_empty_plan() -> None:
    assert plan(world_of(CONTENT), CONTENT) == ConfigurationPlan()


def test_a_moved_line_changes_only_the_mark() -> None:
    result = plan(world_of(CONTENT), {"x-note": ["moved", "by", "this"], **CONTENT})
    assert result.changes == ()
    assert set(result.new_marks) == world_of(CONTENT).things.keys()


@pytest.mark.parametrize(
    ("content", "change", "difference"),
    [
        (
            without(registries={"prod": harbor("https://new.example.com")}),
            "change registry prod",
            ("address", "https://harbor.example.com", "https://new.example.com"),
        ),
        (
            without(spaces={"prod": {"shop": "public", "docs": "public"}}),
            "change space prod/shop",
            ("visibility", "private", "public"),
        ),
        (
            without(clusters={"eu": {"link_service_accounts": False}}),
            "change cluster eu",
            ("link_service_accounts", "true", "false"),
        ),
        (
            without(workspaces={"red": {"namespaces": ["eu/shop", "eu/till"]}}),
            "change workspace red",
            ("namespaces", '["eu/shop"]', '["eu/shop", "eu/till"]'),
        ),
    ],
)
def test_one_difference_is_one_change(
    content: dict[str, Any], change: str, difference: tuple[str, str, str]
) -> None:
    result = plan(world_of(CONTENT), content)
    assert summary(result) == [change]
    assert result.changes[0].differences == (difference,)


def test_what_left_the_file_is_kept_without_prune_and_removed_with_it() -> None:
    world, nothing = world_of(CONTENT), dict[str, Any]()
    kept = plan(world, nothing)
    assert kept.changes == ()
    assert sorted(notices(kept)) == sorted(f"kept {name}" for name in EVERYTHING)
    assert summary(plan(world, nothing, prune=True)) == [
        "remove binding prod/shop → red",
        "remove space prod/shop",
        "remove space prod/docs",
        "remove registry prod",
        "remove workspace red",
        "remove cluster eu",
    ]


@pytest.mark.parametrize(
    ("key", "name"),
    [(binding_key("docs"), "registry prod"), (binding_key("docs"), "workspace red")],
)
def test_what_others_use_is_not_removed(key: ThingKey, name: str) -> None:
    world = world_of(CONTENT)
    world = edited(world, key, CurrentThing(world.things[binding_key("shop")].spec))
    result = plan(world, {}, prune=True)
    assert f"remove {name}" not in summary(result)
    assert f"blocked {name}" in notices(result)


def test_a_cluster_that_stores_the_password_of_a_managed_harbor_is_not_removed() -> None:
    world = world_of({"clusters": {"eu": {}}})
    secret = SecretRef(cluster="eu", namespace="harbor", name="core", key="password")
    registry = world_of(CONTENT).registries["prod"].model_copy(update={"credential": secret})
    world = world._replace(registries={"managed": registry})
    assert notices(plan(world, {}, prune=True)) == ["blocked cluster eu"]


def test_only_the_files_of_the_run_are_pruned() -> None:
    world = add_to(world_of(without("bindings")), {"bindings": CONTENT["bindings"]}, OTHER)
    result = plan(world, without("bindings", "spaces"), prune=True)
    assert summary(result) == ["remove space prod/shop", "remove space prod/docs"]


def test_another_file_keeps_what_it_owns() -> None:
    world = add_to(EMPTY, CONTENT, OTHER)
    result = plan(world, without(registries={"prod": harbor(description="ours")}))
    assert result.changes == ()
    message = str(result.errors[0])
    assert message.startswith("platform/main.yaml:3:3: registry prod: teams/red.yaml:3 owns it")


def test_a_thing_moves_between_two_files_of_one_folder() -> None:
    files = {"platform/new.yaml": CONTENT, FILE: {}}
    result = plan(world_of(CONTENT), files=files, prune=True)
    assert (result.changes, result.notices) == ((), ())
    assert {mark.file for mark in result.new_marks.values()} == {"platform/new.yaml"}


def test_two_files_cannot_declare_one_thing() -> None:
    with pytest.raises(InvalidRequest) as error:
        plan(EMPTY, files={"a.yaml": CONTENT, "b.yaml": {"clusters": {"eu": {}}}})
    assert "b.yaml:3:3: cluster eu is declared at a.yaml:" in str(error.value)


def test_two_files_cannot_own_one_binding() -> None:
    files = {FILE: CONTENT, "platform/team.yaml": {"bindings": [bind("prod", ["shop"], "red")]}}
    result = plan(world_of(CONTENT), files=files)
    assert notices(result) == ["blocked binding prod/shop → red"]


def test_drift_is_set_right_or_reported_as_the_policy_says() -> None:
    by_person = CurrentThing(SpaceSpec(visibility=Visibility.PUBLIC))
    world = edited(world_of(CONTENT), space_key("shop"), by_person)
    (change,) = plan(world, CONTENT).changes
    assert (change.key, change.reason) == (space_key("shop"), CHANGED_BY_HAND)
    content = without(registries={"prod": harbor(drift_policy="report")})
    world = edited(world_of(content), space_key("shop"), by_person)
    world = edited(world, binding_key("shop"), None)
    reported = plan(world, content)
    assert reported.changes == ()
    assert notices(reported) == ["drift space prod/shop", "drift binding prod/shop → red"]


def test_a_change_of_the_file_is_made_although_drift_is_only_reported() -> None:
    content = without(registries={"prod": harbor(drift_policy="report")})
    new_spaces = {"prod": {"shop": "public", "docs": "public"}}
    result = plan(world_of(content), content | {"spaces": new_spaces})
    assert summary(result) == ["change space prod/shop"]


def test_a_held_binding_is_reported_and_stays() -> None:
    world = world_of(CONTENT)
    held = CurrentThing(world.things[binding_key("shop")].spec, "its space was replaced")
    result = plan(edited(world, binding_key("shop"), held), CONTENT)
    assert (result.changes, notices(result)) == ((), ["held binding prod/shop → red"])
    assert "resolve-held-bindings" in str(result.notices[0])


def test_a_namespace_that_was_created_again_is_reported_and_not_listed_anew() -> None:
    world = world_of(CONTENT)._replace(
        repeated_namespaces=(
            RepeatedNamespace("red", "eu", "shop"),
            RepeatedNamespace("blue", "eu", "shop"),
        )
    )
    result = plan(world, CONTENT)
    assert (result.changes, notices(result)) == ((), ["held workspace red"])


def test_a_pattern_keeps_the_binding_of_a_space_that_is_gone() -> None:
    world = world_of(CONTENT)
    world = edited(world, space_key("shop"), None)._replace(spaces={})
    assert summary(plan(world, without("spaces"), prune=True)) == ["remove space prod/docs"]


BLOCKED: list[tuple[dict[str, Any], str]] = [
    ({"spaces": {"gone": {"a": "public"}}}, "there is no registry gone"),
    ({"workspaces": {"red": {"namespaces": ["us/shop"]}}}, "there is no cluster us"),
    ({"bindings": [bind("prod", ["shop"], "blue")]}, "there is no workspace blue"),
    ({"bindings": [bind("prod", ["missing"], "red")]}, "prod has no space 'missing'"),
    ({"spaces": {"prod": {"a__b": "public"}}}, "is not a valid Harbor project"),
    ({"registries": {"prod": docker()}}, "its type is harbor and cannot be changed"),
]


@pytest.mark.parametrize(("content", "message"), BLOCKED)
def test_what_cannot_be_done_is_named_with_its_place(content: dict[str, Any], message: str) -> None:
    result = plan(by_hand(world_of(CONTENT)), content)
    assert result.changes == ()
    (error,) = result.errors
    assert message in error.message
    assert error.position
    assert error.position.file == FILE


def test_what_needs_something_blocked_is_blocked_too() -> None:
    world = add_to(EMPTY, {"registries": {"prod": harbor()}}, OTHER)
    registries = dict(world.registries)
    managed = registries["prod"].model_copy(update={"origin": RegistryOrigin.MANAGED})
    world = World({"prod": managed}, {}, {}, {})
    assert notices(plan(world, CONTENT)) == [
        "blocked registry prod",
        "blocked space prod/shop",
        "blocked space prod/docs",
        "blocked binding prod/shop → red",
    ]


def test_a_pattern_for_a_registry_that_was_not_read_yet_is_tried_later() -> None:
    content = without("spaces", bindings=[bind("prod", ["shop", "x*"], "red")])
    assert notices(plan(EMPTY, content)) == [
        "pending binding prod/shop → red",
        "pending binding prod/x* → red",
    ]


@pytest.mark.parametrize(
    ("limits", "count", "kind"), [(ChangeLimits(), 0, "withheld"), (None, 12, "")]
)
def test_the_safety_limits_apply_to_each_kind_of_removal(
    limits: ChangeLimits | None, count: int, kind: str
) -> None:
    spaces = {"prod": {f"s{number}": "private" for number in range(12)}}
    world = world_of(without(spaces=spaces, bindings=[bind("prod", ["s*"], "red")]))
    result = plan(world, without("bindings", spaces=spaces), prune=True, limits=limits)
    assert summary(result) == [f"remove {key}" for key in world.things if key.workspace][:count]
    assert {notice.kind for notice in result.notices} == ({kind} if kind else set())


def test_a_registry_whose_bindings_are_withheld_is_not_removed() -> None:
    spaces = {"prod": {f"s{number}": "private" for number in range(12)}}
    world = world_of(without(spaces=spaces, bindings=[bind("prod", ["s*"], "red")]))
    result = plan(world, without("registries", "bindings", spaces={}), prune=True)
    assert result.changes == ()


def test_a_dropped_binding_stays_dropped_while_a_file_declares_it() -> None:
    world, key = world_of(CONTENT), binding_key("shop")
    dropped = world.marks[key].model_copy(update={"digest": DROPPED})
    things = {other: thing for other, thing in world.things.items() if other != key}
    world = world._replace(things=things, marks={**world.marks, key: dropped})
    unread = world._replace(
        things={other: thing for other, thing in things.items() if other != space_key("shop")},
        spaces={},
    )
    undeclared = {**CONTENT, "spaces": {}}
    for before, content in ((world, CONTENT), (unread, undeclared)):
        result = plan(before, content)
        assert "create binding prod/shop → red" not in summary(result)
        assert "held binding prod/shop → red" in notices(result)
        assert key not in result.unused_marks
    bound = world._replace(things={**things, key: CurrentThing(BindingSpec())})
    assert plan(bound, CONTENT).new_marks[key].digest != DROPPED
    without = applied(world, plan(world, {**CONTENT, "bindings": []}))
    assert summary(plan(without, CONTENT)) == ["create binding prod/shop → red"]


def test_making_many_spaces_private_is_withheld() -> None:
    public = {"prod": {f"s{number}": "public" for number in range(12)}}
    private = {"prod": {f"s{number}": "private" for number in range(12)}}
    world = world_of(without("bindings", spaces=public))
    result = plan(world, without("bindings", spaces=private))
    assert result.changes == ()
    assert {notice.kind for notice in result.errors} == {"withheld"}
    lifted = plan(world, without("bindings", spaces=private), limits=None)
    assert len(lifted.changes) == 12


def test_private_spaces_come_before_public_ones() -> None:
    spaces = {"prod": {"a": "public", "b": "private"}}
    result = plan(world_of(without("spaces", "bindings")), without("bindings", spaces=spaces))
    assert summary(result) == ["create space prod/b", "create space prod/a"]


def test_an_entry_is_a_record_and_back() -> None:
    (parsed,) = documents({FILE: CONTENT})
    document = parsed.document
    registry, cluster = document.registries["prod"], document.clusters["eu"]
    workspace = document.workspaces["red"]
    assert RegistryEntry.from_registry(registry.to_registry("prod")) == registry
    assert ClusterEntry.from_cluster(cluster.to_cluster("eu")) == cluster
    record = workspace.to_workspace("red")
    assert WorkspaceEntry.from_workspace(record, workspace.listed) == workspace


def test_a_file_is_in_the_scope_of_its_folder() -> None:
    folder = Scope(name="platform", is_folder=True)
    names = ["platform/a.yaml", "platform/b/a.yaml", "platform.yaml", "platforms/a.yaml"]
    assert [folder.contains(name) for name in names] == [True, True, False, False]
    assert not Scope(name="a.yaml").contains("a.yaml/b")


def test_many_small_removals_are_a_large_one() -> None:
    names = [f"reg-{number}" for number in range(5)]
    content = {
        "registries": {name: docker(f"https://{name}.example.com") for name in names},
        "workspaces": {"red": {}},
        "spaces": {name: {f"s{number}": "private" for number in range(3)} for name in names},
        "bindings": [bind(name, ["s*"], "red") for name in names],
    }
    result = plan(world_of(content), {}, prune=True)
    assert not [change for change in result.changes if change.key.registry]
    assert len([notice for notice in result.notices if notice.key.workspace]) == 15


def test_what_a_withheld_registry_has_is_withheld() -> None:
    names = [f"reg-{number}" for number in range(12)]
    registries = {name: docker(f"https://{name}.example.com") for name in names}
    content = {
        "registries": registries,
        "workspaces": {"red": {}},
        "spaces": {"reg-0": {"shop": "private"}},
        "bindings": [bind("reg-0", ["shop"], "red")],
    }
    result = plan(world_of(content), {"workspaces": {"red": {}}}, prune=True)
    assert result.changes == ()


def test_a_small_document_cannot_ask_for_a_huge_plan() -> None:
    spaces, workspaces = [f"s{number}" for number in range(1000)], [f"w{n}" for n in range(501)]
    with pytest.raises(InvalidRequest, match="more than 500,000 bindings"):
        plan(EMPTY, {"bindings": [bind("prod", spaces, *workspaces)]})
