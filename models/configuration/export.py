"""Export what is on record as a document, without secrets."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import yaml
from pydantic import BaseModel

from models.configuration.document import RegistryEntry
from models.configuration.things import CurrentThing, SpaceSpec, ThingKey, ThingKind, World
from models.registries.registry import RegistryOrigin
from models.registries.space import Visibility

_SECTIONS = {
    ThingKind.REGISTRY: "registries",
    ThingKind.CLUSTER: "clusters",
    ThingKind.WORKSPACE: "workspaces",
}
_HEADER = """\
# Exported by export-configuration. It names credentials and contains none.
# Held bindings and managed Harbors are left out: a person, or discovery, decides about them.
"""


def export_document(world: World) -> str:
    """Return the document that declares what is on record.

    Spaces that follow their registry, held bindings and registries of discovery are left out; the
    spaces and bindings of those registries are declared.
    """
    content: dict[str, Any] = {}
    for kind, section in _SECTIONS.items():
        entries = {
            key.name: _entry(world, key, thing)
            for key, thing in sorted(world.things.items())
            if key.kind is kind and not _is_managed(world, key)
        }
        content[section] = entries
    content["spaces"] = _spaces(world)
    content["bindings"] = _bindings(world)
    present = {section: value for section, value in content.items() if value}
    options: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 100}
    text: str = yaml.dump(present, Dumper=yaml.CSafeDumper, **options)
    return _HEADER + text


def _is_managed(world: World, key: ThingKey) -> bool:
    registry = world.registries.get(key.name)
    return (
        key.kind is ThingKind.REGISTRY
        and registry is not None
        and registry.origin is RegistryOrigin.MANAGED
    )


def _entry(world: World, key: ThingKey, thing: CurrentThing) -> dict[str, Any]:
    fields = _without_defaults(thing.spec)
    if isinstance(thing.spec, RegistryEntry) and _opens_all(world, key.name):
        fields["public_opens_all"] = True
    return fields


def _opens_all(world: World, name: str) -> bool:
    spaces = world.spaces.get(name, {}).values()
    is_shared = world.registries[name].shares_pull_user
    return is_shared and any(space.desired is Visibility.PUBLIC for space in spaces)


def _without_defaults(spec: BaseModel) -> dict[str, Any]:
    fields = {
        name: value
        for name, value in spec.model_dump(mode="json", exclude_none=True).items()
        if getattr(spec, name) != type(spec).model_fields[name].default
    }
    return {
        name: sorted(value) if isinstance(getattr(spec, name), frozenset) else value
        for name, value in fields.items()
    }


def _spaces(world: World) -> dict[str, dict[str, str]]:
    spaces: dict[str, dict[str, str]] = defaultdict(dict)
    for key, thing in sorted(world.things.items()):
        if isinstance(thing.spec, SpaceSpec) and thing.spec.visibility is not None:
            spaces[key.registry][key.name] = thing.spec.visibility.value
    return dict(spaces)


def _bindings(world: World) -> list[dict[str, Any]]:
    """Return the bindings, those of the same workspaces in one registry together."""
    keys = [
        key
        for key, thing in world.things.items()
        if key.kind is ThingKind.BINDING and not thing.held_reason
    ]
    workspaces: dict[tuple[str, str], set[str]] = defaultdict(set)
    for key in keys:
        workspaces[key.registry, key.name].add(key.workspace)
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (registry, space), names in sorted(workspaces.items()):
        groups[registry, tuple(sorted(names))].append(space)
    return [_binding(registry, names, spaces) for (registry, names), spaces in groups.items()]


def _binding(registry: str, workspaces: Iterable[str], spaces: list[str]) -> dict[str, Any]:
    return {"registry": registry, "spaces": spaces, "workspaces": [*workspaces]}
