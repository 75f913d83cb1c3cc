"""Robot accounts made, edited and revoked: one for each workspace, with a mark of ours.

Vendor: https://goharbor.io/docs/2.13.0/administration/robot-accounts/
"""

from models.core.errors import (
    Conflict,
    Forbidden,
    NotFound,
    RegistryError,
    Rejected,
    Transient,
    Unreachable,
)
from models.core.reasons import Reason
from models.registries.changes import EditGrant, MakeGrant, Outcome, RevokeGrant
from models.registries.robots import Grant, Mark, mark_in
from tasks import clock
from tasks.http.response import Answer
from tasks.registries.harbor.refusals import explained
from tasks.registries.harbor.robot_wire import (
    MADE,
    REKEYED,
    ROBOT,
    Made,
    Permission,
    Robot,
    pulling,
    robot_body,
)
from tasks.registries.harbor.robots import ROBOTS_PATH, find_robot
from tasks.registries.http import HttpClient
from tasks.registries.protocol import Keep
from tasks.registries.wire import expect, parse

_RENAMED = "level or name"


class Grants:
    """Writes the robot accounts of one installation."""

    def __init__(self, http: HttpClient, installation: str) -> None:
        self.http, self.installation = http, installation

    async def make(self, change: MakeGrant, keep: Keep) -> Outcome:
        """Make a robot account for a workspace and keep its secret.

        Raises:
            RegistryError: there is none, or nobody knows its secret; asking again is right.
        """
        mark = self._mark(change.workspace)
        made = await self.account(change.name, mark, pulling(change.after), change.replaces)
        grant = Grant(
            registry=self.http.name,
            workspace=change.workspace,
            robot_id=made.id,
            login=made.name,
            spaces=change.after,
            made_at=clock.now(),
            created_at=made.creation_time,
        )
        await keep(grant, made.secret)
        return Outcome(change=change, done=True, reason=Reason.DONE)

    async def account(
        self, name: str, mark: Mark, rights: tuple[Permission, ...], replaces: int | None = None
    ) -> Made:
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
            known = await self.ours(name, mark, replaces)
            return await self._renewed(known, name, mark, rights)
        try:
            return await self._create(name, mark, rights)
        except (Transient, Conflict) as error:
            known = await self.ours(name, mark)
            # A connection that idled away is cut before the request has any effect, and a creation
            # that comes late all the same finds the name taken.
            if known is None and not isinstance(error, Unreachable):
                raise
            return await self._renewed(known, name, mark, rights)

    async def ours(self, name: str, mark: Mark, replaces: int | None = None) -> Robot | None:
        """Find our robot account of this name; None if there is none.

        Raises:
            Conflict: one that is not ours has the name.
            RegistryError: it could not be read.
        """
        try:
            found = await find_robot(self.http, name)
        except Forbidden as error:
            raise explained(error) from None
        if found is None or found.is_marked(mark, any_registry=found.id == replaces):
            return found
        raise Conflict(self.http.name, "POST", self.http.origin + ROBOTS_PATH, _in_the_way(found))

    async def _renewed(
        self, known: Robot | None, name: str, mark: Mark, rights: tuple[Permission, ...]
    ) -> Made:
        """Set rights and secret anew; a robot account cannot edit, so it deletes and creates."""
        if known is None:
            return await self._create(name, mark, rights)
        try:
            await self._replace(known.id, known.name, mark, rights)
            answer = await self._send("PATCH", f"{ROBOTS_PATH}/{known.id}", {})
        except Forbidden:
            await self.delete(known.id)
            return await self._create(name, mark, rights)
        # Each PATCH makes another secret, and the last answer counts: it may be repeated.
        secret = parse(self.http.name, answer, REKEYED).secret
        created = known.creation_time
        return Made(id=known.id, name=known.name, secret=secret, creation_time=created)

    async def _create(self, name: str, mark: Mark, rights: tuple[Permission, ...]) -> Made:
        body = robot_body(name, mark, rights)
        answer = await self._send("POST", ROBOTS_PATH, body, status=201)
        return parse(self.http.name, answer, MADE)

    async def edit(self, change: EditGrant) -> Outcome:
        """Let a robot account pull exactly these spaces; its secret stays.

        Raises:
            NotFound: the robot account is gone, or (`SpacesMissing`) a space is.
            RegistryError: it was not edited.
        """
        id_, mark, rights = change.robot_id, self._mark(change.workspace), pulling(change.after)
        try:
            await self._replace(id_, change.login, mark, rights)
        except Rejected as error:
            if _RENAMED not in error.said:
                raise
            # Harbor's `robot_name_prefix` was changed since the look, which renames all at once.
            answer = await self._send("GET", f"{ROBOTS_PATH}/{id_}")
            present = parse(self.http.name, answer, ROBOT)
            await self._replace(id_, present.name, mark, rights)
        return Outcome(change=change, done=True, reason=Reason.DONE)

    async def revoke(self, change: RevokeGrant) -> Outcome:
        """Delete a robot account; one that is gone already is a success.

        Raises:
            RegistryError: it was not deleted.
        """
        if await self.delete(change.robot_id):
            return Outcome(change=change, done=True, reason=Reason.DONE)
        said = "the robot account was gone already"
        return Outcome(change=change, done=True, reason=Reason.ALREADY_SO, message=said)

    async def delete(self, robot_id: int) -> bool:
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
        self, robot_id: int, login: str, mark: Mark, rights: tuple[Permission, ...]
    ) -> None:
        """PUT replaces everything but the secret, and wants the name with Harbor's prefix."""
        await self._send("PUT", f"{ROBOTS_PATH}/{robot_id}", robot_body(login, mark, rights))

    async def _send(
        self, method: str, path: str, body: dict[str, object] | None = None, status: int = 200
    ) -> Answer:
        """Send one request; only a second POST would do harm."""
        answer = await self.http.send(method, path, json=body, repeatable=method != "POST")
        try:
            return expect(self.http.name, answer, status)
        except RegistryError as error:
            raise explained(error) from None

    def _mark(self, workspace: str) -> Mark:
        return Mark(installation=self.installation, registry=self.http.name, workspace=workspace)


def _in_the_way(found: Robot) -> str:
    mark = mark_in(found.description)
    if mark is not None and mark.registry:
        return (
            f"the robot account {found.name} is in the way: it was made for the registry "
            f"{mark.registry} of registry-integration {mark.installation}. If both are of this "
            "service, the same Harbor is integrated twice: remove one of them with remove-registry"
        )
    return (
        f"the robot account {found.name} is in the way: it has the name that we give, and not "
        f"our mark. If nobody needs it, delete it in Harbor; the next run makes ours"
    )
