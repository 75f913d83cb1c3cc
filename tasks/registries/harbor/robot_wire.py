"""API models of Harbor robot accounts, without I/O.

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
    """One right of a robot account."""

    resource: str
    action: str
    effect: str = "allow"


PULL_RIGHT = Right(resource="repository", action="pull")


class RobotPermission(RegistryModel):
    """Rights of a robot account on one project, on all projects (`*`) or on the system (`/`)."""

    kind: str
    namespace: str
    access: tuple[Right, ...] = ()

    @property
    def is_pull_only(self) -> bool:
        """Whether this is only the right to pull from one project."""
        one_project = self.kind == "project" and self.namespace != ALL_PROJECTS
        return one_project and set(self.access) == {PULL_RIGHT}


class Robot(RegistryModel):
    """One item of GET /robots; the order of its permissions is random."""

    id: int = Field(ge=1)
    name: str
    level: str = "system"
    description: str = ""
    disable: bool = False
    expires_at: int = -1
    creation_time: UtcTime | None = None
    update_time: UtcTime | None = None
    permissions: tuple[RobotPermission, ...] | None = None

    def has_right(self, kind: str, namespace: str, resource: str, action: str) -> bool:
        """Return whether the robot account has a right on a namespace (project, `*` or `/`)."""
        return any(
            permission.kind == kind
            and permission.namespace == namespace
            and any(right == Right(resource=resource, action=action) for right in permission.access)
            for permission in self.permissions or []
        )

    def has_mark(self, mark: OwnershipMark, *, any_registry: bool = False) -> bool:
        """Return whether the robot account has this ownership mark.

        Args:
            mark: the ownership mark.
            any_registry: accept the mark of any registry of the installation.
        """
        own_mark = parse_mark(self.description)
        if own_mark is not None and any_registry:
            own_mark = own_mark.model_copy(update={"registry": ""})
        return own_mark is not None and mark.covers(own_mark)

    def to_observed(self, installation: str) -> ObservedRobot | None:
        """Convert to an `ObservedRobot`; None without the installation's ownership mark."""
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
            updated_at=self.update_time,
        )


class CreatedRobot(RegistryModel):
    """Response of POST /robots: the only response that contains the secret."""

    id: int = Field(ge=1)
    name: str
    secret: SecretStr = Field(min_length=1)
    creation_time: UtcTime | None = None


class RefreshedSecret(RegistryModel):
    """Response of PATCH /robots/{id} with an empty body."""

    secret: SecretStr = Field(min_length=1)


def robot_body(
    name: str, mark: OwnershipMark, permissions: Iterable[RobotPermission]
) -> dict[str, object]:
    """Return the body for POST and PUT: the complete robot account, enabled, without expiry.

    Args:
        name: name; PUT requires it with Harbor's prefix, POST without.
        mark: ownership mark.
        permissions: permissions of the robot account.
    """
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
    """Return the permissions to pull from these projects, and nothing else."""
    return tuple(
        RobotPermission(kind="project", namespace=space, access=(PULL_RIGHT,))
        for space in sorted(set(spaces))
    )


ROBOT_ADAPTER = TypeAdapter(Robot)
ROBOTS_ADAPTER = list_adapter(Robot)
CREATED_ROBOT_ADAPTER = TypeAdapter(CreatedRobot)
REFRESHED_SECRET_ADAPTER = TypeAdapter(RefreshedSecret)
