"""What is on record about access when a registry is reconciled."""

from collections.abc import Collection, Mapping

from models.access.rotation import superseding, youngest
from models.core.availability import Seen, Unseen
from models.core.base import Value
from models.discovery.identity import Likeness, compare, contradictions, is_other_harbor, own_robots
from models.registries.observation import NOT_ASKED, Snapshot
from models.registries.robot_plan import GrantPlan, plan_grants, wanted_by
from models.registries.robots import Grant, ObservedRobot

OTHER_HARBOR = (
    "another Harbor answers at this address: robot accounts there have the ids of those on record, "
    "and were created at other times"
)


class AccessRecord(Value):
    """Bindings and grants of one registry.

    Attributes:
        bound: spaces by workspace.
        registry: its name.
        installation: who we are.
        others: names of the other registries on record.
        is_managed: whether discovery follows it, and asks its robot accounts which Harbor it is.
        has_bindings: whether any binding is on record, held ones too.
        served: workspaces whose youngest robot account has reached every namespace.
        refused: workspaces whose youngest robot account's secret is not accepted any more.
        rotate: workspaces that shall get a new secret now.
        leaving: workspaces that shall, because a namespace left them.
        retired: superseded robot accounts that go once their workspace is served.
        exposed: superseded robot accounts whose secret somebody who left may hold.
        overdue: those of them that go now, served or not.
    """

    registry: str
    installation: str
    others: frozenset[str] = frozenset()
    is_managed: bool = False
    has_bindings: bool = False
    bound: Mapping[str, tuple[str, ...]] = {}
    grants: tuple[Grant, ...] = ()
    served: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    rotate: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()
    retired: frozenset[int] = frozenset()
    exposed: frozenset[int] = frozenset()
    overdue: frozenset[int] = frozenset()

    @property
    def concerned(self) -> bool:
        """Whether anybody was ever promised anything here."""
        return bool(self.bound) or any(grant.workspace for grant in self.grants)

    @property
    def observer(self) -> Grant | None:
        """The robot account that this service observes with."""
        return youngest(grant for grant in self.grants if not grant.workspace).get(
            (self.registry, "")
        )

    @property
    def waiting(self) -> tuple[Grant, ...]:
        """Robot accounts in use that an older one waits to be retired for."""
        return superseding(self.grants)

    def asked(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot of this registry's robots; those that concern nobody are not missed."""
        if isinstance(snapshot.robots, Seen):
            own = own_robots(snapshot.robots.items, self.grants, self.others)
            robots = Seen[ObservedRobot](items=own)
            return snapshot.model_copy(update={"robots": robots})
        if self.concerned:
            return snapshot
        return snapshot.model_copy(update={"robots": NOT_ASKED})

    def without(self, spaces: Collection[str]) -> "AccessRecord":
        """Return the record without the bindings of some spaces, which are held from now on."""
        if not spaces:
            return self
        bound = {
            workspace: tuple(name for name in names if name not in spaces)
            for workspace, names in self.bound.items()
        }
        return self.model_copy(update={"bound": bound})

    def to_hold(self, snapshot: Snapshot) -> Mapping[str, str]:
        """Return the spaces whose bindings are held because this is another Harbor, and why."""
        if not isinstance(snapshot.robots, Seen):
            return {}
        if not is_other_harbor(self.grants, snapshot.robots.items):
            return {}
        bound = {space for spaces in self.bound.values() for space in spaces}
        return dict.fromkeys(sorted(bound), OTHER_HARBOR)

    def orphaned_observer(self, snapshot: Snapshot) -> int | None:
        """Return the id of an observer that was made for a registry that is not on record."""
        found = snapshot.robots.items if isinstance(snapshot.robots, Seen) else ()
        orphans = (
            robot.id
            for robot in found
            if not robot.mark.workspace and robot.mark.registry not in ("", self.registry)
        )
        return next(orphans, None)

    def plan(self, snapshot: Snapshot) -> GrantPlan:
        """Decide about the registry's robot accounts.

        Harbor shows no right on a project that is gone, so a space that a robot account is shown to
        pull is there, also when a list without it claims to be complete.
        """
        if not isinstance(snapshot.spaces, Seen):
            return GrantPlan()
        there = {space.name for space in snapshot.spaces.items}
        if isinstance(snapshot.robots, Seen):
            there.update(space for robot in snapshot.robots.items for space in robot.spaces)
        found = plan_grants(
            wanted_by(self.bound, there),
            snapshot.robots,
            self._valid_grants(snapshot.robots),
            installation=self.installation,
            edits=snapshot.edits_robots,
            rotate=self.rotate,
            served=self.served,
            refused=self.refused,
            leaving=self.leaving,
            retired=self.retired,
            exposed=self.exposed,
            overdue=self.overdue,
        )
        if self.keeps_evidence(snapshot):
            return found.model_copy(update={"gone": ()})
        return found

    def keeps_evidence(self, snapshot: Snapshot) -> bool:
        """Whether records of robots that are gone stay: they tell that this is another Harbor.

        Once one of ours is there, because they were only deleted by hand, they are dropped.
        """
        robots = snapshot.robots
        if isinstance(robots, Unseen) or not (self.is_managed and self.has_bindings):
            return False
        return compare(self.grants, robots.items).likeness is Likeness.OTHER

    def _valid_grants(self, robots: Seen[ObservedRobot] | Unseen) -> tuple[Grant, ...]:
        """Return the records whose secret is that of the robot account with their id."""
        if isinstance(robots, Unseen):
            return self.grants
        others = contradictions(self.grants, robots.items)
        return tuple(grant for grant in self.grants if grant.robot_id not in others)
