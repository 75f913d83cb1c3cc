"""Robot accounts made, edited and revoked: one for each workspace, with a mark of ours.

Vendor: https://goharbor.io/docs/2.13.0/administration/robot-accounts/
"""

from models.core.errors import (
    Conflict,
    Forbidden,
    NotFound,
    RegistryError,
    Rejected,
    TransientRegistryError,
    Unreachable,
)
from models.core.reasons import Reason
from models.registries.changes import ChangeResult, CreateRobot, DeleteRobot, UpdateRobot
from models.registries.robots import OwnershipMark, RobotAccount, parse_mark
from tasks import clock
from tasks.http.response import Response
from tasks.registries.harbor.refusals import explain_refusal
from tasks.registries.harbor.robot_wire import (
    CREATED_ROBOT_ADAPTER,
    REFRESHED_SECRET_ADAPTER,
    ROBOT_ADAPTER,
    CreatedRobot,
    Robot,
    RobotPermission,
    pull_permissions,
    robot_body,
)
from tasks.registries.harbor.robots import ROBOTS_PATH, find_robot
from tasks.registries.http import RegistryHttpClient
from tasks.registries.protocol import SaveSecret
from tasks.registries.wire import parse_json, raise_for_status

_NAME_MISMATCH_TEXT = "level or name"


