"""What Harbor's answers about robot accounts look like, and what it is sent, without I/O.

Vendor: https://goharbor.io/docs/2.13.0/administration/robot-accounts/
"""

from collections.abc import Iterable

from pydantic import Field, SecretStr, TypeAdapter

from models.registries.robots import Mark, ObservedRobot, mark_in
from tasks.http.api_model import list_of
from tasks.registries.harbor.wire import UtcTime
from tasks.registries.wire import Wire

ALL_PROJECTS = "*"


class Access(Wire):
    """One right of a robot."""

    resource: str
    action: str
    effect: str = "allow"


PULL = Access(resource="repository", action="pull")


class Permission(Wire):
    """A robot's rights on one project, on all (`*`), or on the system (`/`)."""

    kind: str
    namespace: str
    access: tuple[Access, ...] = ()

    @property
    def only_pulls(self) -> bool:
        """Whether it is the right to pull one project, and nothing else."""
        one_project = self.kind == "project" and self.namespace != ALL_PROJECTS
        return one_project and set(self.access) == {PULL}


class Robot(Wire):
    """One row of GET /robots; the order of its permissions is random."""

    id: int = Field(ge=1)
    name: str
    level: str = "system"
    description: str = ""
    disable: bool = False
    expires_at: int = -1
    creation_time: UtcTime | None = None
    permissions: tuple[Permission, ...] | None = None

    def may(self, kind: str, namespace: str, resource: str, action: str) -> bool:
        """Whether the robot holds one right."""
        return any(
            permission.kind == kind
            and permission.namespace == namespace
            and any(one == Access(resource=resource, action=action) for one in permission.access)
            for permission in self.permissions or []
        )

    def is_marked(self, mark: Mark, *, any_registry: bool = False) -> bool:
        """Whether it carries this mark.

        Args:
            any_registry: also one that was made for another registry of the installation.
        """
        found = mark_in(self.description)
        if found is not None and any_registry:
            found = found.model_copy(update={"registry": ""})
        return found is not None and mark.covers(found)

    def observed(self, installation: str) -> ObservedRobot | None:
        """Turn it into what we call a robot; None if it does not carry our mark."""
        mark = mark_in(self.description)
        if mark is None or mark.installation != installation or self.level != "system":
            return None
        held = self.permissions or ()
        return ObservedRobot(
            id=self.id,
            login=self.name,
            mark=mark,
            spaces=tuple(sorted({one.namespace for one in held if one.kind == "project"})),
            exact=all(one.only_pulls for one in held),
            disabled=self.disable,
            expires=self.expires_at != -1,
            created_at=self.creation_time,
        )


class Made(Wire):
    """The answer of POST /robots: the secret is shown here once and never again."""

    id: int = Field(ge=1)
    name: str
    secret: SecretStr = Field(min_length=1)
    creation_time: UtcTime | None = None


class Rekeyed(Wire):
    """The answer of PATCH /robots/{id} with an empty body."""

    secret: SecretStr = Field(min_length=1)


def robot_body(name: str, mark: Mark, permissions: Iterable[Permission]) -> dict[str, object]:
    """Build the whole robot account, as POST and PUT both want it: enabled, and without an end."""
    shown = [one.model_dump(exclude={"access": {"__all__": {"effect"}}}) for one in permissions]
    return {
        "name": name,
        "description": mark.text,
        "level": "system",
        "duration": -1,
        "disable": False,
        "permissions": shown,
    }


def pulling(spaces: Iterable[str]) -> tuple[Permission, ...]:
    """Return the right to pull each of these projects, and nothing else."""
    return tuple(
        Permission(kind="project", namespace=space, access=(PULL,)) for space in sorted(set(spaces))
    )


ROBOT = TypeAdapter(Robot)
ROBOTS = list_of(Robot)
MADE = TypeAdapter(Made)
REKEYED = TypeAdapter(Rekeyed)
