"""What Harbor's answers about robot accounts look like, and what it is sent, without I/O.

Vendor: https://goharbor.io/docs/2.13.0/administration/robot-accounts/
"""

from collections.abc import Iterable

from pydantic import Field, SecretStr, TypeAdapter

from models.registries.robots import ObservedRobot, OwnershipMark, parse_mark
from tasks.http.api_model import list_adapter
from tasks.registries.harbor.wire import UtcTime
from tasks.registries.wire import RegistryModel

ALL_PROJECTS = "*"


class Right(RegistryModel):
    """One right of a robot."""

    resource: str
    action: str
    effect: str = "allow"


PULL_RIGHT = Right(resource="repository", action="pull")


class RobotPermission(RegistryModel):
    """A robot's rights on one project, on all (`*`), or on the system (`/`)."""

    kind: str
    namespace: str
    access: tuple[Right, ...] = ()

    @property
    def is_pull_only(self) -> bool:
        """Whether it is the right to pull one project, and nothing else."""
        one_project = self.kind == "project" and self.namespace != ALL_PROJECTS
        return one_project and set(self.access) == {PULL_RIGHT}


class Robot(RegistryModel):
    """One row of GET /robots; the order of its permissions is random."""

    id: int = Field(ge=1)
    name: str
    level: str = "system"
    description: str = ""
    disable: bool = False
    expires_at: int = -1
    creation_time: UtcTime | None = None
    permissions: tuple[RobotPermission, ...] | None = None

    def has_right(self, kind: str, namespace: str, resource: str, action: str) -> bool:
        """Whether the robot holds one right."""
        return any(
            permission.kind == kind
            and permission.namespace == namespace
            and any(right == Right(resource=resource, action=action) for right in permission.access)
            for permission in self.permissions or []
        )

    def has_mark(self, mark: OwnershipMark, *, any_registry: bool = False) -> bool:
        """Whether it carries this mark.

        Args:
            any_registry: also one that was made for another registry of the installation.
        """
        own_mark = parse_mark(self.description)
        if own_mark is not None and any_registry:
            own_mark = own_mark.model_copy(update={"registry": ""})
        return own_mark is not None and mark.covers(own_mark)

    def to_observed(self, installation: str) -> ObservedRobot | None:
        """Turn it into what we call a robot; None if it does not carry our mark."""
        mark = parse_mark(self.description)
        if mark is None or mark.installation != installation or self.level != "system":
            return None
        permissions = self.permissions or ()
        spaces = {
            permission.namespace for permission in permissions if permission.kind == "project"
        }
        return ObservedRobot(
            id=self.id,
            login=self.name,
            mark=mark,
            spaces=tuple(sorted(spaces)),
            pull_only=all(permission.is_pull_only for permission in permissions),
            disabled=self.disable,
            has_expiry=self.expires_at != -1,
            created_at=self.creation_time,
        )


class CreatedRobot(RegistryModel):
    """The answer of POST /robots: the secret is shown here once and never again."""

    id: int = Field(ge=1)
    name: str
    secret: SecretStr = Field(min_length=1)
    creation_time: UtcTime | None = None


class RefreshedSecret(RegistryModel):
    """The answer of PATCH /robots/{id} with an empty body."""

    secret: SecretStr = Field(min_length=1)


def robot_body(
    name: str, mark: OwnershipMark, permissions: Iterable[RobotPermission]
) -> dict[str, object]:
    """Build the whole robot account, as POST and PUT both want it: enabled, and without an end."""
    permission_bodies = [
        permission.model_dump(exclude={"access": {"__all__": {"effect"}}})
        for permission in permissions
    ]
    return {
        "name": name,
        "description": mark.text,
        "level": "system",
        "duration": -1,
        "disable": False,
        "permissions": permission_bodies,
    }


def pull_permissions(spaces: Iterable[str]) -> tuple[RobotPermission, ...]:
    """Return the right to pull each of these projects, and nothing else."""
    return tuple(
        RobotPermission(kind="project", namespace=space, access=(PULL_RIGHT,))
        for space in sorted(set(spaces))
    )


ROBOT_ADAPTER = TypeAdapter(Robot)
ROBOTS_ADAPTER = list_adapter(Robot)
CREATED_ROBOT_ADAPTER = TypeAdapter(CreatedRobot)
REFRESHED_SECRET_ADAPTER = TypeAdapter(RefreshedSecret)
