"""What is on record about access when a registry is reconciled."""

from collections.abc import Collection, Mapping

from models.access import Grant
from models.base import Value
from models.granting import GrantPlan, plan_grants, wanted_by
from models.rotation import youngest
from models.snapshot import NOT_ASKED, Seen, Snapshot


class AccessRecord(Value):
    """Bindings and grants of one registry.

    Attributes:
        bound: spaces by workspace.
        registry: its name.
        installation: who we are.
        served: workspaces whose youngest robot account has reached every namespace.
        refused: workspaces whose youngest robot account's secret is not accepted any more.
        rotate: workspaces that shall get a new secret now.
    """

    registry: str
    installation: str
    bound: Mapping[str, tuple[str, ...]] = {}
    grants: tuple[Grant, ...] = ()
    served: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    rotate: frozenset[str] = frozenset()

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
        in_use = youngest(self.grants).values()
        twice = {grant.workspace for grant in self.grants if grant not in in_use}
        return tuple(grant for grant in in_use if grant.workspace in twice)

    def asked(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot in which robot accounts that concern nobody are not missed."""
        if self.concerned or isinstance(snapshot.robots, Seen):
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
        return plan_grants(
            wanted_by(self.bound, there),
            snapshot.robots,
            self.grants,
            installation=self.installation,
            edits=snapshot.edits_robots,
            rotate=self.rotate,
            served=self.served,
            refused=self.refused,
        )
