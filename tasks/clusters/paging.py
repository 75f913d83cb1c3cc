"""Read complete lists page by page, from one consistent state.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks

The tenants of a cluster choose the number and the size of their objects. A page that is too large
is read again in halves; an object that cannot be read alone, or a namespace with more objects than
allowed, is left out, and counts for its own namespace only.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from pydantic import Field

from models.core.errors import CircuitOpen, InvalidItems, RemoteError, ResponseTooLarge
from models.core.reasons import Reason
from tasks.clusters import api_errors
from tasks.clusters.objects import (
    KubernetesModel,
    KubernetesObject,
    ListMeta,
    ObjectIdentity,
    PartialObject,
)
from tasks.http.api_model import MAX_VALUES, count_values
from tasks.http.client import HttpClient
from tasks.http.limits import ListCounter
from tasks.http.response import Response

OBJECT_PAGE_SIZE = 500

MAX_EXCLUSIONS = 10
"""Namespaces that are left out of one list; each takes one more reading of the list."""

_TIMED_OUT_DIVISOR = 8
"""What a page is divided by after a timeout: each attempt takes long, and time is limited."""

_MAX_TOKEN_LENGTH = 8_000
"""Characters; the token is sent in the next URL, and real tokens have some hundred."""

_MAX_OBJECT_BYTES = 4_000_000
"""Bytes of one object as JSON; etcd stores 1.5 MiB: https://etcd.io/docs/v3.6/dev-guide/limit/"""

_METADATA_ONLY = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
"""https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches"""

ModelT = TypeVar("ModelT", bound=KubernetesObject)
ResultT = TypeVar("ResultT")
_ItemT = TypeVar("_ItemT", bound=KubernetesModel)


class ObjectList(KubernetesModel, Generic[_ItemT]):
    """A page of a list."""

    metadata: ListMeta = ListMeta()
    items: list[_ItemT] | None = None


class _ObjectIdentities(KubernetesModel):
    """A page with the metadata of one object."""

    metadata: ListMeta = ListMeta()
    items: list[PartialObject] = Field(min_length=1, max_length=1)


class ListResult(NamedTuple, Generic[ResultT]):
    """A list that is complete but for some namespaces.

    Attributes:
        items: the objects of all other namespaces.
        unreadable: messages by namespace whose objects could not all be read.
    """

    items: tuple[ResultT, ...]
    unreadable: Mapping[str, str]


async def list_all_objects(
    http: HttpClient,
    path: str,
    page: type[ObjectList[ModelT]],
    convert: Callable[[ModelT], ResultT],
    *,
    query: Mapping[str, str],
    to_error: Callable[[Response], RemoteError],
) -> list[ResultT]:
    """List all objects; restart once if the state of the pages was compacted (410).

    Args:
        http: HTTP client of the cluster.
        path: API path of the list.
        page: model of a page.
        convert: reduces an item to the result, page by page, to save memory.
        query: query parameters, without paging.
        to_error: returns the error for a status other than 200.

    Raises:
        RemoteError: the list could not be read completely.
    """
    result = await list_readable_objects(
        http, path, page, convert, query=query, to_error=to_error, max_exclusions=0
    )
    for namespace, error in result.unreadable.items():
        message = f"namespace {namespace}: {error}"
        raise RemoteError(http.target, "GET", path, message, Reason.NAMESPACE_UNREADABLE)
    return list(result.items)


