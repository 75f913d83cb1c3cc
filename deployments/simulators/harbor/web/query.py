"""The list parameters every Harbor list understands: page, page_size, q, sort, and the Link."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, unquote_plus

from deployments.simulators.harbor.web.request import Call, whole
from deployments.simulators.harbor.web.responses import Answer, Refusal, encode, page_answer

MAX_PAGE_SIZE = 100
Row = TypeVar("Row")
NO_EQUALS = 'the query string must contain "=" and the key/value cannot be empty'


class Paging(NamedTuple):
    """The asked page. A size of zero or less means all rows."""

    page: int
    size: int

    def cut(self) -> slice:
        """The rows of this page."""
        if self.size <= 0:
            return slice(None)
        start = (max(self.page, 1) - 1) * self.size
        return slice(start, start + self.size)


def paging(call: Call) -> Paging:
    """page and page_size, checked as go-swagger does."""
    page = whole(call.first("page", "1"), "page", "query")
    size = whole(call.first("page_size", "10"), "page_size", "query")
    if size > MAX_PAGE_SIZE:
        raise Refusal(
            "UNPROCESSABLE_ENTITY",
            "validation failure list:\npage_size in query should be less than or equal to 100",
        )
    return Paging(page, size)


def link(call: Call, asked: Paging, total: int) -> str | None:
    """The Link header, with its unescaped query."""
    if asked.size == 0:
        return None
    parts = []
    if asked.page > 1 and (asked.page - 1) * asked.size < total:
        parts.append(_link(call, asked.page - 1, asked.size, "prev"))
    if asked.page * asked.size < total:
        parts.append(_link(call, asked.page + 1, asked.size, "next"))
    return " , ".join(parts) or None


def _link(call: Call, page: int, size: int, relation: str) -> str:
    query = call.query | {"page": [str(page)], "page_size": [str(size)]}
    pairs = [f"{key}={value}" for key in sorted(query) for value in query[key]]
    return f'<{unquote(call.path)}?{"&".join(pairs)}>; rel="{relation}"'


def page_of(call: Call, asked: Paging, rows: list[Row], show: Callable[[Row], object]) -> Answer:
    """The asked page of rows already filtered and sorted."""
    bodies = [encode(show(row)) for row in rows[asked.cut()]]
    return page_answer(bodies, len(rows), link(call, asked, len(rows)))


Test = Callable[[Any], bool]


class Condition(NamedTuple):
    """One `key=value` of q."""

    key: str
    kind: str
    value: str


def conditions(text: str) -> list[Condition]:
    """Parse q. The value is unescaped a second time, as in Harbor."""
    found = []
    for part in text.split(",") if text else []:
        key, equals, value = part.partition("=")
        if not (equals and key.strip() and value.strip()):
            raise Refusal("BAD_REQUEST", NO_EQUALS)
        found.append(_condition(key.strip(), unquote_plus(value.strip())))
    return found


def _condition(key: str, value: str) -> Condition:
    if value == "~":
        raise Refusal("BAD_REQUEST", "invalid query string value: ~")
    for kind, start, end in (("or", "{", "}"), ("and", "(", ")"), ("range", "[", "]")):
        if value.startswith(start) and value.endswith(end):
            return Condition(key, kind, value[1:-1])
    return Condition(key, "like", value[1:]) if value[0] == "~" else Condition(key, "is", value)


def matcher(condition: Condition, column: Callable[[Any], object]) -> Test:
    """A test of one row. A value that does not fit the column is PostgreSQL's error: 500."""
    kind, text = condition.kind, condition.value
    if kind == "like":
        return lambda row: text.lower() in str(column(row)).lower()
    if kind == "range":
        low, _, high = text.partition("~")
        return lambda row: _between(column(row), low, high)
    if kind == "or":
        return lambda row: any(_same(column(row), _unquoted(word)) for word in text.split())
    if kind == "and":
        return lambda row: all(_same(column(row), _unquoted(word)) for word in text.split())
    return lambda row: _same(column(row), text)


def _unquoted(word: str) -> str | int:
    """Words of a list that look like integers are integers, unless quoted."""
    if len(word) > 1 and word[0] == word[-1] == '"':
        return word[1:-1]
    return int(word) if word.isdecimal() else word


def _same(cell: object, value: str | int) -> bool:
    if isinstance(cell, bool):
        return str(value).lower() == str(cell).lower()
    if isinstance(cell, str):
        if isinstance(value, int):
            raise Refusal("UNKNOWN")
        return cell == value
    if isinstance(cell, datetime):
        return cell == _moment(str(value))
    try:
        return cell is not None and cell == int(value)
    except ValueError:
        raise Refusal("UNKNOWN") from None


def _between(cell: object, low: str, high: str) -> bool:
    parse: Callable[[str], Any] = _moment if isinstance(cell, datetime) else int
    try:
        bounds: Any = cell
        return (not low or parse(low) <= bounds) and (not high or bounds <= parse(high))
    except ValueError:
        raise Refusal("UNKNOWN") from None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


Columns = Mapping[str, Callable[[Any], Any]]


def filtered(call: Call, rows: Iterable[Row], columns: Columns) -> list[Row]:
    """The rows that match q; unknown keys are ignored."""
    tests = [matcher(c, columns[c.key]) for c in conditions(call.first("q")) if c.key in columns]
    return [row for row in rows if all(test(row) for test in tests)]


def ordered(call: Call, rows: list[Row], columns: Columns, default: str) -> list[Row]:
    """The rows by `sort`, or the model's own order; unknown keys are ignored."""
    asked = [key for key in call.first("sort").split(",") if key.lstrip("-") in columns]
    for key in reversed(asked or [key for key in default.split(",") if key]):
        rows = sorted(rows, key=columns[key.lstrip("-")], reverse=key.startswith("-"))
    return rows
