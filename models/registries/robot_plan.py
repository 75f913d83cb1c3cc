"""Decide which robot accounts a Harbor shall have: one for each workspace that is bound to it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from models.core.availability import Seen, Unseen
from models.core.base import Value
from models.core.reasons import Reason
from models.registries.changes import EditGrant, GrantChange, MakeGrant, RevokeGrant
from models.registries.robots import Grant, ObservedRobot, robot_name


class GrantPlan(Value):
    """What is to be done about robot accounts.

    Attributes:
        remembered: grants whose record changes, because Harbor shows them otherwise.
        gone: ids of recorded robots that Harbor has not any more.
    """

    changes: tuple[GrantChange, ...] = ()
    remembered: tuple[Grant, ...] = ()
    gone: tuple[int, ...] = ()


class Wanted(Value):
    """What a workspace shall be able to pull.

    Attributes:
        spaces: bound, and there.
        bound: whether it is bound to anything, there or not.
    """

    spaces: tuple[str, ...] = ()
    bound: bool = False


def wanted_by(bound: Mapping[str, Collection[str]], there: Collection[str]) -> dict[str, Wanted]:
    """Tell what each workspace shall pull; a space that is not there cannot be granted.

    Args:
        bound: spaces by workspace.
        there: spaces that are there.
    """
    known = frozenset(there)
    return {
        workspace: Wanted(spaces=tuple(sorted(known.intersection(names))), bound=True)
        for workspace, names in bound.items()
        if names
    }


def plan_grants(
    wanted: Mapping[str, Wanted],
    robots: Seen[ObservedRobot] | Unseen,
    grants: Iterable[Grant],
    *,
    installation: str,
    edits: bool,
    rotate: Collection[str] = (),
    served: Collection[str] = (),
    refused: Collection[str] = (),
    leaving: Collection[str] = (),
    retired: Collection[int] = (),
    exposed: Collection[int] = (),
    overdue: Collection[int] = (),
) -> GrantPlan:
    """Compare the robot accounts there are with those there shall be.

    Only a complete list of robots lets any be made, edited or removed, and only those that carry
    this installation's mark are in it.

    Args:
        wanted: by workspace.
        robots: those with our mark.
        grants: those whose secret is on record.
        installation: who we are.
        edits: whether our credential may edit robots; if not, another grant is another robot.
        rotate: workspaces that shall get a new secret.
        refused: workspaces whose youngest robot's secret is not accepted any more.
        served: workspaces whose youngest robot has reached every namespace, so that older ones
            may go.
        leaving: workspaces that a namespace left: their secret may be held by it.
        retired: superseded robots that go once the workspace is served.
        exposed: superseded robots whose secret somebody who left may hold.
        overdue: those of them that go now, served or not.
    """
    if isinstance(robots, Unseen):
        return GrantPlan()
    on_record = {grant.robot_id: grant for grant in grants}
    found = _by_workspace(robots.items, installation)
    changes: list[GrantChange] = []
    for workspace in sorted(wanted.keys() | found.keys()):
        case = _Case(workspace, wanted, found[workspace], on_record, frozenset(exposed))
        changes += case.changes(
            installation,
            edits=edits,
            rotate=workspace in rotate,
            refused=workspace in refused,
            left=workspace in leaving,
            retired={*overdue, *(retired if workspace in served else ())},
        )
    there = {robot.id for robot in robots.items}
    return GrantPlan(
        changes=tuple(changes),
        remembered=tuple(_moved(robots.items, on_record)),
        gone=tuple(sorted(on_record.keys() - there)),
    )


def _by_workspace(
    robots: Iterable[ObservedRobot], installation: str
) -> dict[str, list[ObservedRobot]]:
    by_workspace: dict[str, list[ObservedRobot]] = defaultdict(list)
    for robot in robots:
        if robot.mark.installation == installation and robot.mark.workspace:
            by_workspace[robot.mark.workspace].append(robot)
    return by_workspace


def _moved(robots: Iterable[ObservedRobot], on_record: Mapping[int, Grant]) -> Iterable[Grant]:
    """Yield grants that Harbor shows otherwise: another prefix renames all logins at once."""
    for robot in robots:
        grant = on_record.get(robot.id)
        if grant is not None:
            now = grant.model_copy(
                update={
                    "login": robot.login,
                    "spaces": robot.spaces,
                    "created_at": grant.created_at or robot.created_at,
                }
            )
            if now != grant:
                yield now


class _Case:
    """One workspace's robots; lives no longer than `plan_grants`."""

    def __init__(
        self,
        workspace: str,
        wanted: Mapping[str, Wanted],
        robots: Iterable[ObservedRobot],
        on_record: Mapping[int, Grant],
        exposed: Collection[int],
    ) -> None:
        self.exposed = exposed
        self.workspace, self.wanted = workspace, wanted.get(workspace, Wanted())
        self.by_workspace, self.on_record = wanted, on_record
        by_age = sorted(robots, key=lambda robot: robot.id)
        # A secret that is on record for somebody else, after a description was edited, is no secret
        # of this workspace: its namespaces would pull for the other one.
        kept = {grant.robot_id for grant in on_record.values() if grant.workspace == workspace}
        self.was_granted = bool(kept)
        self.known = [robot for robot in by_age if robot.id in kept]
        self.unknown = [robot for robot in by_age if robot.id not in kept]
        self.known.sort(key=lambda robot: (on_record[robot.id].made_at, robot.id))

    def changes(
        self,
        installation: str,
        *,
        edits: bool,
        rotate: bool,
        refused: bool,
        left: bool,
        retired: Collection[int],
    ) -> list[GrantChange]:
        if not self.wanted.spaces:
            reason = Reason.SPACES_MISSING if self.wanted.bound else Reason.BINDINGS_CHANGED
            return self._revoke(self.known, reason) + self._revoke(self.unknown, Reason.UNWANTED)
        if not self.known:
            return self._first(installation)
        made = self._revoke(self.unknown, Reason.UNWANTED)
        *older, youngest = self.known
        made += self._retire(older, retired, edits=edits)
        fault = self._fault(youngest)
        if fault is not None and edits:
            made.append(self._edit(youngest, fault))
            fault = None
        if fault is not None or refused or left or (rotate and not older):
            lost = Reason.NAMESPACE_LEFT if left else Reason.ROTATED
            lost = Reason.SECRET_LOST if refused else lost
            made.append(self._another(installation, youngest, fault or lost))
        return made

    def _first(self, installation: str) -> list[GrantChange]:
        """Nobody knows a secret: take over a robot that an interrupted run made, or make one.

        One whose secret others hold, who may not pull what it can, goes instead.
        """
        first = [robot for robot in self.unknown if not self._urgent(robot)][:1]
        others = [robot for robot in self.unknown if robot not in first]
        missing = Reason.ROBOT_MISSING if self.was_granted else Reason.BINDINGS_CHANGED
        make = MakeGrant(
            workspace=self.workspace,
            name=first[0].name if first else robot_name(installation, self.workspace),
            replaces=first[0].id if first else None,
            after=self.wanted.spaces,
            reason=Reason.SECRET_LOST if first else missing,
        )
        return [*self._revoke(others, Reason.UNWANTED), make]

    def _another(self, installation: str, youngest: ObservedRobot, reason: Reason) -> MakeGrant:
        taken = {robot.name for robot in (*self.known, *self.unknown)}
        numbers = range(1, len(taken) + 2)
        names = (robot_name(installation, self.workspace, number) for number in numbers)
        return MakeGrant(
            workspace=self.workspace,
            name=next(name for name in names if name not in taken),
            before=youngest.spaces,
            after=self.wanted.spaces,
            reason=reason,
        )

    def _retire(
        self, older: Iterable[ObservedRobot], retired: Collection[int], *, edits: bool
    ) -> list[GrantChange]:
        """Let older robots go when it is time.

        Until then they are kept as narrow as the youngest, and one that cannot be narrowed goes at
        once: what was unbound is not pulled on, whoever has to wait for the new secret.
        """
        made: list[GrantChange] = []
        for robot in older:
            wider = not robot.exact or not set(robot.spaces) <= set(self.wanted.spaces)
            left = robot.id in self.exposed
            if robot.id in retired or (wider and not edits):
                reason = Reason.NAMESPACE_LEFT if left else Reason.SUPERSEDED
                made += self._revoke([robot], reason)
            elif fault := self._fault(robot):
                made += [self._edit(robot, fault)] if edits else []
        return made

    def _fault(self, robot: ObservedRobot) -> Reason | None:
        """Say why a robot is not as it shall be."""
        if not robot.exact or robot.expires:
            return Reason.ROBOT_EDITED
        if robot.disabled:
            return Reason.ROBOT_DISABLED
        return None if robot.spaces == self.wanted.spaces else Reason.BINDINGS_CHANGED

    def _edit(self, robot: ObservedRobot, reason: Reason) -> EditGrant:
        return EditGrant(
            workspace=self.workspace,
            robot_id=robot.id,
            login=robot.login,
            before=robot.spaces,
            after=self.wanted.spaces,
            reason=reason,
        )

    def _revoke(self, robots: Iterable[ObservedRobot], reason: Reason) -> list[GrantChange]:
        return [
            RevokeGrant(
                workspace=self.workspace,
                robot_id=robot.id,
                login=robot.login,
                before=robot.spaces,
                reason=reason,
                urgent=self._urgent(robot),
            )
            for robot in robots
        ]

    def _urgent(self, robot: ObservedRobot) -> bool:
        """Whether a robot can pull what some who may hold its secret are not entitled to.

        Those are the namespaces of the workspace on record, whatever its description says now, and
        perhaps some that left it. A secret that is not on record was never delivered.
        """
        if robot.id in self.exposed:
            return True
        grant = self.on_record.get(robot.id)
        if grant is None or not grant.workspace:
            return False
        holder = self.by_workspace.get(grant.workspace, Wanted())
        return not (holder.bound and robot.exact and set(robot.spaces) <= set(holder.spaces))
