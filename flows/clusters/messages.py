"""Messages that end the cluster flows' runs."""

from collections.abc import Sequence

from models.core.plural import pluralize

_MAX_ERRORS = 5
_MAX_NAMESPACES = 50


def registered(name: str, namespaces: int, error: str) -> str:
    """Return the message of a registration; `error` is why pull secrets are not in place yet."""
    message = f"cluster {name} is registered: {pluralize(namespaces, 'namespace')}"
    return f"{message}; {error}" if error else message


def sync_summary(
    counts: tuple[int, int, int],
    errors: Sequence[str],
    unavailable: Sequence[str],
    *,
    dry_run: bool,
    remark: str,
) -> str:
    """Return the message of a synchronization.

    Args:
        counts: how many clusters, namespaces in workspaces, and changes.
        unavailable: why clusters could not be read; left out if there are errors.
        remark: what departures mean for pulls.
    """
    clusters, members, changes = counts
    summary = (
        f"{pluralize(clusters, 'cluster')}, {pluralize(members, 'namespace')} in workspaces, "
        f"{pluralize(changes, 'change')} {'planned' if dry_run else 'made'}"
    )
    details = errors[:_MAX_ERRORS] or unavailable
    return "; ".join([summary, *([remark] if remark else []), *details])


def would_be_removed(name: str, pull_secrets: int, lockout_note: str) -> str:
    """Return the message of a removal that is not confirmed."""
    return (
        f"cluster {name} would be removed with {pluralize(pull_secrets, 'pull secret')}"
        f"{lockout_note}; nothing was changed. To remove it, run remove-cluster again with "
        "'Confirm' on"
    )


def removed(name: str, error: str, lockout_note: str) -> str:
    """Return the message of a removal; `error` is why pull secrets remain in the cluster."""
    if error:
        return f"cluster {name} was removed, but {error}{lockout_note}"
    return f"cluster {name} was removed and its pull secrets were deleted{lockout_note}"


def lockout_note(registries: str) -> str:
    """Return the warning about managed Harbors whose passwords are Secrets in the cluster."""
    return (
        f"; the passwords of managed Harbors are stored in this cluster: {registries} cannot be "
        "accessed until the cluster is registered again or update-registry sets credentials"
    )


def secrets_may_remain(reason: str, secret: str, namespaces: Sequence[str]) -> str:
    """Return the error about pull secrets in a cluster that cannot be read."""
    names = ", ".join(namespaces[:_MAX_NAMESPACES]) or "none"
    return f"it cannot be read ({reason}); the Secret {secret} may remain in: {names}"


def secrets_remain(secret: str, details: str) -> str:
    """Return the error about pull secrets that could not be deleted."""
    return f"the Secret {secret} was not deleted in: {details}"
