"""Documents and worlds for the tests of plans, and a pure model of applying a plan."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from models.configuration.document import RegistryEntry
from models.configuration.parse import ParsedDocument, parse_documents
from models.configuration.plan import ChangeKind, ConfigurationPlan, mark_of
from models.configuration.planner import PlanOptions, plan_configuration
from models.configuration.scope import Scope
from models.configuration.things import (
    CurrentThing,
    SpaceSpec,
    ThingKey,
    ThingKind,
    World,
)
from models.core.limits import ChangeLimits
from models.registries.space import Space

FILE = "platform/main.yaml"
SCOPE = Scope(name="platform", is_folder=True)
EMPTY = World({}, {}, {}, {})


def harbor(address: str = "https://harbor.example.com", **fields: Any) -> dict[str, Any]:
    return {"type": "harbor", "address": address, "credential": {"block": "harbor"}, **fields}


def docker(address: str = "https://docker.example.com", **fields: Any) -> dict[str, Any]:
    return {"type": "docker", "address": address, **fields}


def bind(registry: str, spaces: Iterable[str], *workspaces: str) -> dict[str, Any]:
    return {"registry": registry, "spaces": [*spaces], "workspaces": [*workspaces]}


def documents(files: Mapping[str, Mapping[str, Any]]) -> tuple[ParsedDocument, ...]:
    """JSON is YAML."""
    texts = {file: json.dumps(content, indent=1) for file, content in files.items()}
    return parse_documents(texts)


def plan(
    world: World,
    content: Mapping[str, Any] | None = None,
    *,
    files: Mapping[str, Mapping[str, Any]] | None = None,
    scope: Scope = SCOPE,
    prune: bool = False,
    limits: ChangeLimits | None = ChangeLimits(),  # noqa: B008 - a value
) -> ConfigurationPlan:
    """Plan one document, or several files."""
    parsed = documents({FILE: content or {}} if files is None else files)
    return plan_configuration(parsed, world, PlanOptions(scope, prune, limits))


def applied(world: World, configuration_plan: ConfigurationPlan) -> World:
    """Return the world after each change was made."""
    registries, things, marks = dict(world.registries), dict(world.things), dict(world.marks)
    spaces = {name: dict(records) for name, records in world.spaces.items()}
    for change in configuration_plan.changes:
        key = change.key
        if change.kind is ChangeKind.REMOVE:
            marks.pop(key)
            if key.kind is ThingKind.SPACE:
                things[key] = CurrentThing(SpaceSpec(visibility=None))
                continue
            del things[key]
            if key.kind is ThingKind.REGISTRY:
                del registries[key.name]
                spaces.pop(key.name, None)
                for other in [other for other in things if other.registry == key.name]:
                    del things[other]
            continue
        assert change.declaration is not None
        spec = change.declaration.spec
        held_reason = things[key].held_reason if key in things else ""
        marks[key] = mark_of(change.declaration)
        if isinstance(spec, RegistryEntry):
            registries[key.name] = spec.to_registry(key.name)
            spec = RegistryEntry.from_registry(registries[key.name])
        if isinstance(spec, SpaceSpec):
            space = Space(name=key.name, desired=spec.visibility)
            spaces.setdefault(key.registry, {})[key.name] = space
        things[key] = CurrentThing(spec, held_reason)
    marks |= configuration_plan.new_marks
    for key in configuration_plan.unused_marks:
        del marks[key]
    read = frozenset(registries)
    return World(registries, spaces, things, marks, read, world.repeated_namespaces)


def world_of(content: Mapping[str, Any], file: str = FILE) -> World:
    """Return the world after a document was applied to an empty one."""
    return add_to(EMPTY, content, file)


def add_to(world: World, content: Mapping[str, Any], file: str = FILE) -> World:
    """Return the world after another document was applied, in two runs: patterns need spaces."""
    scope = Scope(name=file)
    for _ in range(2):
        world = applied(world, plan(world, files={file: content}, scope=scope))
    return world


def by_hand(world: World) -> World:
    """Return the world as if a person had made everything in it."""
    return world._replace(marks={})


def space_key(name: str, registry: str = "prod") -> ThingKey:
    return ThingKey(ThingKind.SPACE, name, registry)


def binding_key(name: str, workspace: str = "red", registry: str = "prod") -> ThingKey:
    return ThingKey(ThingKind.BINDING, name, registry, workspace)


def registry_key(name: str = "prod") -> ThingKey:
    return ThingKey(ThingKind.REGISTRY, name)


def summary(configuration_plan: ConfigurationPlan) -> list[str]:
    """Return each change as text."""
    return [f"{change.kind} {change.key}" for change in configuration_plan.changes]


def notices(configuration_plan: ConfigurationPlan) -> list[str]:
    """Return kind and thing of each notice."""
    return [f"{notice.kind} {notice.key}" for notice in configuration_plan.notices]