async def list_readable_objects(
    http: HttpClient,
    path: str,
    page: type[ObjectList[ModelT]],
    convert: Callable[[ModelT], ResultT],
    *,
    query: Mapping[str, str],
    to_error: Callable[[Response], RemoteError],
    max_exclusions: int = MAX_EXCLUSIONS,
) -> ListResult[ResultT]:
    """List the objects of all namespaces that can be read; see `list_all_objects`.

    Args:
        max_exclusions: namespaces that may be left out because they have too many objects.

    Raises:
        RemoteError: the list could not be read, for another reason than these namespaces and
            objects that cannot be read alone.
    """
    excluded: dict[str, str] = {}
    expiries = 0
    while True:
        pages = _Pages(http, path, page, _exclude(query, excluded), to_error)
        try:
            items = [
                (object_owner(item.metadata), convert(item)) async for item in pages.iterate_items()
            ]
        except _ContinueExpired:
            expiries += 1
            if expiries == 2:
                raise _expired_error(http, path) from None
        except _NamespaceTooLarge as excess:
            if len(excluded) == max_exclusions:
                raise RemoteError(
                    http.target, "GET", path, str(excess), Reason.LIST_TOO_LARGE
                ) from None
            excluded[excess.namespace] = excess.message
        else:
            unreadable = {**excluded, **pages.unreadable}
            return ListResult(
                tuple(item for owner, item in items if owner not in unreadable), unreadable
            )


def object_owner(identity: ObjectIdentity) -> str:
    """Return the namespace of an object; the name of a namespace itself."""
    return identity.namespace or identity.name


def _exclude(query: Mapping[str, str], namespaces: Iterable[str]) -> Mapping[str, str]:
    # A role may limit the right to list by `resourceNames`, so the name stays in the selector:
    # https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/#chained-selectors
    selectors = [query["fieldSelector"]] if "fieldSelector" in query else []
    selectors += [f"metadata.namespace!={namespace}" for namespace in namespaces]
    return {**query, "fieldSelector": ",".join(selectors)} if selectors else query


def _expired_error(http: HttpClient, path: str) -> RemoteError:
    kind = path.rpartition("/")[2]
    message = f"the list of {kind} could not be read completely: its pages expired twice (410)"
    return RemoteError(http.target, "GET", path, message, Reason.PAGES_SHIFTED)


