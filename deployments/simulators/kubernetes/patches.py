"""The three types of patch that this service and its tests use.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply
"""

from collections.abc import Mapping
from typing import Any

from deployments.simulators.kubernetes import errors
from deployments.simulators.kubernetes.fields import (
    FieldOwner,
    FieldsByOwner,
    format_path,
    list_leaves,
    list_maps,
    owned_fields,
    set_owners,
    set_value,
    value_at,
)
from deployments.simulators.kubernetes.object_store import Json


def apply_server_side(live: Json, patch: Mapping[str, Any], manager: str, *, force: bool) -> Json:
    """Server-side apply to an object; a new one starts with only its name.

    Raises:
        KubernetesApiError: other managers own fields to change, and it is not forced.
    """
    own_key = (manager, "Apply")
    owned = owned_fields(live)
    desired = dict(list_leaves(patch))
    differing = {path for path, value in desired.items() if value_at(live, path) != value}
    rivals = [
        (owner, path)
        for owner, paths in owned.items()
        if owner != own_key
        for path in sorted(paths & differing)
    ]
    if rivals and not force:
        raise errors.apply_conflict(
            [(_owner_name(owner), format_path(path)) for owner, path in rivals]
        )
    other_fields = {owner: paths - differing for owner, paths in owned.items() if owner != own_key}
    stale_paths = owned.get(own_key, frozenset()) - desired.keys() - _all_paths(other_fields)
    result = live
    for path in stale_paths:
        result = set_value(result, path, None)
    for path, value in desired.items():
        result = set_value(result, path, value)
    return set_owners(result, {own_key: frozenset(desired), **other_fields})


def apply_merge_patch(live: Json, patch: Mapping[str, Any], manager: str) -> Json:
    """JSON merge patch (https://www.rfc-editor.org/rfc/rfc7386); `manager` owns the changes."""
    return record_update(live, _merge(live, patch), manager)


def apply_strategic_patch(live: Json, patch: Mapping[str, Any], manager: str) -> Json:
    """Strategic merge patch for objects whose lists have no merge key.

    `imagePullSecrets` of a ServiceAccount is such a list: it is replaced. A directive in an entry
    is dropped and the entry is kept; if there was no list before, the entry is dropped too.
    """
    plain: Json = {}
    for key, value in patch.items():
        if not isinstance(value, list):
            plain[key] = value
            continue
        items = [item for item in value if key in live or "$patch" not in item]
        entries = [{name: item[name] for name in item if name != "$patch"} for item in items]
        if entries or key in live:
            plain[key] = entries
    return apply_merge_patch(live, plain, manager)


def record_update(live: Json, desired: Json, manager: str) -> Json:
    """Record the manager of an update; objects without managedFields stay without."""
    if "uid" in live["metadata"] and "managedFields" not in live["metadata"]:
        return desired
    before, after = dict(list_leaves(live)), dict(list_leaves(desired))
    changed = frozenset(path for path in after if before.get(path) != after[path])
    changed |= list_maps(desired) - list_maps(live)
    own_key = (manager, "Update")
    owned = owned_fields(live)
    own_paths = owned.get(own_key, frozenset()) | changed
    existing_paths = after.keys() | list_maps(desired)
    new_owned: FieldsByOwner = {
        owner: (own_paths if owner == own_key else paths - changed) & existing_paths
        for owner, paths in {**owned, own_key: own_paths}.items()
    }
    return set_owners(desired, new_owned)


def _owner_name(owner: FieldOwner) -> str:
    manager, operation = owner
    return f'"{manager}"' if operation == "Apply" else f'"{manager}" using v1'


def _merge(live: object, patch: object) -> Any:  # noqa: ANN401 - it is JSON
    if not isinstance(patch, Mapping):
        return patch
    result = dict(live) if isinstance(live, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge(result.get(key), value)
    return result


def _all_paths(owned: FieldsByOwner) -> frozenset[tuple[str, ...]]:
    return frozenset[tuple[str, ...]]().union(*owned.values())
