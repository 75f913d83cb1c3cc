"""Messages about the effects of departures and of deleted robot accounts."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from models.access.rotation import Departure, copied_login_expiry
from models.core.reasons import Reason
from models.registries.changes import DeleteRobot


def deletion_remark(deleted: Iterable[DeleteRobot], at: datetime) -> str:
    """Return a message about pulls that may fail once, and about copied logins; may be empty.

    A superseded robot account with excess access, or with a possibly copied secret, is deleted
    before all nodes have stopped using its secret.

    Args:
        deleted: deletions of robot accounts.
        at: time of the deletions (UTC).
    """
    early = [
        change
        for change in deleted
        if change.reason is Reason.NAMESPACE_LEFT
        or (change.reason is Reason.SUPERSEDED and change.is_urgent)
    ]
    if not early:
        return ""
    departure_changes = [change for change in early if change.reason is Reason.NAMESPACE_LEFT]
    remark = (
        f"a pull that started with the previous login of {_join_workspaces(early)} may fail once "
        "and is retried by the node"
    )
    if departure_changes:
        remark += (
            f"; namespaces that left {_join_workspaces(departure_changes)} could pull with a "
            f"copied login until {at:%H:%M} UTC"
        )
    return remark


def summarize_departures(departures: Iterable[Departure], retention: timedelta) -> str:
    """Return a message about how long copied logins of namespaces that left are valid.

    Args:
        departures: departures on record.
        retention: longest time that a robot account with a possibly copied secret is kept.
    """
    latest: dict[str, datetime] = {}
    for departure in departures:
        end = copied_login_expiry(departure, retention)
        if end is not None:
            latest[departure.workspace] = max(end, latest.get(departure.workspace, end))
    return "; ".join(
        f"namespaces left {workspace}: its secrets are rotated, and copied logins expire at about "
        f"{end:%H:%M} UTC if the registry is reachable"
        for workspace, end in sorted(latest.items())
    )


def _join_workspaces(changes: Iterable[DeleteRobot]) -> str:
    return ", ".join(sorted({change.workspace for change in changes}))
