"""Harbor: reads and changes it as facts about its API demand."""

import time
from collections.abc import Iterable

from models.core.availability import Seen, Unseen
from models.registries.changes import (
    Change,
    CreateSpace,
    EditGrant,
    MakeGrant,
    Outcome,
    RevokeGrant,
    SetVisibility,
)
from models.registries.condition import ConditionType, Status, Verdict
from models.registries.health import failed
from models.registries.observation import NOT_ASKED, Snapshot, StorageReading
from models.registries.robots import Grant, ObservedRobot
from tasks import clock
from tasks.registries.harbor import checks, projects, storage, wire
from tasks.registries.harbor.auth import API, Doubt, Proof, kind_verdict, prove
from tasks.registries.harbor.login import log_in
from tasks.registries.harbor.observer import Lists, make_observer, read_lists, revoke_observer
from tasks.registries.harbor.robot_accounts import Grants
from tasks.registries.harbor.robots import read_robots
from tasks.registries.http import HttpClient
from tasks.registries.protocol import Credential, Keep
from tasks.registries.wire import expect, parse


class Harbor:
    """One Harbor over one pooled client.

    Args:
        http: sends its credential with every request that is not anonymous.
        username: the credential's, for messages.
        refused: whether the credential was refused at the last look.
        doubt: how a 401 is doubted.
        observer: a robot account's, to read lists with, which costs Harbor far less.
    """

    def __init__(
        self,
        http: HttpClient,
        username: str,
        *,
        refused: bool = False,
        doubt: Doubt | None = None,
        observer: Credential | None = None,
    ) -> None:
        self.http, self.username, self.refused = http, username, refused
        self.doubt, self.observer = doubt or Doubt(), observer

    async def examine(self) -> tuple[Verdict, ...]:
        """Find out step by step whether this Harbor can be worked with; see the protocol."""
        kind, health = await kind_verdict(self.http)
        if health is None:
            return (kind,)
        early = await self._system_info(anonymous=True)
        if early.harbor_version is not None:  # up to 2.12 strangers may know
            version = checks.version_verdict(early.harbor_version)
            if version.status is Status.FALSE:
                return kind, version
        rights = (await self._prove(health)).verdicts
        components = checks.components_verdict(health)
        if failed(rights) or rights[0].status is Status.UNKNOWN:
            return kind, *rights, components
        info = await self._system_info()
        version = checks.version_verdict(info.harbor_version)
        return kind, version, *rights, checks.writable_verdict(info), components

    async def look(self, installation: str = "") -> Snapshot:
        """See how Harbor is, its projects and our robot accounts; see the protocol."""
        taken_at, started = clock.now(), time.monotonic()
        found, robot = await self._state()
        against = _against_listing(found)
        if against is not None:
            lists = Lists(against, against if installation else NOT_ASKED)
        else:
            observer = None if robot else self.observer
            lists = await read_lists(self.http, installation, observer)
        return Snapshot(
            registry=self.http.name,
            taken_at=taken_at,
            seconds=time.monotonic() - started,
            verdicts=found,
            spaces=lists.spaces,
            robots=lists.robots,
            edits_robots=not robot,
            observer_works=lists.observer_works,
        )

    async def _state(self) -> tuple[tuple[Verdict, ...], bool]:
        """Find out how Harbor is, and whether we are a robot account there."""
        kind, health = await kind_verdict(self.http)
        if health is None:
            return (kind,), False
        proof = await self._prove(health)
        components = checks.components_verdict(health)
        if proof.verdicts[0].status is not Status.TRUE:
            return (*proof.verdicts, components), proof.robot
        info = await self._system_info()
        version = checks.version_verdict(info.harbor_version)
        writable = checks.writable_verdict(info)
        return (version, *proof.verdicts, writable, components), proof.robot

    async def _prove(self, health: wire.Components) -> Proof:
        return await prove(self.http, self.username, health, self.doubt, refused=self.refused)

    async def _system_info(self, *, anonymous: bool = False) -> wire.SystemInfo:
        answer = await self.http.get(f"{API}/systeminfo", anonymous=anonymous)
        return parse(self.http.name, expect(self.http.name, answer), wire.SYSTEM_INFO)

    async def read_storage(self) -> StorageReading:
        """Read what each project uses and may use; see the protocol."""
        return await storage.read_storage(self.http)

    async def make(self, change: Change, installation: str, keep: Keep) -> Outcome:
        """Make one change; see the protocol."""
        grants = Grants(self.http, installation)
        match change:
            case SetVisibility():
                return await projects.set_visibility(self.http, change)
            case CreateSpace():
                return await projects.create_project(self.http, change)
            case MakeGrant():
                return await grants.make(change, keep)
            case EditGrant():
                return await grants.edit(change)
            case RevokeGrant():
                return await grants.revoke(change)

    async def list_robots(self, installation: str) -> Seen[ObservedRobot] | Unseen:
        """List the robot accounts that carry an installation's mark; see the protocol."""
        first = await read_robots(self.http, installation)
        return first if isinstance(first, Seen) else await read_robots(self.http, installation)

    async def make_observer(
        self, installation: str, keep: Keep, replaces: int | None = None
    ) -> Grant | None:
        """Make a robot account to read lists with, or give ours a new secret.

        Returns:
            None where Harbor knows no such rights (before 2.12), or where we are a robot account.

        Raises:
            RegistryError: it was not made.
        """
        return await make_observer(self.http, installation, keep, replaces)

    async def revoke_observer(self, installation: str) -> bool:
        """Delete that robot account; False if there was none.

        Raises:
            RegistryError: it was not deleted.
        """
        return await revoke_observer(self.http, installation)

    async def accepts(self, credential: Credential) -> bool | None:
        """Whether this credential can log in; see the protocol."""
        return await log_in(self.http, credential, self.doubt)


def _against_listing(found: Iterable[Verdict]) -> Unseen | None:
    """Say what speaks against a complete list.

    Only who is proved to be an administrator sees all projects. Harbor would give anybody else,
    and us in a moment of lock-out, a shorter list with status 200.
    """
    for verdict in found:
        if _speaks_against_listing(verdict):
            return Unseen(reason=verdict.reason, message=verdict.message)
    return None


def _speaks_against_listing(verdict: Verdict) -> bool:
    if verdict.type in (ConditionType.AUTHENTICATED, ConditionType.ADMINISTRATOR):
        return verdict.status is not Status.TRUE
    return verdict.type is ConditionType.SUPPORTED and verdict.status is Status.FALSE
