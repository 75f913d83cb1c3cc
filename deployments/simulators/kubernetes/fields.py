"""Who owns which field: `managedFields`, as server-side apply keeps them.

A field is a path of keys. Maps are owned key by key, everything else as a whole; that is all that
Secrets and ServiceAccounts need. The key "." is the map itself, whose maker owns it. See
https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from collections.abc import Iterator, Mapping
from typing import Any

from deployments.simulators.kubernetes.object_store import Json, stamp

Path = tuple[str, ...]
Owner = tuple[str, str]
"""A manager's name, and how it writes: `Apply` or `Update`."""

Owned = dict[Owner, frozenset[Path]]

_MAPS = frozenset({("data",), ("metadata",), ("metadata", "labels"), ("metadata", "annotations")})
_NOBODY = frozenset({"apiVersion", "kind", "status", "spec"})
_IDENTITY = frozenset(
    {
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "managedFields",
    }
)


def leaves(part: Mapping[str, Any], at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """List the fields that can be owned, and their values."""
    for key, value in part.items():
        path = (*at, key)
        if (not at and key in _NOBODY) or (at == ("metadata",) and key in _IDENTITY):
            continue
        if path in _MAPS:
            yield from leaves(value or {}, path)
        else:
            yield path, value


def maps(part: Mapping[str, Any]) -> frozenset[Path]:
    """List the maps that are there, each as the path of its "."."""
    return frozenset(
        (*path, ".") for path in _MAPS if path != ("metadata",) and value_at(part, path)
    )


def value_at(found: Mapping[str, Any], path: Path) -> Any:  # noqa: ANN401 - it is JSON
    """Read a field; None if it is not there."""
    part: Any = found
    for key in path:
        part = (part or {}).get(key)
    return part


def with_value(found: Json, path: Path, value: object) -> Json:
    """Return an object with one field set, or without it if the value is None."""
    head, rest = path[0], path[1:]
    changed = with_value(found.get(head) or {}, rest, value) if rest else value
    kept = {key: one for key, one in found.items() if key != head}
    return kept if changed is None or (rest and changed == {}) else {**found, head: changed}


def owned_fields(found: Mapping[str, Any]) -> Owned:
    """Read `managedFields`."""
    listed = found["metadata"].get("managedFields", ())
    return {
        (one["manager"], one["operation"]): frozenset(_paths(one["fieldsV1"])) for one in listed
    }


def with_owners(found: Json, owned: Owned) -> Json:
    """Return an object with `managedFields` written anew, where they differ."""
    before = {
        (one["manager"], one["operation"]): one
        for one in found["metadata"].get("managedFields", ())
    }
    listed = []
    for owner, paths in owned.items():
        fields = _tree(paths)
        if paths and owner in before and before[owner]["fieldsV1"] == fields:
            listed.append(before[owner])
        elif paths:
            manager, operation = owner
            entry = {"manager": manager, "operation": operation, "apiVersion": "v1"}
            listed.append({**entry, "time": stamp(), "fieldsType": "FieldsV1", "fieldsV1": fields})
    return {**found, "metadata": {**found["metadata"], "managedFields": listed}}


def shown(path: Path) -> str:
    """Name a field as a conflict does, e.g. `.data..dockerconfigjson`."""
    return "".join(f".{key}" for key in path)


def _tree(paths: frozenset[Path]) -> Json:
    tree: Json = {}
    for path in sorted(paths):
        part = tree
        for key in path:
            part = part.setdefault(key if key == "." else f"f:{key}", {})
    return tree


def _paths(tree: Mapping[str, Any], at: Path = ()) -> Iterator[Path]:
    for key, below in tree.items():
        path = (*at, key.removeprefix("f:"))
        if path in _MAPS:
            yield from _paths(below, path)
        else:
            yield path
