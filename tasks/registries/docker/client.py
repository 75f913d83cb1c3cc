"""Client of a Docker Registry: lists repositories and groups them into spaces.

A Docker Registry has neither projects nor visibility. This service manages both itself, so there is
nothing to write.
"""

import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from models.core.availability import Complete, Unavailable
from models.core.errors import Forbidden, NotFound, Rejected, RemoteError, Unauthorized
from models.core.reasons import Reason
from models.registries.changes import Change, ChangeResult
from models.registries.condition import CheckResult
from models.registries.health import first_failure
from models.registries.observation import NOT_REQUESTED, Snapshot, StorageReading
from models.registries.registry import Registry
from models.registries.robots import ObservedRobot, RobotAccount
from models.registries.space import ObservedSpace
from tasks import clock
from tasks.http.client import HttpClient
from tasks.http.limits import ListCounter
from tasks.http.response import Response
from tasks.registries.docker import wire
from tasks.registries.docker.login import LoginResult, log_in
from tasks.registries.paging import list_too_large_error
from tasks.registries.protocol import ClientOptions, Credential, SaveSecret
from tasks.registries.server import open_registry_client
from tasks.registries.wire import parse_json, raise_for_status

_UNAUTHORIZED, _NOT_ALLOWED = 401, 405


class DockerRegistryClient:
    """Client of one Docker Registry.

    Args:
        http: HTTP client without a credential; the challenge determines how it is sent.
        registry: the registry, with the token service that may receive the credential.
        credential: credential to log in with; None for a registry without authentication.
    """

    def __init__(self, http: HttpClient, registry: Registry, credential: Credential | None) -> None:
        self.http, self.registry, self.credential = http, registry, credential
        self._login_result = LoginResult(checks=())

    async def probe(self) -> tuple[CheckResult, ...]:
        """Check step by step whether this registry can be integrated; see `RegistryReader`."""
        return (await log_in(self.http, self.registry, self.credential)).checks

    async def create_observer(
        self, installation: str, save_secret: SaveSecret, replaces: int | None = None
    ) -> RobotAccount | None:
        """Return None: a Docker Registry has no robot accounts; see `RegistryWriter`."""
        return None

    async def delete_observer(self, installation: str) -> bool:
        """Return False: there is no observer to delete; see `RegistryWriter`."""
        return False

    async def observe(self, installation: str = "") -> Snapshot:
        """Observe health, and the spaces of the repositories; see `RegistryReader`."""
        taken_at, started = clock.now(), time.monotonic()
        self._login_result = await log_in(self.http, self.registry, self.credential)
        checks = self._login_result.checks  # before `_read_spaces`, which may renew the token
        spaces = await self._read_spaces()
        return Snapshot(
            registry=self.http.name,
            observed_at=taken_at,
            seconds=time.monotonic() - started,
            checks=checks,
            spaces=spaces,
        )

    async def _read_spaces(self) -> Complete[ObservedSpace] | Unavailable:
        failed_check = first_failure(self._login_result.checks)
        if failed_check is not None:
            return Unavailable(reason=failed_check.reason, message=failed_check.message)
        try:
            return Complete[ObservedSpace](
                items=wire.group_into_spaces(await self._read_repositories())
            )
        except (Unauthorized, Forbidden):
            message = "the catalog may not be read: grant the account registry:catalog:*"
            return Unavailable(reason=Reason.CATALOG_FORBIDDEN, message=message)
        except NotFound:
            message = "the catalog is disabled, so the repositories cannot be listed"
            return Unavailable(reason=Reason.CATALOG_DISABLED, message=message)
        except RemoteError as error:
            return Unavailable(reason=error.reason, message=str(error))

    async def _read_repositories(self) -> Iterable[str]:
        # The catalog is sorted, so its pages do not shift during the read. It is sorted by path
        # segment (`p/r0` before `p-a`), so names cannot show that the pages go in a circle; only a
        # repeated page start can.
        repositories: dict[str, None] = {}
        response = await self._read_first_page()
        starts: set[frozenset[tuple[str, str]]] = set()
        size = ListCounter(self.http.limits)
        while True:
            page = parse_json(response, wire.CATALOG_ADAPTER).repositories or ()
            if excess := size.add(len(page), len(response.body)):
                raise list_too_large_error(self.http, response, excess)
            repositories.update(dict.fromkeys(page))
            next_query = wire.next_page_query(response.headers.get("link", ""))
            if next_query is None:
                return repositories
            start = frozenset(next_query.items())
            if not start or start in starts:
                message = "the pages of the catalog do not end"
                raise Rejected(self.http.target, "GET", response.url, message)
            starts.add(start)
            response = await self._read_page(next_query)

    async def _read_first_page(self) -> Response:
        # A registry with a smaller maximum (`catalog.maxentries`) refuses this page size; without
        # `n`, it chooses the size.
        try:
            return await self._read_page({"n": wire.CATALOG_PAGE_SIZE})
        except Rejected:
            return await self._read_page({})

    async def _read_page(self, query: Mapping[str, str | int]) -> Response:
        # A token may expire between pages: renew it once per page.
        response = await self.http.get("/v2/_catalog", query, headers=self._auth_headers())
        if response.status == _UNAUTHORIZED and self._login_result.authorization.startswith(
            "Bearer"
        ):
            self._login_result = await log_in(self.http, self.registry, self.credential)
            response = await self.http.get("/v2/_catalog", query, headers=self._auth_headers())
        if response.status == _NOT_ALLOWED:
            raise NotFound(self.http.target, "GET", response.url, "answered 405")
        return raise_for_status(response)

    def _auth_headers(self) -> Mapping[str, str] | None:
        authorization = self._login_result.authorization
        return {"Authorization": authorization} if authorization else None

    async def read_storage(self) -> StorageReading:
        """Return no storage usage: the API does not report it; see `RegistryReader`."""
        message = "a Docker Registry does not report its storage usage"
        return StorageReading(spaces=Unavailable(reason=Reason.NOT_PROBED, message=message))

    async def list_robots(self, installation: str) -> Complete[ObservedRobot] | Unavailable:
        """Return `NOT_REQUESTED`: there are no robot accounts; see `RegistryReader`."""
        return NOT_REQUESTED

    async def apply_change(
        self, change: Change, installation: str, save_secret: SaveSecret
    ) -> ChangeResult:
        """Raise: this service manages visibility, spaces and access itself; see `RegistryWriter`.

        Raises:
            Rejected: always; no plan for a Docker Registry has changes.
        """
        message = "internal error: a Docker Registry has no spaces or robot accounts to change"
        raise Rejected(self.http.target, "-", self.registry.address, f"{message}: {change.kind}")

    async def can_log_in(self, credential: Credential) -> bool | None:
        """Return whether a credential can log in; see `RegistryWriter`.

        None also if the registry requires no authentication.
        """
        try:
            login = await log_in(self.http, self.registry, credential)
        except RemoteError:
            return None
        failed_check = first_failure(login.checks)
        if failed_check is not None:
            return False if failed_check.reason is Reason.BAD_CREDENTIALS else None
        return True if login.authorization else None


@asynccontextmanager
async def open_docker_registry(
    registry: Registry, options: ClientOptions
) -> AsyncIterator[DockerRegistryClient]:
    """Open one client; see `ClientOpener`."""
    async with open_registry_client(registry, options) as http:
        yield DockerRegistryClient(http, registry, options.credential)
