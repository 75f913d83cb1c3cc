"""Read all pages of a list concurrently, and verify that the list is complete."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from models.core.availability import Complete, Unavailable
from models.core.errors import Rejected, ServerError
from models.core.reasons import Reason
from tasks.concurrency import gather_all
from tasks.http.client import HttpClient
from tasks.http.limits import ListCounter
from tasks.http.response import Response
from tasks.registries.wire import parse_json, raise_for_status

Row = TypeVar("Row")
ResultT = TypeVar("ResultT")

PAGE_SIZE = 100
"""Harbor's largest page; 0 returns all rows but costs Harbor a database connection per row."""

_MAX_TOTAL_DIGITS = 9
"""Maximum digits of `X-Total-Count`; a longer value does not come from Harbor."""


@dataclass(frozen=True, slots=True)
class _Page(Generic[ResultT]):
    total: int
    rows: dict[Hashable, ResultT]


async def read_pages(
    http: HttpClient,
    path: str,
    shape: TypeAdapter[list[Row]],
    key: Callable[[Row], Hashable],
    convert: Callable[[Row], ResultT],
    query: Mapping[str, str | int],
    headers: Mapping[str, str] | None = None,
) -> "Complete[ResultT] | Unavailable":
    """Read all pages of a list; the number of pages comes from `X-Total-Count`.

    Rows shift between pages if the list changes during the read. The list is complete only if all
    pages report the same total and that many distinct rows were read.

    Args:
        http: client of the registry.
        path: path of the list.
        shape: type adapter of a page.
        key: returns the unique key of a row.
        convert: reduces a row to the result, page by page, to save memory.
        query: query parameters, without paging.
        headers: headers with another `Authorization` than the client's own.

    Returns:
        The complete list; unavailable if it changed during the read.

    Raises:
        RemoteError: a page could not be read, or the list exceeds the client limits.
    """
    size = ListCounter(http.limits)

    async def page(number: int) -> _Page[ResultT]:
        page_query = {**query, "page": number, "page_size": PAGE_SIZE}
        response = await http.get(path, page_query, headers=headers, anonymous=bool(headers))
        rows = parse_json(raise_for_status(response), shape)
        total = _parse_total(response)
        if excess := size.add(len(rows), len(response.body)) or size.excess(total):
            raise list_too_large_error(http, response, excess)
        return _Page(total, {key(row): convert(row) for row in rows})

    first = await page(1)
    page_numbers = range(2, -(-first.total // PAGE_SIZE) + 1)
    pages = [first, *await gather_all(*(page(number) for number in page_numbers))]
    rows = {id_: row for page in pages for id_, row in page.rows.items()}
    totals = {page.total for page in pages}
    if totals != {len(rows)}:
        message = f"the list changed while it was read ({len(rows)} rows of {sorted(totals)})"
        return Unavailable(reason=Reason.PAGES_SHIFTED, message=message)
    return Complete.model_construct(items=tuple(rows.values()))


def list_too_large_error(http: HttpClient, response: Response, excess: str) -> Rejected:
    """Return the error for a list that exceeds the client limits.

    Args:
        http: client of the registry.
        response: the last page that was read.
        excess: message with the exceeded limit, see `ListCounter.add`.
    """
    return Rejected(http.target, response.method, response.url, excess, Reason.LIST_TOO_LARGE)


def _parse_total(response: Response) -> int:
    text = response.headers.get("x-total-count", "")
    if len(text) <= _MAX_TOTAL_DIGITS and text.isascii() and text.isdigit():
        return int(text)
    message = (
        "the response has no valid X-Total-Count header: check for a proxy that changes headers"
    )
    raise ServerError(response.target, response.method, response.url, message)
