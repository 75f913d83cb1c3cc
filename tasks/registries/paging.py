"""Read a list page by page, the pages side by side, and prove that it is whole."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from models.core.availability import Seen, Unseen
from models.core.errors import Rejected, ServerBroken
from models.core.reasons import Reason
from tasks.concurrency import side_by_side
from tasks.http.limits import ListSize
from tasks.http.response import Answer
from tasks.registries.http import HttpClient
from tasks.registries.wire import expect, parse

Row = TypeVar("Row")
Kept = TypeVar("Kept")

PAGE_SIZE = 100
"""Harbor's largest page; 0 would mean all rows and costs it a database connection per row."""

_LONGEST_TOTAL = 9
"""Digits of a total; more is no Harbor's word."""


@dataclass(frozen=True, slots=True)
class _Page(Generic[Kept]):
    total: int
    rows: dict[Hashable, Kept]


async def read_pages(
    http: HttpClient,
    path: str,
    shape: TypeAdapter[list[Row]],
    key: Callable[[Row], Hashable],
    keep: Callable[[Row], Kept],
    query: Mapping[str, str | int],
    headers: Mapping[str, str] | None = None,
) -> "Seen[Kept] | Unseen":
    """Read all pages of a list, counted from `X-Total-Count`.

    Rows shift between pages when the list changes meanwhile, so the list counts as seen only if
    all pages name the same total and as many distinct rows were read.

    Args:
        key: what tells rows apart.
        keep: takes what is wanted out of a row; the rest is dropped page by page.
        headers: with another `Authorization` than the client's own.

    Raises:
        RegistryError: a page could not be read, or the list is larger than allowed.
    """
    size = ListSize(http.bounds)

    async def page(number: int) -> _Page[Kept]:
        wanted = {**query, "page": number, "page_size": PAGE_SIZE}
        answer = await http.get(path, wanted, headers=headers, anonymous=bool(headers))
        rows = parse(http.name, expect(http.name, answer), shape)
        total = _total(http.name, answer)
        if excess := size.add(len(rows), len(answer.body)) or size.excess(total):
            raise list_too_large(http, answer, excess)
        return _Page(total, {key(row): keep(row) for row in rows})

    first = await page(1)
    rest = range(2, -(-first.total // PAGE_SIZE) + 1)
    pages = [first, *await side_by_side(*(page(number) for number in rest))]
    rows = {id_: row for page in pages for id_, row in page.rows.items()}
    totals = {page.total for page in pages}
    if totals != {len(rows)}:
        said = f"the list changed while it was read ({len(rows)} rows of {sorted(totals)})"
        return Unseen(reason=Reason.PAGES_SHIFTED, message=said)
    return Seen.model_construct(items=tuple(rows.values()))


def list_too_large(http: HttpClient, answer: Answer, excess: str) -> Rejected:
    """Return the error for a list that is larger than allowed."""
    return Rejected(http.name, answer.method, answer.url, excess, Reason.LIST_TOO_LARGE)


def _total(registry: str, answer: Answer) -> int:
    text = answer.headers.get("x-total-count", "")
    if len(text) <= _LONGEST_TOTAL and text.isascii() and text.isdigit():
        return int(text)
    said = "the answer has no sound X-Total-Count: is there a proxy that changes headers?"
    raise ServerBroken(registry, answer.method, answer.url, said)
