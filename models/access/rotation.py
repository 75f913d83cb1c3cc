"""Decide when robot accounts get new secrets, and when the old ones may go."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from models.clusters.membership import Namespace
from models.clusters.pull_secret import Delivery
from models.core.base import Value
from models.core.reasons import Reason
from models.registries.robots import Grant

DEPARTURE_INTERVAL = timedelta(minutes=15)
"""A workspace gets a new secret at most so often because namespaces left it: CI's come and go."""


class Departure(Value):
    """That namespaces left a workspace which has a robot account on a registry.

    Whoever leaves may have copied the secret, so there is to be another.

    Attributes:
        left_at: when the first one left since there was a new secret (UTC); None if none did.
        rotated_at: when the last secret was made because of one (UTC); None if none was. Older ones
            may be held by those who left.
    """

    registry: str
    workspace: str
    left_at: datetime | None = None
    rotated_at: datetime | None = None

    @property
    def due_at(self) -> datetime | None:
        """When a new secret is to be made; None if it is not."""
        if self.left_at is None or self.rotated_at is None:
            return self.left_at
        return max(self.left_at, self.rotated_at + DEPARTURE_INTERVAL)


class Retirement(Value):
    """When a superseded robot account goes.

    Attributes:
        at: from when on, once the one in use is delivered everywhere (UTC); None if not yet known.
        deadline: when it goes in any case, because somebody who left may hold its secret (UTC).
    """

    at: datetime | None = None
    deadline: datetime | None = None

    @property
    def exposed(self) -> bool:
        """Whether somebody who left may hold its secret."""
        return self.deadline is not None

    def due(self, now: datetime) -> bool:
        """Whether it is time."""
        return self.overdue(now) or (self.at is not None and self.at <= now)

    def overdue(self, now: datetime) -> bool:
        """Whether it goes now in any case."""
        return self.deadline is not None and self.deadline <= now


def retirements(
    grants: Iterable[Grant], departures: Iterable[Departure], retention: timedelta
) -> dict[tuple[str, int], Retirement]:
    """Return when each superseded robot account goes, by registry and id.

    Args:
        retention: how long one is kept after the secret that supersedes it was delivered
            everywhere: a node may have read the old one and pull with it later.
    """
    rotated = {(one.registry, one.workspace): one.rotated_at for one in departures}
    by_workspace: dict[tuple[str, str], list[Grant]] = defaultdict(list)
    for grant in sorted((one for one in grants if one.workspace), key=_age):
        by_workspace[grant.registry, grant.workspace].append(grant)
    return {
        (grant.registry, grant.robot_id): _retirement(
            grant, same[place + 1 :], rotated.get(key), retention
        )
        for key, same in by_workspace.items()
        for place, grant in enumerate(same[:-1])
    }


def _retirement(
    grant: Grant, younger: Iterable[Grant], rotated_at: datetime | None, retention: timedelta
) -> Retirement:
    rolled_out = min((one.rolled_out_at for one in younger if one.rolled_out_at), default=None)
    if rotated_at is not None and grant.made_at < rotated_at:
        return Retirement(at=rolled_out, deadline=rotated_at + retention)
    return Retirement(at=rolled_out + retention if rolled_out else None)


def copies_end(departure: Departure, retention: timedelta) -> datetime | None:
    """Return until when those who left can pull at the latest, if the registry can be reached."""
    return departure.due_at + retention if departure.due_at else None


def leaving(
    grants: Iterable[Grant], departures: Iterable[Departure], now: datetime
) -> frozenset[tuple[str, str]]:
    """Return (registry, workspace) that get a new secret now, because a namespace left."""
    there = {(grant.registry, grant.workspace) for grant in grants}
    return frozenset(
        (one.registry, one.workspace)
        for one in departures
        if one.due_at is not None and one.due_at <= now and (one.registry, one.workspace) in there
    )


def pressing(
    grants: Iterable[Grant], departures: Iterable[Departure], retention: timedelta, now: datetime
) -> frozenset[str]:
    """Return the registries on which a robot account is to be made or deleted by now."""
    known, left = tuple(grants), tuple(departures)
    going = {
        registry
        for (registry, _), one in retirements(known, left, retention).items()
        if one.due(now)
    }
    return frozenset(going | {registry for registry, _ in leaving(known, left, now)})


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


def superseding(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    """Return the robot accounts in use that an older one is still there beside."""
    known = tuple(one for one in grants if one.workspace)
    in_use = youngest(known)
    older = {(one.registry, one.workspace) for one in known if one not in in_use.values()}
    return tuple(one for key, one in in_use.items() if key in older)


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
