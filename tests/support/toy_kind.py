"""A third kind of registry, in memory: its client, and how the product gets to know it.

The product knows nothing of it but what a new kind adds: capabilities, and a function that opens a
client.
"""

import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from pydantic import SecretStr

from models.access.pull_user import PullUserLogin
from models.core.availability import Complete, Unavailable
from models.core.reasons import Reason
from models.registries.changes import (
    Change,
    ChangeResult,
    CreateRobot,
    CreateSpace,
    DeleteRobot,
    SetVisibility,
    UpdateRobot,
)
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from models.registries.observation import (
    NOT_REQUESTED,
    UNLIMITED,
    Snapshot,
    SpaceStorage,
    StorageReading,
)
from models.registries.registry import CAPABILITIES, Capabilities, Registry
from models.registries.robots import ObservedRobot, OwnershipMark, RobotAccount
from models.registries.space import ObservedSpace, SpaceNameRule, Visibility
from tasks import clock
from tasks.registries.connect import CLIENT_OPENERS
from tasks.registries.protocol import ClientOpener, ClientOptions, Credential, SaveSecret

TOY = "toy"
_SHELVES = SpaceNameRule(
    noun="shelf of a Toy Box",
    pattern=re.compile(r"shelf-[0-9]+"),
    advice="use shelf- and a number",
    image_form="shelf/toy",
)


def toy_capabilities(
    *, robot_accounts: bool, public_pulls: bool = True, credential: bool = False
) -> Capabilities:
    """What toy registries can do: a combination that neither Harbor nor Docker Registry has."""
    return Capabilities(
        label="Toy Box",
        description="Toys.",
        requires_credential=credential,
        uses_token_service=False,
        stores_spaces=True,
        serves_public_spaces=public_pulls,
        has_robot_accounts=robot_accounts,
        space_names=_SHELVES,
    )


@dataclass
class ToyRegistry:
    """The content of a toy registry, and each change that it was asked for."""

    url: str
    spaces: dict[str, Visibility] = field(default_factory=dict)
    robots: dict[int, ObservedRobot] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    @property
    def host(self) -> str:
        return self.url.partition("//")[2]


class ToyClient:
    """Reads and writes a toy registry as `RegistryClient` says."""

    def __init__(self, registry: Registry, toy: ToyRegistry) -> None:
        self.registry, self.toy = registry, toy

    async def probe(self) -> tuple[CheckResult, ...]:
        return self._checks()

    async def observe(self, installation: str = "", known_lists: str = "") -> Snapshot:
        return Snapshot(
            registry=self.registry.name,
            observed_at=clock.now(),
            checks=self._checks(),
            spaces=Complete[ObservedSpace](
                items=tuple(
                    ObservedSpace(name=name, remote_id=number, visibility=visibility)
                    for number, (name, visibility) in enumerate(self.toy.spaces.items())
                )
            ),
            robots=await self.list_robots(installation),
        )

    def _checks(self) -> tuple[CheckResult, ...]:
        outcomes = {
            ConditionType.SUPPORTED: Reason.SUPPORTED,
            ConditionType.AUTHENTICATED: Reason.CREDENTIALS_ACCEPTED,
        }
        return tuple(
            CheckResult(type=type_, status=ConditionStatus.TRUE, reason=reason, message="a toy")
            for type_, reason in outcomes.items()
        )

    async def list_robots(self, installation: str) -> Complete[ObservedRobot] | Unavailable:
        if not self.registry.capabilities.has_robot_accounts:
            return NOT_REQUESTED
        robots = self.toy.robots.values()
        return Complete[ObservedRobot](
            items=tuple(robot for robot in robots if robot.mark.installation == installation)
        )

    async def read_storage(self) -> StorageReading:
        items = (SpaceStorage(name=name, used=1, limit=UNLIMITED) for name in self.toy.spaces)
        return StorageReading(total=1, spaces=Complete[SpaceStorage](items=tuple(items)))

    async def open_images(self) -> None:
        return None

    async def apply_change(
        self, change: Change, installation: str, save_secret: SaveSecret
    ) -> ChangeResult:
        self.toy.changes.append(change)
        match change:
            case CreateSpace() | SetVisibility():
                self.toy.spaces[change.space] = change.after
            case CreateRobot():
                await self._create_robot(change, installation, save_secret)
            case UpdateRobot():
                robot = self.toy.robots[change.robot_id]
                update = {"spaces": change.after}
                self.toy.robots[change.robot_id] = robot.model_copy(update=update)
            case DeleteRobot():
                del self.toy.robots[change.robot_id]
        return ChangeResult(change=change, succeeded=True, reason=Reason.DONE)

    async def _create_robot(
        self, change: CreateRobot, installation: str, save_secret: SaveSecret
    ) -> None:
        name, workspace, now = self.registry.name, change.workspace, clock.now()
        robot = ObservedRobot(
            id=len(self.toy.changes),
            login=f"toy+{change.name}",
            mark=OwnershipMark(installation=installation, registry=name, workspace=workspace),
            spaces=change.after,
            created_at=now,
        )
        self.toy.robots[robot.id] = robot
        self.toy.passwords[robot.login] = f"secret of {robot.login}"
        account = RobotAccount(
            registry=name,
            workspace=workspace,
            robot_id=robot.id,
            login=robot.login,
            spaces=robot.spaces,
            secret_created_at=now,
        )
        await save_secret(account, SecretStr(self.toy.passwords[robot.login]))

    async def can_log_in(self, credential: Credential) -> bool | None:
        password = credential.password.get_secret_value()
        return self.toy.passwords.get(credential.username) == password

    async def log_in_pull_user(self, credential: Credential) -> PullUserLogin:
        accepted = await self.can_log_in(credential)
        check = CheckResult(
            type=ConditionType.AUTHENTICATED,
            status=ConditionStatus.TRUE if accepted else ConditionStatus.FALSE,
            reason=Reason.CREDENTIALS_ACCEPTED if accepted else Reason.BAD_CREDENTIALS,
            message="a toy",
        )
        return PullUserLogin(check=check)

    async def create_observer(
        self, installation: str, save_secret: SaveSecret, replaces: int | None = None
    ) -> RobotAccount | None:
        return None

    async def delete_observer(self, installation: str) -> bool:
        return False


@contextmanager
def toy_kind(capabilities: Capabilities, opener: ClientOpener | None = None) -> Iterator[None]:
    """Add the kind `toy` to the product; without a function that opens clients, to models only."""
    CAPABILITIES[TOY] = capabilities
    if opener is not None:
        CLIENT_OPENERS[TOY] = opener
    try:
        yield
    finally:
        del CAPABILITIES[TOY]
        CLIENT_OPENERS.pop(TOY, None)


@contextmanager
def toy_registry(capabilities: Capabilities) -> Iterator[ToyRegistry]:
    """Run a toy registry whose kind the product knows for as long as it exists.

    A probe connects to an address before it opens a client: somebody listens there.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        toy = ToyRegistry(f"http://127.0.0.1:{server.getsockname()[1]}")

        @asynccontextmanager
        async def open_toy(registry: Registry, options: ClientOptions) -> AsyncIterator[ToyClient]:
            yield ToyClient(registry, toy)

        with toy_kind(capabilities, open_toy):
            yield toy
