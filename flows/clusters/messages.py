"""Messages that end the cluster flows' runs."""

from collections.abc import Sequence

from models.core.counts import ChangeCounts
from models.core.plural import pluralize

_MAX_ERRORS = 5
_MAX_NAMESPACES = 50


def registered(name: str, namespaces: int) -> str:
    """Return the message of a registration."""
    return f"cluster {name} is registered: {pluralize(namespaces, 'namespace')}"


def sync_summary(
    clusters: int,
    members: int,
    counts: ChangeCounts,
    errors: Sequence[str],
    skipped: Sequence[str],
    *,
    dry_run: bool,
    remark: str,
) -> str:
    """Return the message of a synchronization.

    Args:
        clusters: how many clusters were synchronized.
        members: how many of their namespaces are in workspaces.
        counts: the counts of the changes.
        errors: what failed, or else why clusters could not be read.
        skipped: why clusters were left to other runs.
        remark: what departures mean for pulls.
    """
    changes = counts.describe_plan() if dry_run else counts.summarize()
    summary = (
        f"{pluralize(clusters, 'cluster')}, {pluralize(members, 'namespace')} in workspaces, "
        f"{changes}"
    )
    remarks = [remark] if remark else []
    return "; ".join([summary, *remarks, *errors[:_MAX_ERRORS], *skipped[:_MAX_ERRORS]])


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
