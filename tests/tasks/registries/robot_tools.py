"""What the tests of robot accounts share: a Harbor with spaces, one change made, one pull tried."""

from dataclasses import dataclass, field

import httpx
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from deployments.simulators.faults import Fault, FaultInjector
from deployments.simulators.harbor import Permission, Robot, SimulatedHarbor
from models.core.availability import Complete
from models.registries.changes import Change, ChangeResult
from models.registries.observation import Snapshot
from models.registries.robots import ObservedRobot, OwnershipMark
from tasks.registries.harbor.checks import REQUIRED_ROBOT_RIGHTS, ROBOT_MANAGEMENT_RIGHTS
from tasks.registries.protocol import Credential
from tests.tasks.registries.tools import ADMIN, INSTALLATION, RobotStore, open_client

ROBOTS = "/api/v2.0/robots"
LIST = r".*/robots\?.*"
NAME = f"ri-{INSTALLATION}-team-a"
MARK = OwnershipMark(installation=INSTALLATION, registry="prod", workspace="team-a")
ALL = (*REQUIRED_ROBOT_RIGHTS, *ROBOT_MANAGEMENT_RIGHTS, ("system", "/", "robot", "list"))
"""What a robot account must hold to do everything."""


@dataclass
class HarborTestbed:
    """A simulated Harbor behind faults, and where the secrets are kept."""

    url: str
    harbor: SimulatedHarbor
    faults: FaultInjector
    store: RobotStore = field(default_factory=RobotStore)

    async def make(self, change: Change, credential: Credential = ADMIN) -> ChangeResult:
        async with open_client(self.url, credential=credential) as client:
            return await client.apply_change(change, INSTALLATION, self.store.save)

    async def observe(self, credential: Credential = ADMIN) -> Snapshot:
        async with open_client(self.url, credential=credential) as client:
            return await client.observe(INSTALLATION)

    async def robots(self, credential: Credential = ADMIN) -> tuple[ObservedRobot, ...]:
        """Our robot accounts, as a whole look shows them."""
        section = (await self.observe(credential)).robots
        assert isinstance(section, Complete), section
        return section.items

    def robot(self, name: str = NAME) -> Robot:
        """A robot account as Harbor itself knows it."""
        robot = self.harbor.robots.by_stored_name(name)
        assert robot is not None
        return robot

    def rights(self, name: str = NAME) -> dict[str, tuple[tuple[str, str], ...]]:
        return {
            permission.namespace: permission.access for permission in self.robot(name).permissions
        }

    def add(self, name: str = NAME, *spaces: str, description: str = MARK.text) -> Robot:
        """Add a robot account behind our back."""
        robot = self.harbor.add_robot(name, spaces)
        robot.description = description
        return robot

    def service(self, *missing: tuple[str, ...]) -> Credential:
        """Give us a robot account instead of a user."""
        robot = self.harbor.add_robot("svc", secret="Robot12345")
        robot.permissions = tuple(
            Permission(kind, namespace, None, ((resource, action),))
            for kind, namespace, resource, action in ALL
            if (kind, namespace, resource, action) not in missing
        )
        return Credential(self.harbor.robot_login(robot), SecretStr("Robot12345"))

    def writes(self) -> list[str]:
        return [request.method for request in self.harbor.requests.writes()]

    async def pulls(self, space: str, credential: Credential | None = None) -> bool:
        """Pull as a node does: trade the pull secret for a token, and the token for a manifest."""
        puller = credential or self.store.credential
        auth = (puller.username, puller.password.get_secret_value())
        scope = {"service": "harbor-registry", "scope": f"repository:{space}/app:pull"}
        async with httpx.AsyncClient(base_url=self.url) as http:
            token_response = (await http.get("/service/token", params=scope, auth=auth)).json()
            bearer = {"Authorization": f"Bearer {token_response['token']}"}
            response = await http.get(f"/v2/{space}/app/manifests/v1", headers=bearer)
        assert response.status_code in (200, 401)
        return response.status_code == 200


def create_testbed(url: str, simulated: SimulatedHarbor, faults: FaultInjector) -> HarborTestbed:
    """A Harbor with four private spaces, each with an image."""
    for name in ("red", "green", "blue", "other"):
        simulated.add_project(name)
        simulated.add_image(f"{name}/app", "v1")
    return HarborTestbed(url, simulated, faults)


class CutBefore:
    """The connection breaks before anything is done."""

    async def act(self, app: object, scope: Scope, receive: Receive, send: Send) -> None:
        raise httpx.RemoteProtocolError("cut on purpose, before anything was done")


def robot_fault(method: str, action: object, times: int | None = 1, after: int = 0) -> Fault:
    """A fault of one method on robot accounts."""
    return Fault(action, method, rf"{ROBOTS}.*", times=times, after=after)  # type: ignore[arg-type]
