"""Harbor: reads and changes it as facts about its API demand."""

import time
from collections.abc import Iterable

from models.change import Change, CreateSpace, Outcome, SetVisibility
from models.condition import ConditionType, Status, Verdict
from models.errors import Conflict, NotFound, RegistryError, Transient
from models.health import failed
from models.reason import Reason
from models.snapshot import Seen, Snapshot, Unseen
from models.space import ObservedSpace, Visibility
from models.storage import SpaceStorage, StorageReading
from tasks import clock
from tasks.concurrency import side_by_side
from tasks.registries.harbor import verdicts, wire
from tasks.registries.harbor.proving import (
    API,
    Doubt,
    credential_verdicts,
    kind_verdict,
)
from tasks.registries.http import HttpClient
from tasks.registries.paging import read_pages
from tasks.registries.wire import expect, parse


class Harbor:
    """One Harbor over one pooled client.

    Args:
        http: sends its credential with every request that is not anonymous.
        username: the credential's, for messages.
        refused: whether the credential was refused at the last look.
        doubt: how a 401 is doubted.
    """

    def __init__(
        self, http: HttpClient, username: str, *, refused: bool = False, doubt: Doubt | None = None
    ) -> None:
        self.http, self.username, self.refused = http, username, refused
        self.doubt = doubt or Doubt()

    async def examine(self) -> tuple[Verdict, ...]:
        """Find out step by step whether this Harbor can be worked with; see the protocol."""
        kind, health = await kind_verdict(self.http)
        if health is None:
            return (kind,)
        early = await self._system_info(anonymous=True)
        if early.harbor_version is not None:  # up to 2.12 strangers may know
            version = verdicts.version_verdict(early.harbor_version)
            if version.status is Status.FALSE:
                return kind, version
        rights = await credential_verdicts(
            self.http, self.username, health, self.doubt, refused=self.refused
        )
        components = verdicts.components_verdict(health)
        if failed(rights) or rights[0].status is Status.UNKNOWN:
            return kind, *rights, components
        info = await self._system_info()
        version = verdicts.version_verdict(info.harbor_version)
        return kind, version, *rights, verdicts.writable_verdict(info), components

    async def look(self) -> Snapshot:
        """See how Harbor is and which projects it has; see the protocol."""
        taken_at, started = clock.now(), time.monotonic()
        found = await self._verdicts()
        spaces = await self._spaces(found)
        return Snapshot(
            registry=self.http.name,
            taken_at=taken_at,
            seconds=time.monotonic() - started,
            verdicts=found,
            spaces=spaces,
        )

    async def _verdicts(self) -> tuple[Verdict, ...]:
        kind, health = await kind_verdict(self.http)
        if health is None:
            return (kind,)
        rights = await credential_verdicts(
            self.http, self.username, health, self.doubt, refused=self.refused
        )
        components = verdicts.components_verdict(health)
        if rights[0].status is not Status.TRUE:
            return *rights, components
        info = await self._system_info()
        version = verdicts.version_verdict(info.harbor_version)
        return version, *rights, verdicts.writable_verdict(info), components

    async def _system_info(self, *, anonymous: bool = False) -> wire.SystemInfo:
        answer = await self.http.get(f"{API}/systeminfo", anonymous=anonymous)
        return parse(self.http.name, expect(self.http.name, answer), wire.SYSTEM_INFO)

    async def _spaces(self, found: Iterable[Verdict]) -> Seen[ObservedSpace] | Unseen:
        """List the projects, unless something already speaks against a complete list.

        Only who is proved to be an administrator sees all of them. Harbor would give anybody
        else, and us in a moment of lock-out, a shorter list with status 200.
        """
        for verdict in found:
            if _speaks_against_listing(verdict):
                return Unseen(reason=verdict.reason, message=verdict.message)
        try:
            first = await self._projects()
            return first if isinstance(first, Seen) else await self._projects()
        except RegistryError as error:
            return Unseen(reason=error.reason, message=str(error))

    async def _projects(self) -> Seen[ObservedSpace] | Unseen:
        """Read all pages, newest first.

        A project that is deleted while another is created leaves the total as it was. In this
        order no row moves forward then, so none is skipped: at worst one is read twice, and the
        count tells.
        """
        read = await read_pages(
            self.http,
            f"{API}/projects",
            wire.PROJECTS,
            key=lambda project: project.project_id,
            query={"sort": "-project_id"},
        )
        if isinstance(read, Unseen):
            return read
        doubted = await self._doubt_total(len(read.items))
        spaces = tuple(project.observed() for project in read.items)
        return doubted or Seen[ObservedSpace].model_construct(items=spaces)

    async def _doubt_total(self, listed: int) -> Unseen | None:
        """Compare with the total that only an administrator is told, as proof of who read it."""
        answer = await self.http.get(f"{API}/statistics")
        counted = parse(self.http.name, expect(self.http.name, answer), wire.STATISTICS)
        if counted.total_project_count in (0, listed):  # robots are told 0
            return None
        said = f"the list has {listed} projects, Harbor counts {counted.total_project_count}"
        return Unseen(reason=Reason.PAGES_SHIFTED, message=said)

    async def read_storage(self) -> StorageReading:
        """Read what each project uses and may use; see the protocol.

        `/quotas` waits 17 ms a row; it is kept only while quotas are switched on.
        """
        total, kept = await side_by_side(self._total_storage(), self._quotas_kept())
        if not kept:
            said = "quotas are switched off in Harbor, so it does not keep figures per project"
            unknown = Unseen(reason=Reason.NOT_PROBED, message=said)
            return StorageReading(total=total, spaces=unknown)
        read = await read_pages(
            self.http,
            f"{API}/quotas",
            wire.QUOTAS,
            key=lambda quota: quota.id,
            query={"reference": "project", "sort": "creation_time"},
        )
        if isinstance(read, Unseen):
            return StorageReading(total=total, spaces=read)
        known = tuple(row for quota in read.items if (row := quota.storage()))
        return StorageReading(total=total, spaces=Seen[SpaceStorage](items=known))

    async def _total_storage(self) -> int | None:
        answer = await self.http.get(f"{API}/statistics")
        found = parse(self.http.name, expect(self.http.name, answer), wire.STATISTICS)
        return found.total_storage_consumption if found.total_project_count else None

    async def _quotas_kept(self) -> bool:
        """Whether quotas are on; a robot may not know and is believed to see what there is."""
        answer = await self.http.get(f"{API}/configurations")
        if answer.status in (401, 403):
            return True
        found = parse(self.http.name, expect(self.http.name, answer), wire.CONFIGURATIONS)
        return found.quota_per_project_enable.value

    async def make(self, change: Change) -> Outcome:
        """Make one change; see the protocol."""
        if isinstance(change, SetVisibility):
            return await self._set_visibility(change)
        return await self._create(change)

    async def _set_visibility(self, change: SetVisibility) -> Outcome:
        """PUT merges metadata, and takes only a string for `public`."""
        body = {"metadata": {"public": _flag(change.after)}}
        by_name = {"X-Is-Resource-Name": "true"} if change.remote_id is None else None
        path = f"{API}/projects/{change.remote_id or change.space}"
        answer = await self.http.send("PUT", path, json=body, headers=by_name)
        try:
            expect(self.http.name, answer)
        except NotFound:
            said = "the space is not there any more"
            return Outcome(change=change, done=True, reason=Reason.NOT_FOUND, message=said)
        return Outcome(change=change, done=True, reason=Reason.DONE)

    async def _create(self, change: CreateSpace) -> Outcome:
        """Create a project; after a lost answer, look whether it was created as asked."""
        body = {"project_name": change.space, "metadata": {"public": _flag(change.after)}}
        try:
            answer = await self.http.send("POST", f"{API}/projects", json=body, repeatable=False)
            expect(self.http.name, answer, 201)
        except Transient:
            if await self._visibility_of(change.space) is not change.after:
                raise
        except Conflict as error:
            said = "a space of that name exists; use set-space-visibility for it"
            raise Conflict(self.http.name, error.method, error.url, said) from None
        return Outcome(change=change, done=True, reason=Reason.DONE)

    async def _visibility_of(self, space: str) -> Visibility | None:
        answer = await self.http.get(f"{API}/projects", {"q": f"name={space}", "page_size": 2})
        found = parse(self.http.name, expect(self.http.name, answer), wire.PROJECTS)
        return next((one.observed().visibility for one in found if one.name == space), None)


def _speaks_against_listing(verdict: Verdict) -> bool:
    if verdict.type in (ConditionType.AUTHENTICATED, ConditionType.ADMINISTRATOR):
        return verdict.status is not Status.TRUE
    return verdict.type is ConditionType.SUPPORTED and verdict.status is Status.FALSE


def _flag(visibility: Visibility) -> str:
    return "true" if visibility is Visibility.PUBLIC else "false"