class _Pages(Generic[ModelT]):
    """The pages of one list, from its start."""

    def __init__(
        self,
        http: HttpClient,
        path: str,
        page: type[ObjectList[ModelT]],
        query: Mapping[str, str],
        to_error: Callable[[Response], RemoteError],
    ) -> None:
        self._http, self._path, self._page, self._query = http, path, page, query
        self._to_error = to_error
        self._page_size = self._max_page_size = OBJECT_PAGE_SIZE
        self._token = ""
        self._size, self._tokens = ListCounter(http.limits), _ContinueTokens()
        self._namespace = _NamespaceCounter(http)
        self.unreadable: dict[str, str] = {}

    async def iterate_items(self) -> AsyncIterator[ModelT]:
        """Yield the items of all pages that can be read.

        Raises:
            _ContinueExpired: the state of the pages was compacted.
            _NamespaceTooLarge: a namespace has more objects than allowed.
            RemoteError: the list cannot be read.
        """
        while True:
            try:
                items, token = await self._read_page()
            except (ResponseTooLarge, InvalidItems) as error:
                if self._page_size > 1:
                    # A continue token is a position, and stays valid for another limit.
                    is_invalid = isinstance(error, InvalidItems)
                    self._page_size = 1 if is_invalid else self._page_size // 2
                    continue
                items, token = (), await self._skip_object(error)
            except RemoteError as error:
                is_timeout = error.reason is Reason.TIMED_OUT and not isinstance(error, CircuitOpen)
                if not is_timeout or self._page_size == 1:
                    raise
                # What one tenant has put into it may be what takes so long.
                self._page_size = max(self._page_size // _TIMED_OUT_DIVISOR, 1)
                self._max_page_size = self._page_size
                continue
            for item in items:
                yield item
            if not token:
                return
            if message := self._tokens.add(token):
                raise RemoteError(
                    self._http.target, "GET", self._path, message, Reason.PAGES_SHIFTED
                )
            self._token = token

    async def _read_page(self) -> tuple[Sequence[ModelT], str]:
        response = await self._get(self._page_size)
        content = api_errors.parse_object(response, self._page)
        items = content.items or []
        self._count(len(items), response)
        self._namespace.add({object_owner(item.metadata) for item in items}, len(items), response)
        if self._is_small(response):
            self._page_size = min(2 * self._page_size, self._max_page_size)
        return items, content.metadata.continue_token

    async def _skip_object(self, error: RemoteError) -> str:
        """Note the namespace of an object that cannot be read, and return the next token.

        Raises:
            RemoteError: nor can its metadata, so its namespace is not known.
        """
        response = await self._get(1, _METADATA_ONLY)
        if len(response.body) > _MAX_OBJECT_BYTES:
            raise error  # not the answer of an API server
        try:
            content = api_errors.parse_object(response, _ObjectIdentities)
        except RemoteError:
            raise error from None
        self._count(1, response)
        kind = self._path.rpartition("/")[2]
        identity = content.items[0].metadata
        if kind != "namespaces" and not identity.namespace:
            raise error
        self.unreadable[object_owner(identity)] = f'{kind} "{identity.name}": {error.message}'
        return content.metadata.continue_token

    async def _get(self, limit: int, headers: Mapping[str, str] | None = None) -> Response:
        query = {**self._query, "limit": str(limit)}
        if self._token:
            query["continue"] = self._token
        response = await self._http.get(self._path, query, headers=headers)
        if response.status == 410 and self._token:
            raise _ContinueExpired
        if response.status != 200:
            raise self._to_error(response)
        return response

    def _count(self, items: int, response: Response) -> None:
        if excess := self._size.add(items, len(response.body)):
            raise RemoteError(self._http.target, "GET", self._path, excess, Reason.LIST_TOO_LARGE)

    def _is_small(self, response: Response) -> bool:
        # A page of twice as many such objects is still within the limits.
        return (
            4 * len(response.body) <= self._http.limits.max_bytes
            and 4 * count_values(response.body) <= MAX_VALUES
        )


class _NamespaceCounter:
    """Counts the objects of one namespace after the other: a list is ordered by namespace."""

    def __init__(self, http: HttpClient) -> None:
        self._limits = http.limits
        self._namespace, self._items, self._bytes = "", 0, 0

    def add(self, namespaces: Collection[str], items: int, response: Response) -> None:
        """Add a page.

        A page with objects of several namespaces counts for none of them: nobody is left out for
        the objects of others.

        Raises:
            _NamespaceTooLarge: the namespace has more objects than allowed.
        """
        if len(namespaces) != 1:
            self._namespace = ""
            return
        (namespace,) = namespaces
        if namespace != self._namespace:
            self._namespace, self._items, self._bytes = namespace, 0, 0
        self._items += items
        self._bytes += len(response.body)
        limits = self._limits
        if self._items > limits.max_namespace_items:
            raise _NamespaceTooLarge(namespace, f"more than {limits.max_namespace_items:,} objects")
        if self._bytes > limits.max_namespace_bytes:
            message = f"objects of more than {limits.max_namespace_bytes / 1e6:.0f} MB"
            raise _NamespaceTooLarge(namespace, message)


class _ContinueTokens:
    """The `continue` tokens of one list; a repeated token means an endless list."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def add(self, token: str) -> str:
        """Add a token and return an error message; empty if the token is valid."""
        if len(token) > _MAX_TOKEN_LENGTH:
            return f"the token for the next page has {len(token):,} characters"
        digest = hashlib.sha256(token.encode()).digest()
        if digest in self._digests:
            return "the token for the next page is repeated, so the list would never end"
        self._digests.add(digest)
        return ""


class _ContinueExpired(Exception):
    """The state of the pages was compacted (410)."""


class _NamespaceTooLarge(Exception):
    """A namespace has more objects than allowed."""

    def __init__(self, namespace: str, message: str) -> None:
        self.namespace, self.message = namespace, message
        super().__init__(f"namespace {namespace}: {message}")
