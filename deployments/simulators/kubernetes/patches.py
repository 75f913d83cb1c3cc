"""The three kinds of patch that this service's calls and its tests need.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply
"""

from collections.abc import Mapping
from typing import Any

from deployments.simulators.kubernetes import errors
from deployments.simulators.kubernetes.fields import (
    Owned,
    Owner,
    leaves,
    maps,
    owned_fields,
    shown,
    value_at,
    with_owners,
    with_value,
)
from deployments.simulators.kubernetes.object_store import Json


def applied(live: Json, patch: Mapping[str, Any], manager: str, *, force: bool) -> Json:
    """Server-side apply to an object; a new one begins as its name alone.

    Raises:
        Refused: other managers own fields that it would change, and it is not forced.
    """
    us = (manager, "Apply")
    owned = owned_fields(live)
    wanted = dict(leaves(patch))
    differing = {path for path, value in wanted.items() if value_at(live, path) != value}
    rivals = [
        (owner, path)
        for owner, paths in owned.items()
        if owner != us
        for path in sorted(paths & differing)
    ]
    if rivals and not force:
        raise errors.conflicts([(_named(owner), shown(path)) for owner, path in rivals])
    left = {owner: paths - differing for owner, paths in owned.items() if owner != us}
    dropped = owned.get(us, frozenset()) - wanted.keys() - _all(left)
    made = live
    for path in dropped:
        made = with_value(made, path, None)
    for path, value in wanted.items():
        made = with_value(made, path, value)
    return with_owners(made, {us: frozenset(wanted), **left})


def merged(live: Json, patch: Mapping[str, Any], manager: str) -> Json:
    """JSON merge patch (https://www.rfc-editor.org/rfc/rfc7386): what changes is `manager`'s."""
    return updated(live, _merge(live, patch), manager)


def strategic(live: Json, patch: Mapping[str, Any], manager: str) -> Json:
    """Strategic merge patch, where no list has a merge key.

    A ServiceAccount's `imagePullSecrets` has none: the list is replaced, a directive in it has no
    effect but to be left out, its entry stays. Where there is no list yet, such an entry goes.
    """
    plain: Json = {}
    for key, value in patch.items():
        if not isinstance(value, list):
            plain[key] = value
            continue
        kept = [one for one in value if key in live or "$patch" not in one]
        entries = [{name: one[name] for name in one if name != "$patch"} for one in kept]
        if entries or key in live:
            plain[key] = entries
    return merged(live, plain, manager)


def updated(live: Json, made: Json, manager: str) -> Json:
    """Note who made a plain change; nothing is noted of what began without notes."""
    if "uid" in live["metadata"] and "managedFields" not in live["metadata"]:
        return made
    before, after = dict(leaves(live)), dict(leaves(made))
    changed = frozenset(path for path in after if before.get(path) != after[path])
    changed |= maps(made) - maps(live)
    us = (manager, "Update")
    owned = owned_fields(live)
    ours = owned.get(us, frozenset()) | changed
    there = after.keys() | maps(made)
    left: Owned = {
        owner: (ours if owner == us else paths - changed) & there
        for owner, paths in {**owned, us: ours}.items()
    }
    return with_owners(made, left)


def _named(owner: Owner) -> str:
    manager, operation = owner
    return f'"{manager}"' if operation == "Apply" else f'"{manager}" using v1'


def _merge(live: object, patch: object) -> Any:  # noqa: ANN401 - it is JSON
    if not isinstance(patch, Mapping):
        return patch
    made = dict(live) if isinstance(live, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = _merge(made.get(key), value)
    return made


def _all(owned: Owned) -> frozenset[tuple[str, ...]]:
    return frozenset[tuple[str, ...]]().union(*owned.values())
