"""List parameters of all Harbor lists: page, page_size, q and sort, and the Link header."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, unquote_plus

from deployments.simulators.harbor.state.errors import HarborError, bad_request, unprocessable
from deployments.simulators.harbor.web.request import HarborRequest, parse_integer
from deployments.simulators.harbor.web.responses import ListResponse, encode_json

MAX_PAGE_SIZE = 100
Row = TypeVar("Row")
_PAGE_KEYS = frozenset({"page", "page_size"})
NO_EQUALS_MESSAGE = 'the query string must contain "=" and the key/value cannot be empty'


class Paging(NamedTuple):
    """The requested page. A size of zero or less means all rows."""

    page: int
    size: int

    def row_slice(self) -> slice:
        """The slice of rows on this page."""
        if self.size <= 0:
            return slice(None)
        start = (max(self.page, 1) - 1) * self.size
        return slice(start, start + self.size)


def parse_paging(request: HarborRequest) -> Paging:
    """Return page and page_size, validated as go-swagger does."""
    page = parse_integer(request.query_value("page", "1"), "page", "query")
    size = parse_integer(request.query_value("page_size", "10"), "page_size", "query")
    if size > MAX_PAGE_SIZE:
        raise unprocessable("page_size in query should be less than or equal to 100")
    return Paging(page, size)


def link_header(request: HarborRequest, paging: Paging, total: int) -> str | None:
    """Return the Link header, with unescaped query."""
    if paging.size == 0:
        return None
    parts = []
    if paging.page > 1 and (paging.page - 1) * paging.size < total:
        parts.append(_page_link(request, paging.page - 1, paging.size, "prev"))
    if paging.page * paging.size < total:
        parts.append(_page_link(request, paging.page + 1, paging.size, "next"))
    return " , ".join(parts) or None


def _page_link(request: HarborRequest, page: int, size: int, relation: str) -> str:
    query = [pair for pair in request.query_params.multi_items() if pair[0] not in _PAGE_KEYS]
    query += [("page", str(page)), ("page_size", str(size))]
    pairs = [f"{key}={value}" for key, value in sorted(query, key=lambda pair: pair[0])]
    return f'<{unquote(request.path)}?{"&".join(pairs)}>; rel="{relation}"'


def page_response(
    request: HarborRequest, paging: Paging, rows: list[Row], show: Callable[[Row], object]
) -> ListResponse:
    """Return the requested page of filtered and sorted rows."""
    bodies = [encode_json(show(row)) for row in rows[paging.row_slice()]]
    return ListResponse(bodies, len(rows), link_header(request, paging, len(rows)))


RowTest = Callable[[Any], bool]


class QueryCondition(NamedTuple):
    """A `key=value` of q."""

    key: str
    kind: str
    value: str


def parse_conditions(text: str) -> list[QueryCondition]:
    """Parse q. The value is unescaped a second time, as in Harbor."""
    result = []
    for part in text.split(",") if text else []:
        key, equals, value = part.partition("=")
        if not (equals and key.strip() and value.strip()):
            raise bad_request(NO_EQUALS_MESSAGE)
        result.append(_parse_condition(key.strip(), unquote_plus(value.strip())))
    return result


def _parse_condition(key: str, value: str) -> QueryCondition:
    if value == "~":
        raise bad_request("invalid query string value: ~")
    for kind, start, end in (("or", "{", "}"), ("and", "(", ")"), ("range", "[", "]")):
        if value.startswith(start) and value.endswith(end):
            return QueryCondition(key, kind, value[1:-1])
    return (
        QueryCondition(key, "like", value[1:])
        if value[0] == "~"
        else QueryCondition(key, "is", value)
    )


def build_row_test(condition: QueryCondition, column: Callable[[Any], object]) -> RowTest:
    """Return a test of one row. A value of the wrong type is PostgreSQL's error: 500."""
    kind, text = condition.kind, condition.value
    if kind == "like":
        return lambda row: text.lower() in str(column(row)).lower()
    if kind == "range":
        low, _, high = text.partition("~")
        return lambda row: _is_between(column(row), low, high)
    if kind == "or":
        return lambda row: any(_is_equal(column(row), _parse_word(item)) for item in text.split())
    if kind == "and":
        return lambda row: all(_is_equal(column(row), _parse_word(item)) for item in text.split())
    return lambda row: _is_equal(column(row), text)


def _parse_word(item: str) -> str | int:
    # Items of a list that look like integers are integers, unless quoted.
    if len(item) > 1 and item[0] == item[-1] == '"':
        return item[1:-1]
    return int(item) if item.isdecimal() else item


def _is_equal(cell: object, value: str | int) -> bool:
    if isinstance(cell, bool):
        return str(value).lower() == str(cell).lower()
    if isinstance(cell, str):
        if isinstance(value, int):
            raise HarborError("UNKNOWN")
        return cell == value
    if isinstance(cell, datetime):
        return cell == _parse_time(str(value))
    try:
        return cell is not None and cell == int(value)
    except ValueError:
        raise HarborError("UNKNOWN") from None


def _is_between(cell: object, low: str, high: str) -> bool:
    parse: Callable[[str], Any] = _parse_time if isinstance(cell, datetime) else int
    try:
        bounds: Any = cell
        return (not low or parse(low) <= bounds) and (not high or bounds <= parse(high))
    except ValueError:
        raise HarborError("UNKNOWN") from None


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


ColumnGetters = Mapping[str, Callable[[Any], Any]]


def filter_rows(request: HarborRequest, rows: Iterable[Row], columns: ColumnGetters) -> list[Row]:
    """Return the rows that match q; unknown keys are ignored."""
    tests = [
        build_row_test(c, columns[c.key])
        for c in parse_conditions(request.query_value("q"))
        if c.key in columns
    ]
    return [row for row in rows if all(test(row) for test in tests)]


def sort_rows(
    request: HarborRequest, rows: list[Row], columns: ColumnGetters, default: str
) -> list[Row]:
    """Return the rows sorted by `sort`, or in default order; unknown keys are ignored."""
    sort_keys = [
        key for key in request.query_value("sort").split(",") if key.lstrip("-") in columns
    ]
    for key in reversed(sort_keys or [key for key in default.split(",") if key]):
        rows = sorted(rows, key=columns[key.lstrip("-")], reverse=key.startswith("-"))
    return rows
