"""What the tests of the clients share: short bounds, a quick doubt, and an open client."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from deployments.simulators.asgi import (
    Receive,
    Reply,
    Request,
    Scope,
    Send,
    read_request,
    send_reply,
)
from deployments.simulators.faults import Faults
from deployments.simulators.harbor import Harbor
from models.core.availability import Seen
from models.core.reasons import Reason
from models.registries.changes import EditGrant, MakeGrant, RevokeGrant
from models.registries.condition import ConditionType, Status, Verdict
from models.registries.health import failed
from models.registries.observation import Snapshot
from models.registries.registry import Kind, Tls
from models.registries.robots import Grant, robot_name
from models.registries.space import ObservedSpace
from tasks.http.limits import Bounds
from tasks.registries.factory import connect
from tasks.registries.harbor import Doubt
from tasks.registries.http import HttpClient
from tasks.registries.protocol import Credential, RegistryClient
from tests.support.builders import registry

QUICK = Bounds(connect_seconds=2, read_seconds=2, request_seconds=5, largest=2_000_000)
LOCK = 0.4
"""Seconds of the simulated lock: a quick answer must stay apart from it on a busy machine."""
DOUBT = Doubt(pause=0.45, genuine=0.3)
ADMIN = Credential("admin", SecretStr("Harbor12345"))
USER = Credential("user", SecretStr("pw"))
AUTH = httpx.BasicAuth("admin", "hunter2")

INSTALLATION = "0a1b2c3d"
"""Who we are, as the marks of robot accounts tell."""

TRUE, FALSE, UNKNOWN = Status.TRUE, Status.FALSE, Status.UNKNOWN
AUTHENTICATED, ADMINISTRATOR = ConditionType.AUTHENTICATED, ConditionType.ADMINISTRATOR
WELL = {
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
class World:
    """A recorder behind faults, on a real socket."""

    url: str
    faults: Faults
    recorder: "Recorder"

    def client(self, bounds: Bounds = QUICK) -> HttpClient:
        return HttpClient(registry(address=self.url), bounds, AUTH)


def bounds(**changed: float) -> Bounds:
    """The quick bounds with some of them changed."""
    return Bounds.model_validate({**QUICK.model_dump(), **changed})


def wrong(credential: Credential = ADMIN) -> Credential:
    return Credential(credential.username, SecretStr("hunter2"))


def harbor(version: str = "v2.16.0-c50c7ddd", projects: int = 0) -> Harbor:
    """A simulated Harbor with `library` and some more projects, every second one public."""
    made = Harbor(version=version, lockout_seconds=LOCK)
    for number in range(projects):
        made.add_project(f"p{number:03}", public=number % 2 == 0)
    return made


@asynccontextmanager
async def opened(
    url: str,
    kind: Kind = Kind.HARBOR,
    credential: Credential | None = ADMIN,
    *,
    bounds: Bounds = QUICK,
    refused: bool = False,
    tls: Tls | None = None,
    token_service: str | None = None,
) -> AsyncIterator[RegistryClient]:
    """Open a client, as a run does."""
    whom = registry(kind, address=url, tls=tls, token_service=token_service)
    async with connect(whom, credential, bounds, refused=refused, doubt=DOUBT) as client:
        yield client


async def look(
    url: str, kind: Kind = Kind.HARBOR, credential: Credential | None = ADMIN
) -> Snapshot:
    """Look once with a client of its own."""
    async with opened(url, kind, credential) as client:
        return await client.look()


async def examine(
    url: str, kind: Kind = Kind.HARBOR, credential: Credential | None = ADMIN
) -> tuple[Verdict, ...]:
    """Examine once with a client of its own."""
    async with opened(url, kind, credential) as client:
        return await client.examine()


def items(snapshot: Snapshot) -> tuple[ObservedSpace, ...]:
    """The spaces of a complete look."""
    assert isinstance(snapshot.spaces, Seen), snapshot.spaces
    return snapshot.spaces.items


def why_unseen(snapshot: Snapshot) -> Reason:
    """Why a look is not complete."""
    assert not isinstance(snapshot.spaces, Seen)
    return snapshot.spaces.reason


def told(verdicts: Iterable[Verdict]) -> dict[ConditionType, tuple[Status, Reason]]:
    """The verdicts in short."""
    return {one.type: (one.status, one.reason) for one in verdicts}


class Safe:
    """Keeps what it is given; or refuses to, as a store that fails does."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.kept: list[tuple[Grant, SecretStr]] = []

    async def keep(self, grant: Grant, secret: SecretStr) -> None:
        if self.error is not None:
            raise self.error
        self.kept.append((grant, secret))

    @property
    def grant(self) -> Grant:
        """The last one."""
        return self.kept[-1][0]

    @property
    def credential(self) -> Credential:
        """What a namespace pulls with."""
        grant, secret = self.kept[-1]
        return Credential(grant.login, secret)


def make_grant(*spaces: str, replaces: int | None = None, workspace: str = "team-a") -> MakeGrant:
    return MakeGrant(
        workspace=workspace,
        name=robot_name(INSTALLATION, workspace),
        replaces=replaces,
        after=spaces,
        reason=Reason.BINDINGS_CHANGED,
    )


def edit_grant(
    robot_id: int, *spaces: str, login: str = "", workspace: str = "team-a"
) -> EditGrant:
    return EditGrant(
        workspace=workspace,
        robot_id=robot_id,
        login=login or f"robot${robot_name(INSTALLATION, workspace)}",
        before=(),
        after=spaces,
        reason=Reason.BINDINGS_CHANGED,
    )


def revoke_grant(robot_id: int, workspace: str = "team-a") -> RevokeGrant:
    login = f"robot${robot_name(INSTALLATION, workspace)}"
    return RevokeGrant(
        workspace=workspace, robot_id=robot_id, login=login, before=(), reason=Reason.UNWANTED
    )


class Recorder:
    """An app that answers everything alike and keeps what it was asked."""

    def __init__(self, reply: Reply | None = None) -> None:
        self.reply = reply or Reply(200, b"{}", (("Content-Type", "application/json"),))
        self.requests: list[Request] = []

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests.append(await read_request(scope, receive))
        await send_reply(send, self.reply)


def refusal_in(verdicts: tuple[Verdict, ...]) -> Verdict:
    """The step that failed, which says what to do."""
    found = failed(verdicts)
    assert found is not None
    assert found.advice
    return found
