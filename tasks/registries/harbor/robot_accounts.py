"""Create, update and delete robot accounts: one per workspace, with an ownership mark.

Vendor: https://goharbor.io/docs/2.13.0/administration/robot-accounts/
"""

from models.core.errors import (
    Conflict,
    Forbidden,
    NotFound,
    Rejected,
    RemoteError,
    Unreachable,
)
from models.core.reasons import Reason
from models.registries.changes import ChangeResult, CreateRobot, DeleteRobot, UpdateRobot
from models.registries.robots import OwnershipMark, RobotAccount, parse_mark
from tasks import clock
from tasks.http.client import HttpClient
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
from tasks.registries.protocol import SaveSecret
from tasks.registries.wire import parse_json, raise_for_status

_NAME_MISMATCH_TEXT = "level or name"


class RobotAccountWriter:
    """Writes the robot accounts of one installation.

    Args:
        http: HTTP client of the registry.
        installation: installation id, for the ownership mark.
    """

    def __init__(self, http: HttpClient, installation: str) -> None:
        self.http, self.installation = http, installation

    async def create_robot(self, change: CreateRobot, save_secret: SaveSecret) -> ChangeResult:
        """Create a robot account for a workspace and save its secret.

        Raises:
            RemoteError: the robot account was not created, or its secret was not received; the
                change can be applied again.
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
        permissions: tuple[RobotPermission, ...],
        replaces: int | None = None,
    ) -> CreatedRobot:
        """Create a robot account, or refresh the secret of the existing one of this installation.

        Args:
            name: name without Harbor's prefix.
            mark: ownership mark.
            permissions: permissions of the robot account.
            replaces: id of this installation's robot account of that name whose mark names a
                registry that is no longer on record.

        Raises:
            Conflict: a robot account with another mark, or without one, has the name; it is not
                changed.
            RemoteError: the robot account was not created.
        """
        # Harbor returns a secret only once: after a lost response, or if the secret was not saved,
        # the robot account exists but is unusable until its secret is refreshed.
        if replaces is not None:
            robot = await self.find_own_robot(name, mark, replaces)
            return await self._refresh(robot, name, mark, permissions)
        try:
            return await self._create(name, mark, permissions)
        except RemoteError as error:
            if not (error.transient or isinstance(error, Conflict)):
                raise
            robot = await self.find_own_robot(name, mark)
            # An idle connection is closed before the request has any effect, so creating again is
            # safe; if the first request does arrive late, one of the two finds the name taken.
            if robot is None and not isinstance(error, Unreachable):
                raise
            return await self._refresh(robot, name, mark, permissions)

    async def find_own_robot(
        self, name: str, mark: OwnershipMark, replaces: int | None = None
    ) -> Robot | None:
        """Find this installation's robot account by name; None if there is none.

        Args:
            name: name without Harbor's prefix.
            mark: ownership mark that the robot account must have.
            replaces: id of a robot account whose mark may name another registry.

        Raises:
            Conflict: a robot account with another mark, or without one, has the name.
            RemoteError: the robot account could not be read.
        """
        try:
            robot = await find_robot(self.http, name)
        except Forbidden as error:
            raise explain_refusal(error) from None
        if robot is None or robot.has_mark(mark, any_registry=robot.id == replaces):
            return robot
        url = self.http.origin + ROBOTS_PATH
        raise Conflict(self.http.target, "POST", url, _conflict_message(robot, self.installation))

    async def _refresh(
        self,
        robot: Robot | None,
        name: str,
        mark: OwnershipMark,
        permissions: tuple[RobotPermission, ...],
    ) -> CreatedRobot:
        # A robot account cannot edit another one (403): then delete it and create it again.
        if robot is None:
            return await self._create(name, mark, permissions)
        try:
            await self._put_robot(robot.id, robot.name, mark, permissions)
            response = await self._send("PATCH", f"{ROBOTS_PATH}/{robot.id}", {})
        except Forbidden:
            await self.delete_by_id(robot.id)
            return await self._create(name, mark, permissions)
        # A PATCH may be repeated: each creates a new secret, and the last response is used.
        secret = parse_json(response, REFRESHED_SECRET_ADAPTER).secret
        created_at = robot.creation_time
        return CreatedRobot(id=robot.id, name=robot.name, secret=secret, creation_time=created_at)

    async def _create(
        self, name: str, mark: OwnershipMark, permissions: tuple[RobotPermission, ...]
    ) -> CreatedRobot:
        body = robot_body(name, mark, permissions)
        response = await self._send("POST", ROBOTS_PATH, body, status=201)
        return parse_json(response, CREATED_ROBOT_ADAPTER)

    async def update_robot(self, change: UpdateRobot) -> ChangeResult:
        """Replace the spaces that a robot account may pull from; its secret is kept.

        Raises:
            NotFound: the robot account, or (reason `SpacesMissing`) a space, does not exist.
            RemoteError: the robot account was not updated.
        """
        id_, mark, permissions = (
            change.robot_id,
            self._ownership_mark(change.workspace),
            pull_permissions(change.after),
        )
        try:
            await self._put_robot(id_, change.login, mark, permissions)
        except Rejected as error:
            if _NAME_MISMATCH_TEXT not in error.message:
                raise
            # Harbor's `robot_name_prefix` changed after the observation, which renames all robots.
            response = await self._send("GET", f"{ROBOTS_PATH}/{id_}")
            robot = parse_json(response, ROBOT_ADAPTER)
            await self._put_robot(id_, robot.name, mark, permissions)
        return ChangeResult(change=change, succeeded=True, reason=Reason.DONE)

    async def delete_robot(self, change: DeleteRobot) -> ChangeResult:
        """Delete a robot account; one that does not exist is a success.

        Raises:
            RemoteError: the robot account was not deleted.
        """
        if await self.delete_by_id(change.robot_id):
            return ChangeResult(change=change, succeeded=True, reason=Reason.DONE)
        message = "the robot account was already deleted"
        return ChangeResult(change=change, succeeded=True, reason=Reason.UNCHANGED, message=message)

    async def delete_by_id(self, robot_id: int) -> bool:
        """Delete a robot account; return False if it does not exist.

        Raises:
            RemoteError: the robot account was not deleted.
        """
        # The mark need not be checked again. Ids come from a PostgreSQL sequence, which even a
        # refused creation advances, so an observed id is never reused.
        try:
            await self._send("DELETE", f"{ROBOTS_PATH}/{robot_id}")
        except NotFound:
            return False
        return True

    async def _put_robot(
        self,
        robot_id: int,
        login: str,
        mark: OwnershipMark,
        permissions: tuple[RobotPermission, ...],
    ) -> None:
        # PUT replaces everything except the secret, and requires the name with Harbor's prefix.
        await self._send("PUT", f"{ROBOTS_PATH}/{robot_id}", robot_body(login, mark, permissions))

    async def _send(
        self, method: str, path: str, body: dict[str, object] | None = None, status: int = 200
    ) -> Response:
        # Only a POST must not be sent twice.
        response = await self.http.send(method, path, json=body, repeatable=method != "POST")
        try:
            return raise_for_status(response, status)
        except RemoteError as error:
            raise explain_refusal(error) from None

    def _ownership_mark(self, workspace: str) -> OwnershipMark:
        return OwnershipMark(
            installation=self.installation, registry=self.http.name, workspace=workspace
        )


def _conflict_message(robot: Robot, installation: str) -> str:
    mark = parse_mark(robot.description)
    if mark is not None and mark.installation != installation:
        return (
            f"the robot account {robot.name} belongs to installation {mark.installation} of this "
            "service and is not changed: bind the workspace in only one of the installations"
        )
    if mark is not None and mark.registry:
        return (
            f"the robot account {robot.name} already exists: this installation created it for the "
            f"registry {mark.registry}. The same Harbor is integrated twice: remove one of the "
            "registries with remove-registry"
        )
    return (
        f"the robot account {robot.name} already exists and does not have the mark of this "
        "installation. If it is not needed, delete it in Harbor; the next run creates a new one"
    )
