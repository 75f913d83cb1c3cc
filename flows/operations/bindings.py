"""Add, hold and remove bindings one by one, so that concurrent changes are not lost.

The results of a run are saved here too, as what it observed may hold bindings; and what has reached
every namespace of its workspace: new secrets and bindings.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import partial

from sqlmodel import Session

from models.access.binding import Binding
from models.access.binding_update import (
    REQUESTED,
    add_bindings,
    add_missing_bindings,
    hold_spaces,
    remove_bindings,
)
from models.access.rollout import Rollout, first_ungranted
from models.access.rotation import newly_rolled_out, pending_rollouts
from models.configuration.things import ThingKey, ThingKind
from models.core.runs.context import RunContext
from models.registries.observation import StorageReading
from models.registries.runs.record import Findings, RunRecord
from tasks.store.access import bindings, clusters
from tasks.store.access.bindings import update_bindings
from tasks.store.configuration import save_refusals
from tasks.store.registries import registries, robots, runs


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


def bind_missing(
    session: Session, desired: Iterable[Binding], context: RunContext, reason: str
) -> None:
    """Add bindings that are not on record; held ones stay held."""
    for registry, group in _by_registry(desired).items():
        decide = partial(add_missing_bindings, desired=group, reason=reason)
        update_bindings(session, registry, decide, context)


def unbind(
    session: Session, candidates: Iterable[Binding], reason: str, context: RunContext
) -> int:
    """Delete bindings; return how many of them existed.

    Configuration files do not create those again that were held: a person decided about them.
    """
    count = 0
    for registry, group in _by_registry(candidates).items():
        decide = partial(remove_bindings, bindings=group, reason=reason)
        update = update_bindings(session, registry, decide, context)
        count += len(update.removed)
        save_refusals(
            session,
            (
                ThingKey(ThingKind.BINDING, space, registry, workspace)
                for space, workspace in update.dropped
            ),
        )
    return count


def hold(session: Session, registry: str, reasons: Mapping[str, str], context: RunContext) -> None:
    """Hold the bindings of some spaces without deleting them; `reasons` is by space."""
    if reasons:
        update_bindings(session, registry, partial(hold_spaces, reasons=reasons), context)


def save_findings_and_holds(
    session: Session, registry: str, findings: Findings, context: RunContext
) -> None:
    """Save findings, and hold the bindings of spaces that were replaced or have expired.

    Raises:
        LeaseHeld: the lease was lost; nothing is saved, and no change may be applied.
    """
    runs.save_findings(session, registry, findings, context)
    hold(session, registry, findings.bindings_to_hold, context)


def save_run_and_holds(
    session: Session,
    registry: str,
    run_record: RunRecord,
    context: RunContext,
    storage: StorageReading | None = None,
) -> None:
    """Save the results of a run, and hold bindings as `save_findings_and_holds` does.

    Raises:
        LeaseHeld: the lease was lost; nothing is saved.
    """
    runs.save_run(session, registry, run_record, context, storage)
    hold(session, registry, run_record.bindings_to_hold, context)


def _by_registry(bindings: Iterable[Binding]) -> dict[str, list[Binding]]:
    # In one order, so that two runs that change several registries do not lock each other out.
    groups: dict[str, list[Binding]] = defaultdict(list)
    for binding in bindings:
        groups[binding.registry].append(binding)
    return dict(sorted(groups.items()))


def save_rolled_out_robots(session: Session, now: datetime) -> None:
    """Save which replacement robot accounts have reached every namespace of their workspace."""
    robot_accounts = robots.list_robots(session)
    if pending_rollouts(robot_accounts):
        namespaces, secrets = clusters.list_namespaces(session), clusters.list_pull_secrets(session)
        rolled_out = newly_rolled_out(robot_accounts, namespaces, secrets)
        robots.save_rolled_out(session, rolled_out, now)


def find_ungranted(session: Session, registry: str, requested: Collection[tuple[str, str]]) -> str:
    """Return the first requested binding that its registry does not grant; empty if none.

    Args:
        registry: name of the registry.
        requested: space and workspace of each requested binding.
    """
    rollout = Rollout(
        {registry: registries.get_registry(session, registry).registry},
        robots.list_robots(session, registry),
        (),
        (),
    )
    return first_ungranted(
        rollout,
        [
            binding
            for binding in bindings.list_bindings(session, registry=registry)
            if (binding.space, binding.workspace) in requested
        ],
    )


def save_rollout(session: Session, now: datetime) -> None:
    """Save which secrets and bindings are in effect."""
    save_rolled_out_robots(session, now)
    pending = bindings.list_not_yet_effective(session)
    if not pending:
        return
    rollout = Rollout(
        {record.registry.name: record.registry for record in registries.list_registries(session)},
        robots.list_robots(session),
        clusters.list_namespaces(session),
        clusters.list_pull_secrets(session),
    )
    effective_bindings = [binding for binding in pending if rollout.find_gap(binding) is None]
    bindings.save_effective(session, effective_bindings, now)
