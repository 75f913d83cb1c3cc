"""Whole lists, page by page, all pages of one state.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Generic, TypeVar

from models.core.errors import ClusterError
from models.core.reasons import Reason
from tasks.clusters import api_errors
from tasks.clusters.http import ClusterHttp
from tasks.clusters.objects import ListMeta, Wire
from tasks.http.limits import ListSize
from tasks.http.response import Answer

PAGE_SIZE = 500

_LONGEST_TOKEN = 8_000
"""Characters; real ones have some hundred, and they go into the next request's URL."""

Shape = TypeVar("Shape", bound=Wire)
Kept = TypeVar("Kept")


class Page(Wire, Generic[Shape]):
    """A page of a list."""

    metadata: ListMeta = ListMeta()
    items: list[Shape] | None = None


async def read_all(
    http: ClusterHttp,
    path: str,
    page: type[Page[Shape]],
    keep: Callable[[Shape], Kept],
    *,
    query: Mapping[str, str],
    refused: Callable[[Answer], ClusterError],
) -> list[Kept]:
    """List all; once more from the start if the pages' common state was compacted meanwhile.

    Args:
        keep: takes what is wanted out of an item; the rest is dropped page by page.
        refused: makes an error of another answer than 200.

    Raises:
        ClusterError: it could not be read completely.
    """
    for _ in range(2):
        try:
            return [kept async for kept in _pages(http, path, page, keep, query, refused)]
        except _Expired:
            continue
    kind = path.rpartition("/")[2]
    said = f"{kind} changed too quickly to be read: the pages expired twice (410)"
    raise ClusterError(http.cluster, "GET", path, said, Reason.PAGES_SHIFTED)


async def _pages(
    http: ClusterHttp,
    path: str,
    page: type[Page[Shape]],
    keep: Callable[[Shape], Kept],
    query: Mapping[str, str],
    refused: Callable[[Answer], ClusterError],
) -> AsyncIterator[Kept]:
    more: dict[str, str] = {}
    size, tokens = ListSize(http.bounds), _Tokens()
    while True:
        answer = await http.get(path, {**query, "limit": str(PAGE_SIZE), **more})
        if answer.status == 410 and more:
            raise _Expired
        if answer.status != 200:
            raise refused(answer)
        read = api_errors.parse(http.cluster, answer, page)
        if excess := size.add(len(read.items or ()), len(answer.body)):
            raise ClusterError(http.cluster, "GET", path, excess, Reason.LIST_TOO_LARGE)
        for item in read.items or ():
            yield keep(item)
        if not (token := read.metadata.more):
            return
        if wrong := tokens.add(token):
            raise ClusterError(http.cluster, "GET", path, wrong, Reason.PAGES_SHIFTED)
        more = {"continue": token}


class _Tokens:
    """The `continue` tokens of one list, each of which leads on, or the list would never end."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def add(self, token: str) -> str:
        """Take a token, and return what is wrong with it, for people; empty if nothing is."""
        if len(token) > _LONGEST_TOKEN:
            return f"the token for the next page has {len(token):,} characters"
        digest = hashlib.sha256(token.encode()).digest()
        if digest in self._digests:
            return "the same token for the next page came twice, so the list would never end"
        self._digests.add(digest)
        return ""


class _Expired(Exception):
    """A page's state was compacted."""
