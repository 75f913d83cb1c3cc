"""Decide when robot accounts get new secrets, and when the old ones may go."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from models.access import Grant
from models.delivery import Delivery
from models.membership import Namespace
from models.reason import Reason


def youngest(grants: Iterable[Grant]) -> dict[tuple[str, str], Grant]:
    """Return the robot account in use for each registry and workspace."""
    found: dict[tuple[str, str], Grant] = {}
    for grant in grants:
        key = grant.registry, grant.workspace
        if key not in found or _age(found[key]) < _age(grant):
            found[key] = grant
    return found


def _age(grant: Grant) -> tuple[datetime, int]:
    return grant.made_at, grant.robot_id


def overdue(grants: Iterable[Grant], age: timedelta | None, now: datetime) -> frozenset[str]:
    """Return the workspaces of one registry whose secret is older than `age`; None never ends."""
    if age is None:
        return frozenset()
    return frozenset(
        grant.workspace
        for grant in youngest(grants).values()
        if grant.workspace and now - grant.made_at >= age
    )


def served(
    grants: Iterable[Grant], namespaces: Iterable[Namespace], deliveries: Iterable[Delivery]
) -> frozenset[tuple[str, str]]:
    """Return (registry, workspace) whose youngest robot has reached every namespace.

    A namespace that is being deleted, or that never had our pull secret because a foreign one is in
    its place, is not waited for. One in a cluster that is out of reach is.
    """
    held = held_robots(deliveries)
    members: dict[str, list[frozenset[tuple[str, int | None]]]] = defaultdict(list)
    foreign = {
        (one.cluster, one.namespace) for one in deliveries if one.reason is Reason.FOREIGN_SECRET
    }
    for one in namespaces:
        place = one.cluster, one.name
        if one.workspace and not one.terminating and place not in foreign:
            members[one.workspace].append(held.get(place, frozenset()))
    return frozenset(
        key
        for key, grant in youngest(grants).items()
        if all((grant.registry, grant.robot_id) in each for each in members[grant.workspace])
    )


def held_robots(
    deliveries: Iterable[Delivery],
) -> dict[tuple[str, str], frozenset[tuple[str, int | None]]]:
    """Return which (registry, robot) each (cluster, namespace) was last known to hold."""
    return {
        (one.cluster, one.namespace): frozenset(
            (login.registry, login.robot_id) for login in one.logins
        )
        for one in deliveries
    }
