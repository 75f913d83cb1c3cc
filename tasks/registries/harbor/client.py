"""Client of a Harbor."""

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import httpx

from models.access.pull_user import PullUserLogin
from models.core.availability import Complete, Unavailable
from models.core.errors import CredentialError, Rejected
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
from models.registries.health import first_failure
from models.registries.observation import NOT_REQUESTED, Snapshot, StorageReading
from models.registries.registry import Registry
from models.registries.robots import ObservedRobot, RobotAccount
from tasks import clock
from tasks.http.client import HttpClient
from tasks.registries.harbor import checks, projects, storage, wire
from tasks.registries.harbor.auth import API_PATH, AuthResult, LockoutPolicy, authenticate, detect
from tasks.registries.harbor.login import check_login
from tasks.registries.harbor.observer import (
    HarborLists,
    create_observer_robot,
    delete_observer_robot,
    read_lists,
)
from tasks.registries.harbor.robot_accounts import RobotAccountWriter
from tasks.registries.harbor.robots import read_robots
from tasks.registries.protocol import ClientOptions, Credential, ImageReader, SaveSecret
from tasks.registries.server import open_registry_client
from tasks.registries.wire import parse_json, raise_for_status


class HarborClient:
    """Client of one Harbor.

    Args:
        http: HTTP client that sends the credential, except with anonymous requests.
        credential: the credential, for messages.
        credential_refused: whether the last observation found the credential refused.
        lockout_policy: when to accept a 401 as a wrong password.
        observer: credential of a robot account to read lists with, at a much lower cost to Harbor.
    """

    def __init__(
        self,
        http: HttpClient,
        credential: Credential,
        *,
        credential_refused: bool = False,
        lockout_policy: LockoutPolicy | None = None,
        observer: Credential | None = None,
    ) -> None:
        self.http, self.credential, self.credential_refused = http, credential, credential_refused
        self.lockout_policy, self.observer = lockout_policy or LockoutPolicy(), observer

    async def probe(self) -> tuple[CheckResult, ...]:
        """Check step by step whether this Harbor can be integrated; see `RegistryReader`."""
        kind_check, health = await detect(self.http)
        if health is None:
            return (kind_check,)
        anonymous_info = await self._system_info(anonymous=True)
        if anonymous_info.harbor_version is not None:  # reported to anonymous callers up to 2.12
            version_check = checks.version_check(anonymous_info.harbor_version)
            if version_check.status is ConditionStatus.FALSE:
                return kind_check, version_check
        auth_checks = (await self._authenticate(health)).checks
        components_check = checks.components_check(health)
        if first_failure(auth_checks) or auth_checks[0].status is ConditionStatus.UNKNOWN:
            return kind_check, *auth_checks, components_check
        info = await self._system_info()
        version_check = checks.version_check(info.harbor_version)
        writable_check = checks.writable_check(info)
        return kind_check, version_check, *auth_checks, writable_check, components_check

    async def observe(self, installation: str = "", known_lists: str = "") -> Snapshot:
        """Observe health, projects and robot accounts; see `RegistryReader`."""
        observed_at, started = clock.now(), time.monotonic()
        state_checks, is_robot = await self._check_state()
        unavailable = _listing_unavailable(state_checks)
        if unavailable is not None:
            lists = HarborLists(unavailable, unavailable if installation else NOT_REQUESTED)
        else:
            observer = None if is_robot else self.observer
            lists = await read_lists(self.http, installation, observer)
        digest = lists.digest()
        is_unchanged = digest == known_lists != "" and lists.observer_usable is not False
        return Snapshot(
            registry=self.http.name,
            observed_at=observed_at,
            seconds=time.monotonic() - started,
            checks=state_checks,
            spaces=lists.spaces(is_unchanged),
            robots=lists.robots,
            can_update_robots=not is_robot,
            observer_usable=lists.observer_usable,
            lists_digest=digest,
        )

    async def _check_state(self) -> tuple[tuple[CheckResult, ...], bool]:
        kind_check, health = await detect(self.http)
        if health is None:
            return (kind_check,), False
        auth_result = await self._authenticate(health)
        components_check = checks.components_check(health)
        if auth_result.checks[0].status is not ConditionStatus.TRUE:
            return (*auth_result.checks, components_check), auth_result.is_robot
        info = await self._system_info()
        version_check = checks.version_check(info.harbor_version)
        writable_check = checks.writable_check(info)
        return (
            version_check,
            *auth_result.checks,
            writable_check,
            components_check,
        ), auth_result.is_robot

    async def _authenticate(self, health: wire.HealthResponse) -> AuthResult:
        return await authenticate(
            self.http,
            self.credential,
            health,
            self.lockout_policy,
            credential_refused=self.credential_refused,
        )

    async def _system_info(self, *, anonymous: bool = False) -> wire.SystemInfo:
        response = await self.http.get(f"{API_PATH}/systeminfo", anonymous=anonymous)
        return parse_json(raise_for_status(response), wire.SYSTEM_INFO_ADAPTER)

    async def read_storage(self) -> StorageReading:
        """Read the storage usage and quota of each project; see `RegistryReader`."""
        return await storage.read_storage(self.http)

    async def open_images(self) -> ImageReader | None:
        """Return None: Harbor reports its storage; see `RegistryReader`."""
        return None

    async def apply_change(
        self, change: Change, installation: str, save_secret: SaveSecret
    ) -> ChangeResult:
        """Apply one change; see `RegistryWriter`."""
        robot_writer = RobotAccountWriter(self.http, installation)
        match change:
            case SetVisibility():
                return await projects.set_visibility(self.http, change)
            case CreateSpace():
                return await projects.create_project(self.http, change)
            case CreateRobot():
                return await robot_writer.create_robot(change, save_secret)
            case UpdateRobot():
                return await robot_writer.update_robot(change)
            case DeleteRobot():
                return await robot_writer.delete_robot(change)

    async def list_robots(self, installation: str) -> Complete[ObservedRobot] | Unavailable:
        """List the robot accounts with the installation's mark; see `RegistryReader`."""
        robots = await read_robots(self.http, installation)
        return (
            robots if isinstance(robots, Complete) else await read_robots(self.http, installation)
        )

    async def create_observer(
        self, installation: str, save_secret: SaveSecret, replaces: int | None = None
    ) -> RobotAccount | None:
        """Create the observer, or refresh the secret of the existing one; see `RegistryWriter`.

        Returns:
            The observer; None if Harbor has no such rights (before 2.12) or the credential belongs
            to a robot account.

        Raises:
            RemoteError: the observer was not created.
        """
        return await create_observer_robot(self.http, installation, save_secret, replaces)

    async def delete_observer(self, installation: str) -> bool:
        """Delete the observer; return False if there was none.

        Raises:
            RemoteError: the observer was not deleted.
        """
        return await delete_observer_robot(self.http, installation)

    async def log_in_pull_user(self, credential: Credential) -> PullUserLogin:
        """Raise: workspaces have robot accounts, and no user is shared; see `RegistryReader`.

        Raises:
            Rejected: always; a Harbor has no pull-only user.
        """
        message = "internal error: a Harbor has no pull-only user"
        raise Rejected(self.http.target, "-", self.http.origin, message)

    async def can_log_in(self, credential: Credential) -> bool | None:
        """Return whether a credential can log in; see `RegistryWriter`."""
        return await check_login(self.http, credential, self.lockout_policy)


