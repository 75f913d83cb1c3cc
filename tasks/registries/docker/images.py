"""Read tags and manifests of a Docker Registry, to count their storage.

Specification: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple
from urllib.parse import quote

from pydantic import TypeAdapter

from models.core.errors import Forbidden, NotFound, RemoteError, ServerError, Unauthorized
from models.core.reasons import Reason
from models.images.manifest import IMAGE_TYPES, INDEX_TYPES, format_digest, parse_digest
from tasks.http.client import HttpClient
from tasks.http.limits import ListCounter
from tasks.http.response import Response
from tasks.registries.docker.catalog import FIRST_QUERY, CatalogReader, ListNotProved
from tasks.registries.docker.login import LoginResult, renew_authorization
from tasks.registries.docker.wire import CATALOG_PAGE_SIZE, Catalog
from tasks.registries.paging import list_too_large_error
from tasks.registries.protocol import RepositoryNames
from tasks.registries.wire import (
    RegistryModel,
    error_from_response,
    parse_json,
    raise_for_status,
)

_OK, _BAD_REQUEST, _UNAUTHORIZED, _NOT_FOUND, _NOT_ALLOWED = 200, 400, 401, 404, 405
_NO_REPOSITORY = b'"NAME_UNKNOWN"'
_UNKNOWN_CODES = (_NO_REPOSITORY, b'"MANIFEST_UNKNOWN"')
_MANIFEST_HEADERS = {"Accept": ", ".join(IMAGE_TYPES + INDEX_TYPES)}
_DIGEST_HEADER = "docker-content-digest"
_MAX_TOKENS = 50
"""Tokens that are kept: each repository may need its own."""


_MAX_TAGS = 20_000
"""Tags of one repository; one with more is not counted."""

_MAX_NAME_LENGTH = 255
"""Characters of a repository name, as docker/distribution limits it with the host."""


class _TagList(RegistryModel):
    """Body of GET /v2/<name>/tags/list; `tags` is null in some empty repositories."""

    tags: tuple[str, ...] | None
    next: str | None = None


_TAGS_ADAPTER = TypeAdapter(_TagList)


class _TagPage(NamedTuple):
    """One page of tags, and the query that requested it."""

    tags: tuple[str, ...] = ()
    link: str = ""
    next: str | None = None
    query: Mapping[str, str] = {}


class DockerImageReader:
    """Reads the images of one Docker Registry, see `ImageReader`.

    Args:
        http: HTTP client of the registry.
        login: result of the login, without a failed check.
        read_catalog: reads the catalog.
    """

    def __init__(
        self,
        http: HttpClient,
        login: LoginResult,
        read_catalog: Callable[[], Awaitable[CatalogReader]],
    ) -> None:
        self._http, self._login, self._read_catalog = http, login, read_catalog
        self._authorizations: dict[str, str] = {}

    @property
    def request_count(self) -> int:
        """Requests that were sent so far; see `ImageReader`."""
        return self._http.requests

    async def list_repositories(self) -> RepositoryNames:
        """List all repositories of the catalog; see `ImageReader`."""
        try:
            catalog = await self._read_catalog()
        except ListNotProved as error:
            raise self._list_error("/v2/_catalog", str(error)) from None
        except (Unauthorized, Forbidden, NotFound) as error:
            message = f"the registry does not list its repositories: {error.message}"
            raise self._list_error("/v2/_catalog", message) from None
        names = frozenset(name for name in catalog.repositories if _is_path(name))
        unusable_count = len(catalog.repositories) - len(names)
        return RepositoryNames(names, unusable_count + len(catalog.invalid_names))

    def _list_error(self, path: str, message: str) -> RemoteError:
        url = f"{self._http.origin}{path}"
        return RemoteError(self._http.target, "GET", url, message, Reason.LIST_NOT_PROVED)

    async def list_tags(self, repository: str) -> tuple[str, ...]:
        """List all tags of a repository; see `ImageReader`.

        The end of the list is proved as the end of the catalog is. docker-registry 2.8 ignores
        `n` and `last` here: it returns the whole list each time.
        """
        reader, size = CatalogReader("list of tags", "tags"), ListCounter(self._http.limits)
        query: Mapping[str, str] | None = FIRST_QUERY
        first_tags: frozenset[str] | None = None
        try:
            while query is not None:
                page = await self._read_tags(repository, query, size)
                tags = frozenset(page.tags)
                if tags and tags == first_tags:
                    return await self._confirm_tags(repository, page, size)
                first_tags = tags if first_tags is None else first_tags
                if len(page.tags) + len(reader.repositories) > _MAX_TAGS:
                    raise ListNotProved(f"there are more than {_MAX_TAGS:,} tags")
                names = Catalog(repositories=page.tags, next=page.next)
                query = reader.add_page(names, page.link, page.query)
        except ListNotProved as error:
            raise self._list_error(f"/v2/{repository}/tags/list", str(error)) from None
        return (*reader.repositories, *reader.invalid_names)

    async def _confirm_tags(
        self, repository: str, page: _TagPage, size: ListCounter
    ) -> tuple[str, ...]:
        # The page after the last tag is the first one again: the server ignores `last`. It sent
        # all tags, unless it observes `n` and sent exactly so many.
        if len(page.tags) == CATALOG_PAGE_SIZE:
            query = {"n": str(CATALOG_PAGE_SIZE - 1)}
            if (await self._read_tags(repository, query, size)).tags != page.tags:
                raise ListNotProved("the pages of the list of tags repeat tags")
        return page.tags

    async def _read_tags(
        self, repository: str, query: Mapping[str, str], size: ListCounter
    ) -> _TagPage:
        path = f"/v2/{quote(repository)}/tags/list"
        response = await self._send("GET", repository, path, query=query)
        if response.status == _BAD_REQUEST and query is FIRST_QUERY:
            query = {}  # a registry with a smaller maximum, see the catalog
            response = await self._send("GET", repository, path)
        if response.status == _NOT_FOUND and _NO_REPOSITORY in response.body:
            return _TagPage(query=query)
        answer = parse_json(raise_for_status(response), _TAGS_ADAPTER)
        tags = answer.tags or ()
        if excess := size.add(len(tags), len(response.body)):
            raise list_too_large_error(self._http, response, excess)
        return _TagPage(tags, response.headers.get("link", ""), answer.next, query)

    async def read_digest(self, repository: str, tag: str) -> bytes | None:
        """Return the digest that a tag refers to; see `ImageReader`.

        A server that does not tell the digest is asked for the manifest, to compute it.
        """
        path = f"/v2/{quote(repository)}/manifests/{tag}"
        response = await self._send("HEAD", repository, path, _MANIFEST_HEADERS)
        digest = parse_digest(response.headers.get(_DIGEST_HEADER, ""))
        if response.status == _OK and digest is not None:
            return digest
        if response.status not in (_OK, _NOT_FOUND, _NOT_ALLOWED):
            raise error_from_response(response)
        # Only the body of a 404 tells that there is no such tag: it may come from a proxy.
        response = await self._send("GET", repository, path, _MANIFEST_HEADERS)
        if response.status == _NOT_FOUND and any(code in response.body for code in _UNKNOWN_CODES):
            return None
        return hashlib.sha256(raise_for_status(response).raw_body).digest()

    async def read_manifest(self, repository: str, digest: bytes) -> bytes:
        """Return a manifest, byte by byte; see `ImageReader`."""
        path = f"/v2/{quote(repository)}/manifests/{format_digest(digest)}"
        response = raise_for_status(await self._send("GET", repository, path, _MANIFEST_HEADERS))
        if hashlib.sha256(response.raw_body).digest() != digest:
            message = "answered 200 with a manifest that has another digest"
            raise ServerError(response.target, response.method, response.url, message)
        return response.raw_body

    async def _send(
        self,
        method: str,
        repository: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Response:
        # With token authentication, each repository may need its own token, and tokens expire.
        response = await self._send_once(method, repository, path, headers, query)
        if response.status == _UNAUTHORIZED and await self._renew_token(repository, response):
            response = await self._send_once(method, repository, path, headers, query)
        return response

    async def _send_once(
        self,
        method: str,
        repository: str,
        path: str,
        headers: Mapping[str, str] | None,
        query: Mapping[str, str] | None,
    ) -> Response:
        authorization = self._authorizations.get(repository, self._login.authorization)
        credential = {"Authorization": authorization} if authorization else {}
        return await self._http.send(
            method, path, query=query, headers={**(headers or {}), **credential}
        )

    async def _renew_token(self, repository: str, response: Response) -> bool:
        authorization = await renew_authorization(self._login, response)
        if authorization:
            if len(self._authorizations) >= _MAX_TOKENS:
                del self._authorizations[next(iter(self._authorizations))]
            self._authorizations[repository] = authorization
        return bool(authorization)


def _is_path(name: str) -> bool:
    # Dot segments would lead to another path of the server.
    return len(name) <= _MAX_NAME_LENGTH and not {"", ".", ".."} & set(name.split("/"))
