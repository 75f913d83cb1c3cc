"""Field ownership: `managedFields` of server-side apply.

A field is a path of keys. Maps are owned key by key, all other values as a whole, which suffices
for Secrets and ServiceAccounts. The key "." is the map itself, owned by its creator. See
https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from collections.abc import Iterator, Mapping
from typing import Any

from deployments.simulators.kubernetes.object_store import Json, current_timestamp

FieldPath = tuple[str, ...]
FieldOwner = tuple[str, str]
"""Name of a manager, and its operation: `Apply` or `Update`."""

FieldsByOwner = dict[FieldOwner, frozenset[FieldPath]]

_MAP_PATHS = frozenset(
    {("data",), ("metadata",), ("metadata", "labels"), ("metadata", "annotations")}
)
_UNOWNED_FIELDS = frozenset({"apiVersion", "kind", "status", "spec"})
_IDENTITY_FIELDS = frozenset(
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


def list_leaves(part: Mapping[str, Any], at: FieldPath = ()) -> Iterator[tuple[FieldPath, Any]]:
    """Iterate over the fields that can be owned, with their values."""
    for key, value in part.items():
        path = (*at, key)
        if (not at and key in _UNOWNED_FIELDS) or (at == ("metadata",) and key in _IDENTITY_FIELDS):
            continue
        if path in _MAP_PATHS:
            yield from list_leaves(value or {}, path)
        else:
            yield path, value


def list_maps(part: Mapping[str, Any]) -> frozenset[FieldPath]:
    """Return the existing maps, each as the path of its "."."""
    return frozenset(
        (*path, ".") for path in _MAP_PATHS if path != ("metadata",) and value_at(part, path)
    )


def value_at(manifest: Mapping[str, Any], path: FieldPath) -> Any:  # noqa: ANN401 - it is JSON
    """Return the value of a field; None if it does not exist."""
    part: Any = manifest
    for key in path:
        part = (part or {}).get(key)
    return part


def set_value(manifest: Json, path: FieldPath, value: object) -> Json:
    """Return an object with one field set; without it if the value is None."""
    head, subpath = path[0], path[1:]
    changed = set_value(manifest.get(head) or {}, subpath, value) if subpath else value
    siblings = {key: item for key, item in manifest.items() if key != head}
    return (
        siblings if changed is None or (subpath and changed == {}) else {**manifest, head: changed}
    )


def owned_fields(manifest: Mapping[str, Any]) -> FieldsByOwner:
    """Return the fields of each owner from `managedFields`."""
    entries = manifest["metadata"].get("managedFields", ())
    return {
        (item["manager"], item["operation"]): frozenset(_iterate_paths(item["fieldsV1"]))
        for item in entries
    }


def set_owners(manifest: Json, owned: FieldsByOwner) -> Json:
    """Return an object with updated `managedFields`."""
    before = {
        (item["manager"], item["operation"]): item
        for item in manifest["metadata"].get("managedFields", ())
    }
    entries = []
    for owner, paths in owned.items():
        fields = _build_tree(paths)
        if paths and owner in before and before[owner]["fieldsV1"] == fields:
            entries.append(before[owner])
        elif paths:
            manager, operation = owner
            entry = {"manager": manager, "operation": operation, "apiVersion": "v1"}
            entries.append(
                {**entry, "time": current_timestamp(), "fieldsType": "FieldsV1", "fieldsV1": fields}
            )
    return {**manifest, "metadata": {**manifest["metadata"], "managedFields": entries}}


def format_path(path: FieldPath) -> str:
    """Return a field as in conflict messages, e.g. `.data..dockerconfigjson`."""
    return "".join(f".{key}" for key in path)


def _build_tree(paths: frozenset[FieldPath]) -> Json:
    tree: Json = {}
    for path in sorted(paths):
        part = tree
        for key in path:
            part = part.setdefault(key if key == "." else f"f:{key}", {})
    return tree


def _iterate_paths(tree: Mapping[str, Any], at: FieldPath = ()) -> Iterator[FieldPath]:
    for key, below in tree.items():
        path = (*at, key.removeprefix("f:"))
        if path in _MAP_PATHS:
            yield from _iterate_paths(below, path)
        else:
            yield path
