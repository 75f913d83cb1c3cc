"""What the tests of the clients share: short bounds, a quick doubt, and an open client."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import httpx
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from deployments.simulators.faults import FaultInjector
from deployments.simulators.harbor import SimulatedHarbor
from models.core.availability import Complete
from models.core.reasons import Reason
from models.registries.changes import CreateRobot, DeleteRobot, UpdateRobot
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from models.registries.health import first_failure
from models.registries.observation import Snapshot
from models.registries.registry import Kind, Tls
from models.registries.robots import RobotAccount, robot_name
from models.registries.space import ObservedSpace
from tasks.http.client import HttpClient
from tasks.http.connection.client_certificate import ClientCertificate
from tasks.http.connection.proxy import Proxy
from tasks.http.limits import ClientLimits
from tasks.registries.connect import CLIENT_OPENERS
from tasks.registries.harbor import LockoutPolicy, open_harbor
from tasks.registries.protocol import ClientOpener, ClientOptions, Credential, RegistryClient
from tasks.registries.server import registry_server
from tests.support.builders import registry

QUICK = ClientLimits(connect_seconds=2, read_seconds=2, request_seconds=5, max_bytes=2_000_000)
LOCK = 0.4
"""Seconds of the simulated lock: a quick answer must stay apart from it on a busy machine."""
DOUBT = LockoutPolicy(pause_seconds=0.45, min_compare_seconds=0.3)
ADMIN = Credential("admin", SecretStr("Harbor12345"))
USER = Credential("user", SecretStr("pw"))
AUTH = httpx.BasicAuth("admin", "hunter2")

_open_harbor = partial(open_harbor, lockout_policy=DOUBT)

INSTALLATION = "0a1b2c3d"
"""Who we are, as the marks of robot accounts tell."""

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
AUTHENTICATED, ADMINISTRATOR = ConditionType.AUTHENTICATED, ConditionType.ADMINISTRATOR
HEALTHY = {
    ConditionType.SUPPORTED: (TRUE, Reason.SUPPORTED),
    AUTHENTICATED: (TRUE, Reason.CREDENTIALS_ACCEPTED),
    ADMINISTRATOR: (TRUE, Reason.ADMINISTRATOR),
    ConditionType.WRITABLE: (TRUE, Reason.WRITABLE),
    ConditionType.SERVING: (TRUE, Reason.ALL_COMPONENTS_UP),
}
CURRENT = "/api/v2.0/users/current"
PAGE = r".*/projects\?.*page={}&.*"
HTML = (("Content-Type", "text/html"),)


@dataclass
class FaultyServer:
    """A recorder behind faults, on a real socket."""

    url: str
    faults: FaultInjector
    recorder: "Recorder"

    def client(self, bounds: ClientLimits = QUICK) -> HttpClient:
        return HttpClient(registry_server(registry(address=self.url)), bounds, AUTH)


def bounds(**overrides: float) -> ClientLimits:
    """The quick bounds with some of them changed."""
    return ClientLimits.model_validate({**QUICK.model_dump(), **overrides})


def with_wrong_password(credential: Credential = ADMIN) -> Credential:
    return Credential(credential.username, SecretStr("hunter2"))


def harbor(version: str = "v2.16.0-c50c7ddd", projects: int = 0) -> SimulatedHarbor:
    """A simulated Harbor with `library` and some more projects, every second one public."""
    simulated = SimulatedHarbor(version=version, lockout_seconds=LOCK)
    for number in range(projects):
        simulated.add_project(f"p{number:03}", public=number % 2 == 0)
    return simulated


@asynccontextmanager
async def open_client(
    url: str,
    kind: Kind = Kind.HARBOR,
    credential: Credential | None = ADMIN,
    *,
    bounds: ClientLimits = QUICK,
    refused: bool = False,
    tls: Tls | None = None,
    token_service: str | None = None,
    certificate: ClientCertificate | None = None,
    proxy: Proxy | None = None,
    environment_proxies: bool = False,
) -> AsyncIterator[RegistryClient]:
    """Open a client, as a run does."""
    target = registry(kind, address=url, tls=tls, token_service=token_service)
    options = ClientOptions(
        credential,
        bounds,
        credential_refused=refused,
        client_certificate=certificate,
        proxy=proxy,
        uses_environment_proxies=environment_proxies,
    )
    openers: dict[str, ClientOpener] = {**CLIENT_OPENERS, Kind.HARBOR: _open_harbor}
    async with openers[kind](target, options) as client:
        yield client


async def observe_registry(
    url: str, kind: Kind = Kind.HARBOR, credential: Credential | None = ADMIN
) -> Snapshot:
    """Look once with a client of its own."""
    async with open_client(url, kind, credential) as client:
        return await client.observe()


async def probe_registry(
    url: str, kind: Kind = Kind.HARBOR, credential: Credential | None = ADMIN
) -> tuple[CheckResult, ...]:
    """Examine once with a client of its own."""
    async with open_client(url, kind, credential) as client:
        return await client.probe()


def items(snapshot: Snapshot) -> tuple[ObservedSpace, ...]:
    """The spaces of a complete look."""
    assert isinstance(snapshot.spaces, Complete), snapshot.spaces
    return snapshot.spaces.items


def unavailable_reason(snapshot: Snapshot) -> Reason:
    """Why a look is not complete."""
    assert not isinstance(snapshot.spaces, Complete)
    return snapshot.spaces.reason


def statuses_by_type(
    checks: Iterable[CheckResult],
) -> dict[ConditionType, tuple[ConditionStatus, Reason]]:
    """The verdicts in short."""
    return {check.type: (check.status, check.reason) for check in checks}


class RobotStore:
    """Keeps what it is given; or refuses to, as a store that fails does."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.kept: list[tuple[RobotAccount, SecretStr]] = []

    async def save(self, grant: RobotAccount, secret: SecretStr) -> None:
        if self.error is not None:
            raise self.error
        self.kept.append((grant, secret))

    @property
    def account(self) -> RobotAccount:
        """The last one."""
        return self.kept[-1][0]

    @property
    def credential(self) -> Credential:
        """What a namespace pulls with."""
        grant, secret = self.kept[-1]
        return Credential(grant.login, secret)


