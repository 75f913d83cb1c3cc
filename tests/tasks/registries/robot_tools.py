"""What the tests of robot accounts share: a Harbor with spaces, one change made, one pull tried."""

from dataclasses import dataclass, field

import httpx
from pydantic import SecretStr

from deployments.simulators.asgi import Receive, Scope, Send
from deployments.simulators.faults import Fault, Faults
from deployments.simulators.harbor import Harbor, Permission
from deployments.simulators.harbor.state import Robot
from models.core.availability import Seen
from models.registries.changes import Change, Outcome
from models.registries.observation import Snapshot
from models.registries.robots import Mark, ObservedRobot
from tasks.registries.harbor.checks import GRANT_NEEDS, ROBOT_NEEDS
from tasks.registries.protocol import Credential
from tests.tasks.registries.tools import ADMIN, INSTALLATION, Safe, opened

ROBOTS = "/api/v2.0/robots"
LIST = r".*/robots\?.*"
NAME = f"ri-{INSTALLATION}-team-a"
MARK = Mark(installation=INSTALLATION, registry="prod", workspace="team-a")
ALL = (*ROBOT_NEEDS, *GRANT_NEEDS, ("system", "/", "robot", "list"))
"""What a robot account must hold to do everything."""


@dataclass
class Scene:
    """A simulated Harbor behind faults, and where the secrets are kept."""

    url: str
    harbor: Harbor
    faults: Faults
    safe: Safe = field(default_factory=Safe)

    async def make(self, change: Change, credential: Credential = ADMIN) -> Outcome:
        async with opened(self.url, credential=credential) as client:
            return await client.make(change, INSTALLATION, self.safe.keep)

    async def look(self, credential: Credential = ADMIN) -> Snapshot:
        async with opened(self.url, credential=credential) as client:
            return await client.look(INSTALLATION)

    async def robots(self, credential: Credential = ADMIN) -> tuple[ObservedRobot, ...]:
        """Our robot accounts, as a whole look shows them."""
        found = (await self.look(credential)).robots
        assert isinstance(found, Seen), found
        return found.items

    def robot(self, name: str = NAME) -> Robot:
        """A robot account as Harbor itself knows it."""
        found = self.harbor.robots.stored(name)
        assert found is not None
        return found

    def rights(self, name: str = NAME) -> dict[str, tuple[tuple[str, str], ...]]:
        return {one.namespace: one.access for one in self.robot(name).permissions}

    def add(self, name: str = NAME, *spaces: str, description: str = MARK.text) -> Robot:
        """Add a robot account behind our back."""
        robot = self.harbor.add_robot(name, spaces)
        robot.description = description
        return robot

    def service(self, *left_out: tuple[str, ...]) -> Credential:
        """Give us a robot account instead of a user."""
        robot = self.harbor.add_robot("svc", secret="Robot12345")
        robot.permissions = tuple(
            Permission(kind, namespace, None, ((resource, action),))
            for kind, namespace, resource, action in ALL
            if (kind, namespace, resource, action) not in left_out
        )
        return Credential(self.harbor.robot_login(robot), SecretStr("Robot12345"))

    def writes(self) -> list[str]:
        return [one.method for one in self.harbor.requests.writes()]

    async def pulls(self, space: str, credential: Credential | None = None) -> bool:
        """Pull as a node does: trade the pull secret for a token, and the token for a manifest."""
        whom = credential or self.safe.credential
        auth = (whom.username, whom.password.get_secret_value())
        scope = {"service": "harbor-registry", "scope": f"repository:{space}/app:pull"}
        async with httpx.AsyncClient(base_url=self.url) as http:
            told = (await http.get("/service/token", params=scope, auth=auth)).json()
            bearer = {"Authorization": f"Bearer {told['token']}"}
            answer = await http.get(f"/v2/{space}/app/manifests/v1", headers=bearer)
        assert answer.status_code in (200, 401)
        return answer.status_code == 200


def scene(url: str, simulated: Harbor, faults: Faults) -> Scene:
    """A Harbor with four private spaces, each with an image."""
    for name in ("red", "green", "blue", "other"):
        simulated.add_project(name)
        simulated.add_image(f"{name}/app", "v1")
    return Scene(url, simulated, faults)


class Before:
    """The connection breaks before anything is done."""

    async def act(self, app: object, scope: Scope, receive: Receive, send: Send) -> None:
        raise httpx.RemoteProtocolError("cut on purpose, before anything was done")


def on(method: str, action: object, times: int | None = 1, after: int = 0) -> Fault:
    """A fault of one method on robot accounts."""
    return Fault(action, method, rf"{ROBOTS}.*", times=times, after=after)  # type: ignore[arg-type]
