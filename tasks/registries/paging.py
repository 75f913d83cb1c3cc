"""Read a list page by page, the pages side by side, and prove that it is whole."""

import re
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

from pydantic import TypeAdapter

from models.errors import ServerBroken
from models.reason import Reason
from models.snapshot import Seen, Unseen
from tasks.concurrency import side_by_side
from tasks.registries.answer import Answer
from tasks.registries.http import HttpClient
from tasks.registries.wire import expect, parse

Row = TypeVar("Row")

_MOST = 1_000_000
"""Rows that a list may claim to have; more is no Harbor's word."""

PAGE_SIZE = 100
"""Harbor's largest page; 0 would mean all rows and costs it a database connection per row."""


async def read_pages(
    http: HttpClient,
    path: str,
    shape: TypeAdapter[list[Row]],
    key: Callable[[Row], Hashable],
    query: Mapping[str, str | int],
    headers: Mapping[str, str] | None = None,
) -> "Seen[Row] | Unseen":
    """Read all pages of a list, counted from `X-Total-Count`.

    Rows shift between pages when the list changes meanwhile, so the list counts as seen only if
    all pages name the same total and as many distinct rows were read.

    Args:
        headers: with another `Authorization` than the client's own.

    Raises:
        RegistryError: a page could not be read.
    """

    async def page(number: int) -> Answer:
        asked = {**query, "page": number, "page_size": PAGE_SIZE}
        return expect(
            http.name, await http.get(path, asked, headers=headers, anonymous=bool(headers))
        )

    first = await page(1)
    total = _total(http.name, first)
    rest = range(2, -(-total // PAGE_SIZE) + 1)
    answers = [first, *await side_by_side(*(page(number) for number in rest))]
    rows = {key(row): row for answer in answers for row in parse(http.name, answer, shape)}
    totals = {_total(http.name, answer) for answer in answers}
    if totals != {len(rows)}:
        said = f"the list changed while it was read ({len(rows)} rows of {sorted(totals)})"
        return Unseen(reason=Reason.PAGES_SHIFTED, message=said)
    return Seen.model_construct(items=tuple(rows.values()))


def _total(registry: str, answer: Answer) -> int:
    told = answer.headers.get("x-total-count", "")
    if re.fullmatch(r"[0-9]{1,9}", told) and int(told) <= _MOST:
        return int(told)
    said = "the answer has no sound X-Total-Count: is there a proxy that changes headers?"
    raise ServerBroken(registry, answer.method, answer.url, said)