def create_robot(
    *spaces: str, replaces: int | None = None, workspace: str = "team-a"
) -> CreateRobot:
    return CreateRobot(
        workspace=workspace,
        name=robot_name(INSTALLATION, workspace),
        replaces=replaces,
        after=spaces,
        reason=Reason.BINDINGS_CHANGED,
    )


def update_robot(
    robot_id: int, *spaces: str, login: str = "", workspace: str = "team-a"
) -> UpdateRobot:
    return UpdateRobot(
        workspace=workspace,
        robot_id=robot_id,
        login=login or f"robot${robot_name(INSTALLATION, workspace)}",
        before=(),
        after=spaces,
        reason=Reason.BINDINGS_CHANGED,
    )


def delete_robot(robot_id: int, workspace: str = "team-a") -> DeleteRobot:
    login = f"robot${robot_name(INSTALLATION, workspace)}"
    return DeleteRobot(
        workspace=workspace, robot_id=robot_id, login=login, before=(), reason=Reason.ORPHANED
    )


class Recorder:
    """An app that answers everything alike and keeps what it was asked."""

    def __init__(self, reply: Response | None = None) -> None:
        self.reply = reply or Response(b"{}", media_type="application/json")
        self.requests: list[Request] = []

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await request.body()
        self.requests.append(request)
        await self.reply(scope, receive, send)


def expect_failure(checks: tuple[CheckResult, ...]) -> CheckResult:
    """The step that failed, which says what to do."""
    failure = first_failure(checks)
    assert failure is not None
    assert failure.advice
    return failure
