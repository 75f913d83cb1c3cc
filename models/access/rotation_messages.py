"""Tell people what departures and the deletion of robot accounts mean to them."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from models.access.rotation import Departure, copies_end
from models.core.reasons import Reason
from models.registries.changes import RevokeGrant


def deletion_remark(deleted: Iterable[RevokeGrant], at: datetime) -> str:
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
        or (change.reason is Reason.SUPERSEDED and change.urgent)
    ]
    if not early:
        return ""
    left = [change for change in early if change.reason is Reason.NAMESPACE_LEFT]
    remark = (
        f"a pull that a node began with the former login of {_workspaces(early)} may fail once, "
        "and is tried again"
    )
    if left:
        remark += (
            f"; namespaces that left {_workspaces(left)} could pull with a copied login until "
            f"{at:%H:%M} UTC"
        )
    return remark


def departures_told(departures: Iterable[Departure], retention: timedelta) -> str:
    """Say until when namespaces that left can pull with a login that they may have copied.

    Args:
        retention: the longest that a robot account is kept which they may use.
    """
    latest: dict[str, datetime] = {}
    for departure in departures:
        end = copies_end(departure, retention)
        if end is not None:
            latest[departure.workspace] = max(end, latest.get(departure.workspace, end))
    return "; ".join(
        f"namespaces left {workspace}: new secrets are made, and a copied login ends about "
        f"{end:%H:%M} UTC if the registry can be reached"
        for workspace, end in sorted(latest.items())
    )


def _workspaces(changes: Iterable[RevokeGrant]) -> str:
    return ", ".join(sorted({change.workspace for change in changes}))
