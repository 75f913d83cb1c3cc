"""Update the statuses of pull secrets with the results of the changes."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from models.clusters.contest import add_repair, describe_contest, is_contested
from models.clusters.link_plan import links_after
from models.clusters.pull_secret import (
    AddImagePullSecret,
    ClusterChangeResult,
    DesiredPullSecret,
    PullSecretPlan,
    PullSecretState,
    PullSecretStatus,
    RepairHistory,
    WriteSecret,
    pending_update,
)
from models.core.reasons import Reason


def update_statuses(
    plan: PullSecretPlan,
    outcomes: Iterable[ClusterChangeResult],
    desired: Mapping[str, DesiredPullSecret],
    *,
    now: datetime,
) -> tuple[PullSecretStatus, ...]:
    """Return the statuses of the plan, updated with the results of its changes."""
    outcomes_by_namespace: dict[str, list[ClusterChangeResult]] = defaultdict(list)
    for outcome in outcomes:
        outcomes_by_namespace[outcome.change.namespace].append(outcome)
    pull_secrets = (
        _update_status(
            status, outcomes_by_namespace[status.namespace], desired.get(status.namespace), now
        )
        if status.namespace in outcomes_by_namespace
        else status
        for status in plan.statuses
    )
    return tuple(status for status in pull_secrets if status is not None)


def _update_status(
    status: PullSecretStatus,
    outcomes: Collection[ClusterChangeResult],
    desired: DesiredPullSecret | None,
    now: datetime,
) -> PullSecretStatus | None:
    repairs = _repairs_after(status.repairs, outcomes, now)
    links = links_after(status.links, outcomes)
    update: dict[str, object] = {"links": links, "repairs": repairs}
    additions = [
        outcome
        for outcome in outcomes
        if isinstance(outcome.change, WriteSecret | AddImagePullSecret)
    ]
    if desired and any(outcome.succeeded for outcome in additions):
        update |= {"logins": desired.logins, "fingerprint": desired.fingerprint}
    failure = next(
        (outcome for outcome in (additions if desired else outcomes) if not outcome.succeeded), None
    )
    if failure is not None:
        update |= pending_update(failure.reason, failure.message)
    elif desired is None and links and status.reason is Reason.LINKS_PENDING:
        # The Secret is gone; the links that are left are removed by the next runs.
        update |= {"logins": (), "fingerprint": ""}
    elif desired is None:
        return None
    elif contested := [history for history in repairs if is_contested(history)]:
        update |= pending_update(Reason.CONTESTED, describe_contest(status.namespace, contested))
    elif status.message:
        update |= pending_update(status.reason, status.message)  # what these changes leave
    elif status.status is not PullSecretState.DELIVERED:
        delivered = {"status": PullSecretState.DELIVERED, "reason": Reason.DELIVERED}
        update |= {**delivered, "delivered_at": now}
    return status.model_copy(update=update)


def _repairs_after(
    repairs: tuple[RepairHistory, ...], outcomes: Iterable[ClusterChangeResult], now: datetime
) -> tuple[RepairHistory, ...]:
    for outcome in outcomes:
        change = outcome.change
        if outcome.reason is not Reason.DONE or change.reason is not Reason.MODIFIED:
            continue
        if isinstance(change, WriteSecret):
            repairs = add_repair(repairs, "", change.manager, change.after, now)
        elif isinstance(change, AddImagePullSecret):
            repairs = add_repair(repairs, change.service_account, change.manager, "", now)
    return repairs
