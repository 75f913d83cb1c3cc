"""Client of a Docker Registry: lists repositories and groups them into spaces.

A Docker Registry has neither projects nor visibility. This service manages both itself, so there is
nothing to write.
"""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from models.access.pull_user import PullUserLogin
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
from tasks.registries.docker.catalog import FIRST_QUERY, CatalogReader, ListNotProved
from tasks.registries.docker.checks import catalog_check, missing_catalog_check
from tasks.registries.docker.images import DockerImageReader
from tasks.registries.docker.login import LoginResult, log_in, renew_authorization
from tasks.registries.docker.tokens import REFUSALS, TokenService
from tasks.registries.paging import list_too_large_error
from tasks.registries.protocol import ClientOptions, Credential, SaveSecret
from tasks.registries.server import open_registry_client
from tasks.registries.wire import parse_json, raise_for_status

_BAD_REQUEST, _UNAUTHORIZED = 400, 401
_MAX_SINGLE_SAMPLES = 3
_DISABLED_STATUSES = (404, 405, 410, 501)
_UNSUPPORTED_CODE = b'"UNSUPPORTED"'


class DockerRegistryClient:
    """Client of one Docker Registry.

    Args:
        http: HTTP client without a credential; the challenge determines how it is sent.
        registry: the registry, with the token service that may receive the credential.
        credential: credential to log in with; None for a registry without authentication.
        credential_refused: whether the last observation found the credential refused. It is then
            sent once, so that no user is locked sooner.
    """

    def __init__(
        self,
        http: HttpClient,
        registry: Registry,
        credential: Credential | None,
        *,
        credential_refused: bool = False,
    ) -> None:
        self.http, self.registry, self.credential = http, registry, credential
        self._needs_catalog = not credential_refused
        self._login_result = LoginResult(checks=())
        self._samples: tuple[str, ...] | None = None

    async def probe(self) -> tuple[CheckResult, ...]:
        """Check step by step whether this registry can be integrated; see `RegistryReader`."""
        self._login_result = await self._log_in()
        return self._login_result.checks

    async def create_observer(
        self, installation: str, save_secret: SaveSecret, replaces: int | None = None
    ) -> RobotAccount | None:
        """Return None: a Docker Registry has no robot accounts; see `RegistryWriter`."""
        return None

    async def delete_observer(self, installation: str) -> bool:
        """Return False: there is no observer to delete; see `RegistryWriter`."""
        return False

    async def observe(self, installation: str = "", known_lists: str = "") -> Snapshot:
        """Observe health, and the spaces of the repositories; see `RegistryReader`."""
        taken_at, started = clock.now(), time.monotonic()
        self._login_result = await self._log_in()
        checks = self._login_result.checks
        spaces, catalog_checks = await self._read_spaces()
        return Snapshot(
            registry=self.http.name,
            observed_at=taken_at,
            seconds=time.monotonic() - started,
            checks=(*checks, *catalog_checks),
            spaces=spaces,
        )

    async def _log_in(self) -> LoginResult:
        return await log_in(
            self.http, self.registry, self.credential, needs_catalog=self._needs_catalog
        )

    async def _read_spaces(
        self,
    ) -> tuple[Complete[ObservedSpace] | Unavailable, tuple[CheckResult, ...]]:
        failed_check = first_failure(self._login_result.checks)
        if failed_check is not None:
            return Unavailable(reason=failed_check.reason, message=failed_check.message), ()
        try:
            reader = await self._read_catalog()
        except (Unauthorized, Forbidden, NotFound) as error:
            check = missing_catalog_check(error)
            return Unavailable(reason=check.reason, message=check.message), (check,)
        except ListNotProved as error:
            return Unavailable(reason=Reason.LIST_NOT_PROVED, message=str(error)), ()
        except RemoteError as error:
            return Unavailable(reason=error.reason, message=str(error)), ()
        self._samples = wire.sample_repositories(reader.repositories)
        spaces = wire.group_into_spaces(reader.repositories)
        return Complete[ObservedSpace](items=spaces), (catalog_check(reader.invalid_names),)

    async def _read_catalog(self) -> CatalogReader:
        reader, size = CatalogReader(), ListCounter(self.http.limits)
        query: Mapping[str, str] | None = FIRST_QUERY
        while query is not None:
            response = await self._read_page(query)
            if response.status == _BAD_REQUEST and query is FIRST_QUERY:
                # A registry with a smaller maximum (`catalog.maxentries`) refuses this page size;
                # without `n`, it chooses the size.
                query = {}
                response = await self._read_page(query)
            page = parse_json(_raise_for_catalog(response), wire.CATALOG_ADAPTER)
            if excess := size.add(len(page.repositories or ()), len(response.body)):
                raise list_too_large_error(self.http, response, excess)
            query = reader.add_page(page, response.headers.get("link", ""), query)
        return reader

    async def _read_page(self, query: Mapping[str, str]) -> Response:
        # A token may expire between pages, or a page may require another scope: get a new token
        # once per page.
        response = await self.http.get("/v2/_catalog", query, headers=self._auth_headers())
        if response.status == _UNAUTHORIZED and await self._renew_token(response):
            response = await self.http.get("/v2/_catalog", query, headers=self._auth_headers())
        return response

    async def log_in_pull_user(self, credential: Credential) -> PullUserLogin:
        """Log in, request a token to push, and read what it grants; see `RegistryReader`."""
        login = await log_in(self.http, self.registry, credential, needs_catalog=False)
        check = login.checks[-1]
        if login.token_service is None:
            return PullUserLogin(check=check)
        try:
            pushable = await self._read_pushable(login.token_service)
        except RemoteError as error:
            if error.transient:
                raise
            pushable = None
        return PullUserLogin(check=check, pushable=pushable)

    async def _read_pushable(self, service: TokenService) -> tuple[str, ...] | None:
        samples = await self._read_samples()
        try:
            return wire.pushable_repositories(await service.request_token(wire.push_scope(samples)))
        except REFUSALS:
            if len(samples) <= 1:
                return ()
        # Some services refuse several scopes in one request (Quay), or all of them for one.
        pushable: list[str] = []
        for repository in samples[:_MAX_SINGLE_SAMPLES]:
            with suppress(*REFUSALS):
                token = await service.request_token(wire.push_scope((repository,)))
                names = wire.pushable_repositories(token)
                if names is None:
                    return None
                pushable += names
        return tuple(pushable)

    async def _read_samples(self) -> tuple[str, ...]:
        # An observation has read the catalog, a probe has not: its first page is enough.
        if self._samples is None:
            try:
                response = _raise_for_catalog(await self._read_page(FIRST_QUERY))
                names = parse_json(response, wire.CATALOG_ADAPTER).repositories or ()
            except RemoteError:
                names = ()
            self._samples = wire.sample_repositories(
                name for name in names if isinstance(name, str) and wire.is_repository_name(name)
            )
        return self._samples

    async def _renew_token(self, response: Response) -> bool:
        authorization = await renew_authorization(self._login_result, response)
        if authorization:
            update = {"authorization": authorization}
            self._login_result = self._login_result.model_copy(update=update)
        return bool(authorization)

    def _auth_headers(self) -> Mapping[str, str] | None:
        authorization = self._login_result.authorization
        return {"Authorization": authorization} if authorization else None

    async def read_storage(self) -> StorageReading:
        """Return no storage usage: the API does not report it; see `RegistryReader`."""
        message = "a Docker Registry does not report its storage usage, and it is not counted"
        return StorageReading(spaces=Unavailable(reason=Reason.NOT_PROBED, message=message))

    async def open_images(self) -> DockerImageReader:
        """Log in, and return a reader of tags and manifests; see `RegistryReader`."""
        self._login_result = await self._log_in()
        if failed_check := first_failure(self._login_result.checks):
            target, url = self.http.target, f"{self.registry.address}/v2/"
            raise RemoteError(target, "GET", url, failed_check.message, failed_check.reason)
        return DockerImageReader(self.http, self._login_result, self._read_catalog)

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
            login = await log_in(self.http, self.registry, credential, needs_catalog=False)
        except RemoteError:
            return None
        reason = login.checks[-1].reason
        if reason in (Reason.BAD_CREDENTIALS, Reason.CREDENTIALS_ACCEPTED):
            return reason is Reason.CREDENTIALS_ACCEPTED
        return None


def _raise_for_catalog(response: Response) -> Response:
    is_unsupported = response.status == _BAD_REQUEST and _UNSUPPORTED_CODE in response.body
    if response.status in _DISABLED_STATUSES or is_unsupported:
        message = f"answered {response.status}"
        raise NotFound(response.target, response.method, response.url, message)
    return raise_for_status(response)


@asynccontextmanager
async def open_docker_registry(
    registry: Registry, options: ClientOptions
) -> AsyncIterator[DockerRegistryClient]:
    """Open one client; see `ClientOpener`."""
    async with open_registry_client(registry, options) as http:
        yield DockerRegistryClient(
            http,
            registry,
            options.credential,
            credential_refused=options.credential_refused,
        )
