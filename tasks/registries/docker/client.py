"""A Docker Registry: lists its repositories and groups them into spaces.

It has neither projects nor visibility: both are the platform's own, so there is nothing to write.
"""

import time
from collections.abc import Iterable, Mapping

from models.core.availability import Seen, Unseen
from models.core.errors import Forbidden, NotFound, RegistryError, Rejected, Unauthorized
from models.core.reasons import Reason
from models.registries.changes import Change, Outcome
from models.registries.condition import Verdict
from models.registries.health import failed
from models.registries.observation import NOT_ASKED, Snapshot, StorageReading
from models.registries.registry import Registry
from models.registries.robots import Grant, ObservedRobot
from models.registries.space import ObservedSpace
from tasks import clock
from tasks.http.limits import ListSize
from tasks.http.response import Answer
from tasks.registries.docker import wire
from tasks.registries.docker.login import Login, log_in
from tasks.registries.http import HttpClient
from tasks.registries.paging import list_too_large
from tasks.registries.protocol import Credential, Keep
from tasks.registries.wire import expect, parse

_UNAUTHORIZED, _NOT_ALLOWED = 401, 405


class DockerRegistry:
    """One Docker Registry over one pooled client.

    Args:
        http: a client without a credential of its own; the challenge decides how it is sent.
        registry: what is known of it, above all which token service may see the credential.
        credential: None for a registry without auth.
    """

    def __init__(self, http: HttpClient, registry: Registry, credential: Credential | None) -> None:
        self.http, self.registry, self.credential = http, registry, credential
        self._login = Login(verdicts=())

    async def examine(self) -> tuple[Verdict, ...]:
        """Find out step by step whether this registry can be worked with; see the protocol."""
        return (await log_in(self.http, self.registry, self.credential)).verdicts

    async def make_observer(
        self, installation: str, keep: Keep, replaces: int | None = None
    ) -> Grant | None:
        """Make none: a Docker Registry has no robot accounts; see the protocol."""
        return None

    async def revoke_observer(self, installation: str) -> bool:
        """Find none to delete; see the protocol."""
        return False

    async def look(self, installation: str = "") -> Snapshot:
        """See how the registry is and which spaces its repositories make; see the protocol."""
        taken_at, started = clock.now(), time.monotonic()
        self._login = await log_in(self.http, self.registry, self.credential)
        verdicts = self._login.verdicts  # of the first login, not of a token's renewal
        spaces = await self._spaces()
        return Snapshot(
            registry=self.http.name,
            taken_at=taken_at,
            seconds=time.monotonic() - started,
            verdicts=verdicts,
            spaces=spaces,
        )

    async def _spaces(self) -> Seen[ObservedSpace] | Unseen:
        against = failed(self._login.verdicts)
        if against is not None:
            return Unseen(reason=against.reason, message=against.message)
        try:
            return Seen[ObservedSpace](items=wire.spaces_of(await self._repositories()))
        except (Unauthorized, Forbidden):
            said = "the catalog may not be read: give the account the right registry:catalog:*"
            return Unseen(reason=Reason.CATALOG_FORBIDDEN, message=said)
        except NotFound:
            said = "the registry has no catalog, so its repositories cannot be listed"
            return Unseen(reason=Reason.CATALOG_DISABLED, message=said)
        except RegistryError as error:
            return Unseen(reason=error.reason, message=str(error))

    async def _repositories(self) -> Iterable[str]:
        """Read the catalog to its end; it is sorted, so pages do not shift under the reader.

        It sorts by path segment (`p/r0` before `p-a`), so only a repeated page start tells that
        it goes in circles.
        """
        found: dict[str, None] = {}
        answer = await self._first_page()
        starts: set[frozenset[tuple[str, str]]] = set()
        size = ListSize(self.http.bounds)
        while True:
            page = parse(self.http.name, answer, wire.CATALOG).repositories or ()
            if excess := size.add(len(page), len(answer.body)):
                raise list_too_large(self.http, answer, excess)
            found.update(dict.fromkeys(page))
            following = wire.next_page(answer.headers.get("link", ""))
            if following is None:
                return found
            start = frozenset(following.items())
            if not start or start in starts:
                said = "the catalog's pages cannot be followed to an end"
                raise Rejected(self.http.name, "GET", answer.url, said)
            starts.add(start)
            answer = await self._page(following)

    async def _first_page(self) -> Answer:
        """Ask for a large page; who allows no such page (`catalog.maxentries`) says how large."""
        try:
            return await self._page({"n": wire.PAGE_SIZE})
        except Rejected:
            return await self._page({})

    async def _page(self, query: Mapping[str, str | int]) -> Answer:
        """Read one page; a token that ran out meanwhile is renewed, once for each page."""
        answer = await self.http.get("/v2/_catalog", query, headers=self._headers())
        if answer.status == _UNAUTHORIZED and self._login.authorization.startswith("Bearer"):
            self._login = await log_in(self.http, self.registry, self.credential)
            answer = await self.http.get("/v2/_catalog", query, headers=self._headers())
        if answer.status == _NOT_ALLOWED:
            raise NotFound(self.http.name, "GET", answer.url, "answered 405")
        return expect(self.http.name, answer)

    def _headers(self) -> Mapping[str, str] | None:
        known = self._login.authorization
        return {"Authorization": known} if known else None

    async def read_storage(self) -> StorageReading:
        """Storage is not known: the protocol does not tell; see the protocol."""
        said = "a Docker Registry does not tell how much it stores"
        return StorageReading(spaces=Unseen(reason=Reason.NOT_PROBED, message=said))

    async def list_robots(self, installation: str) -> Seen[ObservedRobot] | Unseen:
        """There are none; see the protocol."""
        return NOT_ASKED

    async def make(self, change: Change, installation: str, keep: Keep) -> Outcome:
        """Refuse: visibility, spaces and grants are the platform's own here, nothing is planned."""
        said = "internal error, a Docker Registry has neither spaces nor robot accounts to change"
        raise Rejected(self.http.name, "-", self.registry.address, f"{said}: {change.kind}")

    async def accepts(self, credential: Credential) -> bool | None:
        """Whether this credential can log in; None also where nobody has to; see the protocol."""
        try:
            login = await log_in(self.http, self.registry, credential)
        except RegistryError:
            return None
        against = failed(login.verdicts)
        if against is not None:
            return False if against.reason is Reason.BAD_CREDENTIALS else None
        return True if login.authorization else None
