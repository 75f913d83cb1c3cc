"""Messages that end the discovery flows' runs."""

from collections.abc import Sequence

from models.core.plural import pluralize
from models.core.runs.counts import ChangeCounts
from models.core.runs.schedules import ScheduledFlow, describe_schedule

_MAX_ERRORS = 5


def discovery_summary(
    clusters: int,
    harbors: int,
    counts: ChangeCounts,
    postponed: int,
    errors: Sequence[str],
    unavailable: Sequence[str],
    skipped: Sequence[str],
    *,
    warnings: Sequence[str] = (),
    dry_run: bool,
) -> str:
    """Return the message of a discovery.

    Args:
        clusters: how many clusters this run read, or tried to read.
        harbors: how many managed Harbors they have.
        counts: the counts of the changes.
        postponed: how many Harbors are adopted by later runs.
        errors: what failed.
        unavailable: why clusters or sources could not be read; left out if there are errors.
        skipped: why clusters were left to other runs.
        warnings: what prevents adopted Harbors from being reached.
    """
    changes = counts.describe_plan() if dry_run else counts.summarize()
    parts = [f"{pluralize(clusters, 'cluster')}, {pluralize(harbors, 'managed Harbor')}, {changes}"]
    if skipped and not clusters:
        parts = ["nothing was read"]
    if postponed:
        parts.append(f"{pluralize(postponed, 'Harbor')} postponed to the next runs")
    if errors:
        parts += errors[:_MAX_ERRORS]
    elif unavailable:
        parts.append(f"unavailable: {'; '.join(unavailable)}")
    parts += warnings[: _MAX_ERRORS - len(errors)]
    return "; ".join([*parts, *skipped[:_MAX_ERRORS]])


def locked(ref: str, conflict: str) -> str:
    """Return the message of a Harbor in whose cluster another run works.

    Args:
        conflict: the other run.
    """
    schedule = describe_schedule(ScheduledFlow.DISCOVER)
    return f"{ref} is saved as trusted, not integrated yet: {conflict}; next attempt: {schedule}"


def cluster_unavailable(ref: str, reason: str) -> str:
    """Return the error about a Harbor whose cluster, or one source of it, cannot be read."""
    return f"{ref}: {reason}; discover-managed-harbors will retry"


def not_found(ref: str) -> str:
    """Return the error about a Harbor that is not in the cluster."""
    return (
        f"managed Harbor {ref} not found: check its cluster, namespace and name. If it appears "
        "within one hour, discover-managed-harbors integrates it"
    )


def not_trusted(ref: str) -> str:
    """Return the error about an object with the right name and another UID."""
    return (
        f"{ref} does not have the given uid, or two objects have this name: run "
        "integrate-managed-harbor with the uid of the right object"
    )


def integrated(ref: str, registry: str) -> str:
    """Return the message of a Harbor that is integrated."""
    return f"{ref} is integrated as {registry}"


def not_ready(ref: str, reason: str) -> str:
    """Return the message of a Harbor that did not become ready in time."""
    return f"{ref} is not ready yet ({reason}); discover-managed-harbors will retry"
