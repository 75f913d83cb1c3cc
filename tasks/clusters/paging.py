"""Read complete lists page by page, from one consistent state.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Generic, TypeVar

from models.core.errors import RemoteError
from models.core.reasons import Reason
from tasks.clusters import api_errors
from tasks.clusters.objects import KubernetesModel, ListMeta
from tasks.http.client import HttpClient
from tasks.http.limits import ListCounter
from tasks.http.response import Response

OBJECT_PAGE_SIZE = 500

_MAX_TOKEN_LENGTH = 8_000
"""Characters; the token is sent in the next URL, and real tokens have some hundred."""

ModelT = TypeVar("ModelT", bound=KubernetesModel)
ResultT = TypeVar("ResultT")


class ObjectList(KubernetesModel, Generic[ModelT]):
    """A page of a list."""

    metadata: ListMeta = ListMeta()
    items: list[ModelT] | None = None


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
    for _ in range(2):
        try:
            return [
                item async for item in _iterate_pages(http, path, page, convert, query, to_error)
            ]
        except _ContinueExpired:
            continue
    kind = path.rpartition("/")[2]
    message = f"the list of {kind} could not be read completely: its pages expired twice (410)"
    raise RemoteError(http.target, "GET", path, message, Reason.PAGES_SHIFTED)


async def _iterate_pages(
    http: HttpClient,
    path: str,
    page: type[ObjectList[ModelT]],
    convert: Callable[[ModelT], ResultT],
    query: Mapping[str, str],
    to_error: Callable[[Response], RemoteError],
) -> AsyncIterator[ResultT]:
    continue_query: dict[str, str] = {}
    size, tokens = ListCounter(http.limits), _ContinueTokens()
    while True:
        response = await http.get(path, {**query, "limit": str(OBJECT_PAGE_SIZE), **continue_query})
        if response.status == 410 and continue_query:
            raise _ContinueExpired
        if response.status != 200:
            raise to_error(response)
        page_content = api_errors.parse_object(response, page)
        if excess := size.add(len(page_content.items or ()), len(response.body)):
            raise RemoteError(http.target, "GET", path, excess, Reason.LIST_TOO_LARGE)
        for item in page_content.items or ():
            yield convert(item)
        if not (token := page_content.metadata.continue_token):
            return
        if error := tokens.add(token):
            raise RemoteError(http.target, "GET", path, error, Reason.PAGES_SHIFTED)
        continue_query = {"continue": token}


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
