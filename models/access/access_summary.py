"""Decide how a change of access ended: in force everywhere, or where not, why and what follows."""

from collections.abc import Sequence
from datetime import timedelta

from models.access.target import TargetResult, TargetState
from models.core.base import FrozenModel
from models.core.runs.schedules import ScheduledFlow, describe_schedule

_MAX_TARGETS = 5


class AccessSummary(FrozenModel):
    """The end of a run that changes access.

    Attributes:
        message: what was done, and where it is in force.
        is_failed: whether the run ends as Failed: it is not in force somewhere, and not only
            because a cluster is unreachable.
    """

    message: str
    is_failed: bool


def summarize_access(
    action: str,
    targets: Sequence[TargetResult],
    poll_interval: timedelta,
    *,
    seconds: float | None = None,
    is_saved: bool = True,
) -> AccessSummary:
    """Return the message and the final state of a run that changes access.

    Args:
        action: what was requested, e.g. `2 bindings bound`.
        targets: the results of the run on each registry and cluster.
        poll_interval: time between two observations of a registry.
        seconds: time from the request until the end of the run.
        is_saved: whether the request itself is saved, so that scheduled runs carry it out.
    """
    pending = describe_pending(targets, poll_interval, is_saved=is_saved)
    if pending:
        message = f"{action}{': saved' if is_saved else ''}, {pending}"
    else:
        message = f"{action}, in force" + ("" if seconds is None else f" after {seconds:.1f} s")
    return AccessSummary(message=message, is_failed=any(target.is_failed for target in targets))


def describe_pending(
    targets: Sequence[TargetResult], poll_interval: timedelta, *, is_saved: bool = True
) -> str:
    """Return where the desired state is not in force, why, and what follows; empty if nowhere.

    Args:
        targets: the results of the run on each registry and cluster.
        poll_interval: time between two observations of a registry.
        is_saved: whether scheduled runs carry it out.
    """
    pending = [target for target in targets if not target.in_force]
    if not pending:
        return ""
    reasons = [_pending_reason(target, is_saved=is_saved) for target in pending]
    parts = [f"not in force yet: {_join(reasons, '; ')}"]
    seen = [target.subject for target in targets if target.in_force]
    if seen:
        parts.append(f"up to date: {_join(seen, ', ')}")
    follow_up = _describe_follow_up(pending, poll_interval) if is_saved else ""
    return "; ".join([*parts, follow_up] if follow_up else parts)


def _pending_reason(target: TargetResult, *, is_saved: bool) -> str:
    waits = is_saved and target.state is TargetState.READ_ONLY
    return f"{target.reason}; follows when it is writable" if waits else target.reason


def _describe_follow_up(pending: Sequence[TargetResult], poll_interval: timedelta) -> str:
    flows = {target.retried_by for target in pending}
    runs = []
    if ScheduledFlow.RECONCILE_ALL in flows:
        runs.append(describe_schedule(ScheduledFlow.RECONCILE_ALL, poll_interval))
    if ScheduledFlow.SYNC_NAMESPACES in flows:
        runs.append(describe_schedule(ScheduledFlow.SYNC_NAMESPACES))
    return f"next attempt: {' and '.join(runs)}" if runs else ""


def _join(texts: Sequence[str], separator: str) -> str:
    more = len(texts) - _MAX_TARGETS
    return separator.join(texts[:_MAX_TARGETS]) + (f" and {more} more" if more > 0 else "")
