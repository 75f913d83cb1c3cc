"""Decide what is saved about bindings, from those on record at that moment.

Bindings are added and removed one by one, so that concurrent changes are not lost.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from models.access.binding import Binding
from models.core.audit import AuditEntry
from models.core.base import FrozenModel

BindingKey = tuple[str, str]
"""Space and workspace of a binding of one registry."""

CurrentBindings = Mapping[BindingKey, bool]
"""Whether each binding on record is held. There can be 50,000 in one registry."""

REQUESTED = "requested"
WORKSPACE_REMOVED = "the workspace is removed"
REGISTRY_REMOVED = "the registry is removed"


class BindingUpdate(FrozenModel):
    """The changes to the bindings of one registry.

    Attributes:
        added: new bindings.
        restored: held bindings that come into force again.
        held_by_reason: bindings that become held, by reason.
        removed: bindings that are deleted.
        dropped: those of them that were held.
        audit_entries: one entry for each of them.
    """

    added: tuple[Binding, ...] = ()
    restored: tuple[BindingKey, ...] = ()
    held_by_reason: Mapping[str, tuple[BindingKey, ...]] = {}
    removed: tuple[BindingKey, ...] = ()
    dropped: tuple[BindingKey, ...] = ()
    audit_entries: tuple[AuditEntry, ...] = ()


def add_bindings(
    current: CurrentBindings, desired: Iterable[Binding], reason: str = REQUESTED
) -> BindingUpdate:
    """Return the update that adds bindings and restores held ones; those in force stay."""
    by_key = {_key(binding): binding for binding in desired}
    added = {key: binding for key, binding in by_key.items() if key not in current}
    restored = tuple(key for key in by_key if current.get(key))
    return BindingUpdate(
        added=tuple(added.values()),
        restored=restored,
        audit_entries=(
            *_entries("space.bound", added, reason),
            *_entries("space.bound", restored, f"{reason}; it was held"),
        ),
    )


def add_missing_bindings(
    current: CurrentBindings, desired: Iterable[Binding], reason: str = REQUESTED
) -> BindingUpdate:
    """Return the update that adds bindings; held ones stay held, a person decides about them."""
    missing = [binding for binding in desired if _key(binding) not in current]
    return add_bindings(current, missing, reason)


def hold_spaces(current: CurrentBindings, reasons: Mapping[str, str]) -> BindingUpdate:
    """Return the update that holds the bindings of some spaces; `reasons` is by space.

    A held binding grants no access until it is restored with resolve-held-bindings.
    """
    keys_by_reason: dict[str, list[BindingKey]] = defaultdict(list)
    for (space, workspace), is_held in current.items():
        if space in reasons and not is_held:
            keys_by_reason[reasons[space]].append((space, workspace))
    return BindingUpdate(
        held_by_reason={reason: tuple(keys) for reason, keys in keys_by_reason.items()},
        audit_entries=tuple(
            entry
            for reason, keys in keys_by_reason.items()
            for entry in _entries("space.binding-held", keys, reason)
        ),
    )


def hold_all(current: CurrentBindings, reason: str) -> BindingUpdate:
    """Return the update that holds all bindings."""
    return hold_spaces(current, {space: reason for space, _ in current})


def remove_bindings(
    current: CurrentBindings, bindings: Iterable[Binding], reason: str
) -> BindingUpdate:
    """Return the update that deletes bindings, including held ones."""
    keys = dict.fromkeys(_key(binding) for binding in bindings)
    removed = tuple(key for key in keys if key in current)
    return BindingUpdate(
        removed=removed,
        dropped=tuple(key for key in removed if current[key]),
        audit_entries=_entries("space.unbound", removed, reason),
    )


def _key(binding: Binding) -> BindingKey:
    return binding.space, binding.workspace


def _entries(action: str, keys: Iterable[BindingKey], reason: str) -> tuple[AuditEntry, ...]:
    return tuple(
        AuditEntry(
            subject=space, action=action, workspace=workspace, after=workspace, reason=reason
        )
        for space, workspace in keys
    )
