"""What holds for any two worlds."""

import json
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models.configuration.plan import ChangeKind
from models.configuration.things import BindingSpec, CurrentThing, SpaceSpec, ThingKind, World
from models.core.errors import InvalidRequest
from models.registries.space import Visibility
from tests.models.configuration.worlds import (
    EMPTY,
    SCOPE,
    add_to,
    applied,
    bind,
    docker,
    documents,
    harbor,
    plan,
)

OTHER_FILE = "teams/other.yaml"
FILES = ["platform/one.yaml", "platform/two.yaml"]
_names = {
    "registry": st.sampled_from(["prod", "dev"]),
    "space": st.sampled_from(["shop", "shop-api", "lab"]),
    "pattern": st.sampled_from(["shop", "shop*", "lab", "*"]),
    "workspace": st.sampled_from(["red", "blue"]),
    "cluster": st.sampled_from(["eu", "us"]),
}
_policies = st.sampled_from(["enforce", "report"])


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a document in which everything that it refers to may be missing."""
    registries: dict[str, Any] = {}
    for name in draw(st.sets(_names["registry"])):
        make = draw(st.sampled_from([harbor, docker]))
        text = draw(st.sampled_from(["", "ours"]))
        registries[name] = make(
            f"https://{name}.example.com", description=text, drift_policy=draw(_policies)
        )
    visibility = st.sampled_from(["public", "private"])
    spaces = st.dictionaries(_names["registry"], st.dictionaries(_names["space"], visibility))
    namespaces = st.sets(st.sampled_from(["eu/shop", "us/lab"])).map(sorted)
    return {
        "registries": registries,
        "spaces": draw(spaces),
        "clusters": {name: {} for name in draw(st.sets(_names["cluster"]))},
        "workspaces": {
            name: {"namespaces": draw(namespaces)} for name in draw(st.sets(_names["workspace"]))
        },
        "bindings": [
            bind(draw(_names["registry"]), [draw(_names["pattern"])], draw(_names["workspace"]))
            for _ in range(draw(st.integers(0, 3)))
        ],
    }


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw a world that another file, these files and a person have made."""
    world = add_to(EMPTY, draw(contents()), OTHER_FILE)
    world = add_to(world, draw(contents()), FILES[0])
    things, marks = dict(world.things), dict(world.marks)
    for key in sorted(things):
        action = draw(st.sampled_from(["keep", "keep", "unmark", "hold", "edit", "remove"]))
        if action == "unmark":
            marks.pop(key, None)
        elif action == "hold" and key.kind is ThingKind.BINDING:
            things[key] = CurrentThing(BindingSpec(), "its space was replaced")
        elif action == "edit" and key.kind is ThingKind.SPACE:
            things[key] = CurrentThing(SpaceSpec(visibility=draw(st.sampled_from(Visibility))))
        elif action == "remove" and key.kind is ThingKind.BINDING:
            del things[key]
    return world._replace(things=things, marks=marks)


_files = st.fixed_dictionaries({name: contents() for name in FILES})
_without_limits = settings(max_examples=150, deadline=None)


def _assume_valid(files: dict[str, Any]) -> None:
    try:
        plan(EMPTY, files=files)
    except InvalidRequest:
        assume(False)


@given(world=worlds(), files=_files, prune=st.booleans())
@_without_limits
def test_after_applying_a_plan_the_next_one_is_empty(
    world: World, files: dict[str, Any], prune: bool
) -> None:
    _assume_valid(files)
    first = plan(world, files=files, prune=prune, limits=None)
    second = plan(applied(world, first), files=files, prune=prune, limits=None)
    assert (second.changes, second.new_marks, second.unused_marks) == ((), {}, ())


@given(world=worlds(), files=_files, prune=st.booleans())
@_without_limits
def test_only_what_the_files_own_is_removed(
    world: World, files: dict[str, Any], prune: bool
) -> None:
    _assume_valid(files)
    result = plan(world, files=files, prune=prune, limits=None)
    removed = {change.key for change in result.changes if change.kind is ChangeKind.REMOVE}
    assert all(SCOPE.contains(world.marks[key].file) for key in removed)
    assert prune or not removed
    gone_registries = {key.name for key in removed if key.kind is ThingKind.REGISTRY}
    lost = {
        key
        for key in world.things.keys() - applied(world, result).things.keys()
        if not (key.kind is ThingKind.SPACE and key.registry in gone_registries)
    }
    assert lost <= removed


@given(world=worlds(), files=_files, prune=st.booleans())
@_without_limits
def test_what_another_file_owns_stays_as_it_is(
    world: World, files: dict[str, Any], prune: bool
) -> None:
    _assume_valid(files)
    after = applied(world, plan(world, files=files, prune=prune, limits=None))
    for key, mark in world.marks.items():
        if not SCOPE.contains(mark.file):
            assert after.marks[key] == mark
            assert after.things.get(key) == world.things.get(key)


@given(world=worlds(), files=_files, prune=st.booleans())
@_without_limits
def test_a_held_binding_stays_held(world: World, files: dict[str, Any], prune: bool) -> None:
    _assume_valid(files)
    after = applied(world, plan(world, files=files, prune=prune, limits=None))
    for key, thing in world.things.items():
        if thing.held_reason and key in after.things:
            assert after.things[key].held_reason == thing.held_reason


@given(files=_files)
@settings(max_examples=50, deadline=None)
def test_a_plan_names_the_place_of_each_declared_thing(files: dict[str, Any]) -> None:
    _assume_valid(files)
    result = plan(EMPTY, files=files)
    texts = {file: json.dumps(content, indent=1).splitlines() for file, content in files.items()}
    for change in result.changes:
        assert change.declaration is not None
        position = change.declaration.position
        assert position.line <= len(texts[position.file])
    assert documents(files)


@given(world=worlds(), files=_files, prune=st.booleans(), data=st.data())
@_without_limits
def test_a_run_that_was_killed_is_finished_by_the_next(
    world: World, files: dict[str, Any], prune: bool, data: st.DataObject
) -> None:
    _assume_valid(files)
    first = plan(world, files=files, prune=prune, limits=None)
    made = data.draw(st.integers(0, len(first.changes)))
    killed = first._replace(changes=first.changes[:made], new_marks={}, unused_marks=())
    after = applied(world, killed)
    if data.draw(st.booleans()):  # after the last change, and before its mark
        last = {change.key for change in first.changes[:made][-1:]}
        marks = {key: mark for key, mark in after.marks.items() if key not in last}
        marks |= {key: world.marks[key] for key in last if key in world.marks}
        after = after._replace(marks=marks)
    finished = applied(after, plan(after, files=files, prune=prune, limits=None))
    assert finished.things == applied(world, first).things
    assert plan(finished, files=files, prune=prune, limits=None).changes == ()