class RobotAccounts:
    """Writes the robot accounts of one installation."""

    def __init__(self, http: RegistryHttpClient, installation: str) -> None:
        self.http, self.installation = http, installation

    async def create_robot(self, change: CreateRobot, save_secret: SaveSecret) -> ChangeResult:
        """Make a robot account for a workspace and keep its secret.

        Raises:
            RegistryError: there is none, or nobody knows its secret; asking again is right.
        """
        mark = self._ownership_mark(change.workspace)
        robot = await self.create_or_refresh(
            change.name, mark, pull_permissions(change.after), change.replaces
        )
        robot_account = RobotAccount(
            registry=self.http.name,
            workspace=change.workspace,
            robot_id=robot.id,
            login=robot.name,
            spaces=change.after,
            secret_created_at=clock.now(),
            created_at=robot.creation_time,
        )
        await save_secret(robot_account, robot.secret)
        return ChangeResult(change=change, succeeded=True, reason=Reason.DONE)

    async def create_or_refresh(
        self,
        name: str,
        mark: OwnershipMark,
        rights: tuple[RobotPermission, ...],
        replaces: int | None = None,
    ) -> CreatedRobot:
        """Make a robot account, or give a new secret to the one of ours that has this name.

        Harbor tells a secret once. After a lost answer, or one that was not kept, the account is
        there and of no use to anybody.

        Args:
            replaces: id of a robot account of that name that is ours although its mark names a
                registry that is not on record any more.

        Raises:
            Conflict: a robot account that is not ours has the name; it is left alone.
            RegistryError: it was not made.
        """
        if replaces is not None:
            robot = await self.find_own(name, mark, replaces)
            return await self._refresh(robot, name, mark, rights)
        try:
            return await self._create(name, mark, rights)
        except (TransientRegistryError, Conflict) as error:
            robot = await self.find_own(name, mark)
            # A connection that idled away is cut before the request has any effect, and a creation
            # that comes late all the same finds the name taken.
            if robot is None and not isinstance(error, Unreachable):
                raise
            return await self._refresh(robot, name, mark, rights)

    async def find_own(
        self, name: str, mark: OwnershipMark, replaces: int | None = None
    ) -> Robot | None:
        """Find our robot account of this name; None if there is none.

        Raises:
            Conflict: one that is not ours has the name.
            RegistryError: it could not be read.
        """
        try:
            robot = await find_robot(self.http, name)
        except Forbidden as error:
            raise explain_refusal(error) from None
        if robot is None or robot.has_mark(mark, any_registry=robot.id == replaces):
            return robot
        raise Conflict(
            self.http.name, "POST", self.http.origin + ROBOTS_PATH, _conflict_message(robot)
        )

    async def _refresh(
        self,
        robot: Robot | None,
        name: str,
        mark: OwnershipMark,
        rights: tuple[RobotPermission, ...],
    ) -> CreatedRobot:
        """Set rights and secret anew; a robot account cannot edit, so it deletes and creates."""
        if robot is None:
            return await self._create(name, mark, rights)
        try:
            await self._replace(robot.id, robot.name, mark, rights)
            response = await self._send("PATCH", f"{ROBOTS_PATH}/{robot.id}", {})
        except Forbidden:
            await self.delete_by_id(robot.id)
            return await self._create(name, mark, rights)
        # Each PATCH makes another secret, and the last answer counts: it may be repeated.
        secret = parse_json(self.http.name, response, REFRESHED_SECRET_ADAPTER).secret
        created_at = robot.creation_time
        return CreatedRobot(id=robot.id, name=robot.name, secret=secret, creation_time=created_at)

    async def _create(
        self, name: str, mark: OwnershipMark, rights: tuple[RobotPermission, ...]
    ) -> CreatedRobot:
        body = robot_body(name, mark, rights)
        response = await self._send("POST", ROBOTS_PATH, body, status=201)
        return parse_json(self.http.name, response, CREATED_ROBOT_ADAPTER)

    async def update_robot(self, change: UpdateRobot) -> ChangeResult:
        """Let a robot account pull exactly these spaces; its secret stays.

        Raises:
            NotFound: the robot account is gone, or (`SpacesMissing`) a space is.
            RegistryError: it was not edited.
        """
        id_, mark, rights = (
            change.robot_id,
            self._ownership_mark(change.workspace),
            pull_permissions(change.after),
        )
        try:
            await self._replace(id_, change.login, mark, rights)
        except Rejected as error:
            if _NAME_MISMATCH_TEXT not in error.message:
                raise
            # Harbor's `robot_name_prefix` was changed since the look, which renames all at once.
            response = await self._send("GET", f"{ROBOTS_PATH}/{id_}")
            robot = parse_json(self.http.name, response, ROBOT_ADAPTER)
            await self._replace(id_, robot.name, mark, rights)
        return ChangeResult(change=change, succeeded=True, reason=Reason.DONE)

    async def delete_robot(self, change: DeleteRobot) -> ChangeResult:
        """Delete a robot account; one that is gone already is a success.

        Raises:
            RegistryError: it was not deleted.
        """
        if await self.delete_by_id(change.robot_id):
            return ChangeResult(change=change, succeeded=True, reason=Reason.DONE)
        message = "the robot account was gone already"
        return ChangeResult(change=change, succeeded=True, reason=Reason.UNCHANGED, message=message)

    async def delete_by_id(self, robot_id: int) -> bool:
        """Delete a robot account; False if there was none.

        The id is proof enough that it is the one that was seen with our mark: it comes from a
        sequence of PostgreSQL, which even a refused creation uses up, so none comes twice.

        Raises:
            RegistryError: it was not deleted.
        """
        try:
            await self._send("DELETE", f"{ROBOTS_PATH}/{robot_id}")
        except NotFound:
            return False
        return True

    async def _replace(
        self, robot_id: int, login: str, mark: OwnershipMark, rights: tuple[RobotPermission, ...]
    ) -> None:
        """PUT replaces everything but the secret, and wants the name with Harbor's prefix."""
        await self._send("PUT", f"{ROBOTS_PATH}/{robot_id}", robot_body(login, mark, rights))

    async def _send(
        self, method: str, path: str, body: dict[str, object] | None = None, status: int = 200
    ) -> Response:
        """Send one request; only a second POST would do harm."""
        response = await self.http.send(method, path, json=body, repeatable=method != "POST")
        try:
            return raise_for_status(self.http.name, response, status)
        except RegistryError as error:
            raise explain_refusal(error) from None

    def _ownership_mark(self, workspace: str) -> OwnershipMark:
        return OwnershipMark(
            installation=self.installation, registry=self.http.name, workspace=workspace
        )


def _conflict_message(robot: Robot) -> str:
    mark = parse_mark(robot.description)
    if mark is not None and mark.registry:
        return (
            f"the robot account {robot.name} is in the way: it was made for the registry "
            f"{mark.registry} of registry-integration {mark.installation}. If both are of this "
            "service, the same Harbor is integrated twice: remove one of them with remove-registry"
        )
    return (
        f"the robot account {robot.name} is in the way: it has the name that we give, and not "
        f"our mark. If nobody needs it, delete it in Harbor; the next run makes ours"
    )
