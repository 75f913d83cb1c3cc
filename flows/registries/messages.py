"""Messages that end the registry flows' runs."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from models.core.plural import pluralize

_MAX_NAMES = 20
_MAX_ERRORS = 5

NO_CHANGES_GIVEN = "no changes given: fill in at least one field"
PULL_CREDENTIALS_NOT_SEPARATE = (
    "the pull credentials are the registry's own credentials: every entitled namespace would "
    "receive them. Select a user that can only pull"
)


def can_be_integrated(name: str) -> str:
    """Return the message of a successful test."""
    return f"{name} can be integrated; nothing was saved (test only)"


def would_be_set(space_count: int) -> str:
    """Return the message of a dry run of a change of visibility."""
    return f"the visibility of {pluralize(space_count, 'space')} would be set; nothing was changed"


def not_saved(name: str, reason: str) -> str:
    """Return the message of a registry that failed a check before it was saved."""
    return f"{name} was not saved: {reason}"


def credentials_required(label: str) -> str:
    """Return the message of a registry that cannot be managed without credentials."""
    return (
        f"{label} requires the credentials of a system administrator: select or add a "
        "registry-credentials block"
    )


def pull_credentials_not_used(label: str) -> str:
    """Return the message of pull credentials for a registry with robot accounts."""
    return (
        f"pull credentials do not apply to {label}: a robot account is created for each workspace. "
        "Leave pull credentials empty"
    )


def duplicate(name: str, address: str, label: str, existing: str) -> str:
    """Return the message of a registry that is integrated already, under another address."""
    return not_saved(
        name,
        f"{address} is another address of the {label} that is integrated as {existing!r}: that "
        f"{label} contains its robot accounts. To change its address, run update-registry for "
        f"{existing!r}; to integrate it again, run remove-registry for {existing!r} first",
    )


def registry_summary(
    name: str, health: str, spaces: int, drifts: int, changes: str, notes: Sequence[str]
) -> str:
    """Return the message of a run on one registry.

    Args:
        changes: the counts of the changes.
        notes: remarks.
    """
    message = f"{name} is {health}: {pluralize(spaces, 'space')}, {pluralize(drifts, 'drift')}"
    return "; ".join([f"{message}, {changes}", *notes])


def saved(pending: str) -> str:
    """Return the message of a request that the registry does not accept now.

    Args:
        pending: why it is not in force.
    """
    return f"the desired state is saved, {pending}"


def due_note(due_count: int, total: int, oldest_check: datetime | None) -> str:
    """Return how many registries were due, and since when all of them were checked.

    Args:
        oldest_check: when the registry was checked that was not checked for longest (UTC); None
            without registries.
    """
    note = f"{due_count} of {total} registries were due"
    if oldest_check is None:
        return note
    return f"{note}; all were checked since {oldest_check:%H:%M:%S} UTC"


def reconcile_all_summary(
    due: str,
    unavailable: Sequence[str],
    skipped: Mapping[str, str],
    notes: Sequence[str],
    errors: Sequence[str],
) -> str:
    """Return the message of a run on all due registries.

    Args:
        due: how many were due, see `due_note`.
        unavailable: names of the registries that could not be read.
        skipped: the other runs that work on registries, by the name of the registry.
    """
    parts = [due]
    if skipped:
        other_runs = [f"{name}: {other_run}" for name, other_run in skipped.items()]
        names = ", ".join(other_runs[:_MAX_NAMES])
        parts.append(f"{len(skipped)} left to another run ({names})")
    if unavailable:
        parts.append(f"{len(unavailable)} unavailable: {', '.join(unavailable[:_MAX_NAMES])}")
    parts += notes
    if errors:
        parts.append(f"{pluralize(len(errors), 'error')}: {'; '.join(errors[:_MAX_ERRORS])}")
    return "; ".join(parts)


def removal_counts(spaces: int, bindings: int, robot_accounts: int, namespaces: int) -> str:
    """Return what is removed with a registry."""
    return ", ".join(
        (
            pluralize(spaces, "space"),
            pluralize(bindings, "binding"),
            pluralize(robot_accounts, "robot account"),
            f"registry logins in {pluralize(namespaces, 'namespace')}",
        )
    )


def would_be_removed(name: str, counts: str) -> str:
    """Return the message of a removal that is not confirmed."""
    return (
        f"{name} would be removed with {counts}; nothing was changed. To remove it, run "
        "remove-registry again with 'Confirm' on"
    )


def removed(name: str, counts: str, remarks: Sequence[str]) -> str:
    """Return the message of a removal; `remarks` are about what remains."""
    return "; ".join([f"{name} was removed with {counts}", *remarks])


def orphaned_robots(logins: Sequence[str], error: str) -> str:
    """Return the error about robot accounts that remain in a removed registry.

    Args:
        error: why they could not be deleted.
    """
    names = ", ".join(logins[:_MAX_NAMES])
    return f"these robot accounts were not deleted: {names} ({error})"
