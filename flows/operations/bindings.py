"""Add, hold and remove bindings one by one, so that concurrent changes are not lost."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import partial

from sqlmodel import Session

from models.access.binding import Binding
from models.access.binding_update import (
    REQUESTED,
    add_bindings,
    hold_spaces,
    remove_bindings,
)
from models.core.runs.context import RunContext
from tasks.store.access.bindings import update_bindings


def bind(
    session: Session, desired: Iterable[Binding], context: RunContext, reason: str = REQUESTED
) -> int:
    """Add bindings and restore held ones; return how many came into force."""
    count = 0
    for registry, group in _by_registry(desired).items():
        decide = partial(add_bindings, desired=group, reason=reason)
        update = update_bindings(session, registry, decide, context)
        count += len(update.added) + len(update.restored)
    return count


def unbind(
    session: Session, candidates: Iterable[Binding], reason: str, context: RunContext
) -> int:
    """Delete bindings; return how many of them existed."""
    count = 0
    for registry, group in _by_registry(candidates).items():
        decide = partial(remove_bindings, bindings=group, reason=reason)
        count += len(update_bindings(session, registry, decide, context).removed)
    return count


def hold(session: Session, registry: str, reasons: Mapping[str, str], context: RunContext) -> None:
    """Hold the bindings of some spaces without deleting them; `reasons` is by space."""
    if reasons:
        update_bindings(session, registry, partial(hold_spaces, reasons=reasons), context)


def _by_registry(bindings: Iterable[Binding]) -> dict[str, list[Binding]]:
    # In one order, so that two runs that change several registries do not lock each other out.
    groups: dict[str, list[Binding]] = defaultdict(list)
    for binding in bindings:
        groups[binding.registry].append(binding)
    return dict(sorted(groups.items()))
