"""Messages that end the registry flows' runs."""

from collections.abc import Sequence

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
    name: str, health: str, counts: tuple[int, int, int], *, dry_run: bool, note: str
) -> str:
    """Return the message of a run on one registry.

    Args:
        counts: how many spaces, drifts and changes.
    """
    spaces, drifts, changes = counts
    message = (
        f"{name} is {health}: {pluralize(spaces, 'space')}, {pluralize(drifts, 'drift')}, "
        f"{pluralize(changes, 'change')} {'planned' if dry_run else 'made'}"
    )
    return f"{message}; {note}" if note else message


def reconcile_all_summary(
    due_count: int,
    total: int,
    unavailable: Sequence[str],
    notes: Sequence[str],
    errors: Sequence[str],
) -> str:
    """Return the message of a run on all due registries.

    Args:
        unavailable: names of the registries that could not be read.
    """
    parts = [f"{due_count} of {total} registries were due"]
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


def removed(name: str, counts: str, errors: Sequence[str]) -> str:
    """Return the message of a removal."""
    return "; ".join([f"{name} was removed with {counts}", *errors[:_MAX_ERRORS]])


def orphaned_robots(logins: Sequence[str]) -> str:
    """Return the error about robot accounts that remain in an unreachable registry."""
    names = ", ".join(logins[:_MAX_NAMES])
    return f"the registry is unreachable: these robot accounts were not deleted: {names}"