@asynccontextmanager
async def open_harbor(
    registry: Registry, options: ClientOptions, lockout_policy: LockoutPolicy | None = None
) -> AsyncIterator[HarborClient]:
    """Open one client; see `ClientOpener`.

    Args:
        registry: the Harbor.
        options: its credential and limits.
        lockout_policy: when to accept a 401 as a wrong password.

    Raises:
        CredentialError: there is no credential.
    """
    credential = options.credential
    if credential is None:
        message = "Harbor requires credentials: choose a registry-credentials block"
        raise CredentialError(registry.name, "-", registry.address, message)
    auth = httpx.BasicAuth(credential.username, credential.password.get_secret_value())
    async with open_registry_client(registry, options, auth) as http:
        yield HarborClient(
            http,
            credential,
            credential_refused=options.credential_refused,
            lockout_policy=lockout_policy,
            observer=options.observer_credential,
        )


def _listing_unavailable(state_checks: Iterable[CheckResult]) -> Unavailable | None:
    # Only a confirmed administrator sees all projects. Any other caller, and a locked account, get
    # a shorter list with status 200.
    for check in state_checks:
        if _blocks_listing(check):
            return Unavailable(reason=check.reason, message=check.message)
    return None


def _blocks_listing(check: CheckResult) -> bool:
    if check.type in (ConditionType.AUTHENTICATED, ConditionType.ADMINISTRATOR):
        return check.status is not ConditionStatus.TRUE
    return check.type is ConditionType.SUPPORTED and check.status is ConditionStatus.FALSE
