"""Tell people what departures and the deletion of robot accounts mean to them."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from models.access.rotation import Departure, copied_login_expiry
from models.core.reasons import Reason
from models.registries.changes import DeleteRobot


def deletion_remark(deleted: Iterable[DeleteRobot], at: datetime) -> str:
    """Say whose pulls may fail once, and until when those who left could pull; perhaps nothing.

    A superseded robot account that could pull more than is bound, or that somebody who left may
    use, goes before every node has stopped using what it read.

    Args:
        deleted: robot accounts that were deleted.
        at: when (UTC).
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
        f"a pull that a node began with the former login of {_join_workspaces(early)} may fail "
        "once, and is tried again"
    )
    if departure_changes:
        remark += (
            f"; namespaces that left {_join_workspaces(departure_changes)} could pull with a "
            f"copied login until {at:%H:%M} UTC"
        )
    return remark


def summarize_departures(departures: Iterable[Departure], retention: timedelta) -> str:
    """Say until when namespaces that left can pull with a login that they may have copied.

    Args:
        retention: the longest that a robot account is kept which they may use.
    """
    latest: dict[str, datetime] = {}
    for departure in departures:
        end = copied_login_expiry(departure, retention)
        if end is not None:
            latest[departure.workspace] = max(end, latest.get(departure.workspace, end))
    return "; ".join(
        f"namespaces left {workspace}: new secrets are made, and a copied login ends about "
        f"{end:%H:%M} UTC if the registry can be reached"
        for workspace, end in sorted(latest.items())
    )


def _join_workspaces(changes: Iterable[DeleteRobot]) -> str:
    return ", ".join(sorted({change.workspace for change in changes}))
