"""Search conditions, and pages of a query."""

from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select
from sqlalchemy.orm import Mapped
from sqlmodel import Session

from models.overview.lists import ListQuery

_ESCAPE = "\\"


def contains(search: str, *columns: Mapped[str] | ColumnElement[str]) -> ColumnElement[bool]:
    r"""Return the condition that a text is contained in one of the columns, in any case.

    Args:
        search: the text; `%`, `_` and `\` in it mean themselves.
        columns: columns of text.
    """
    conditions = [
        func.lower(column).like(_pattern(search.lower()), escape=_ESCAPE) for column in columns
    ]
    if not search.isascii():  # SQLite knows the case of ASCII letters only
        conditions += [column.like(_pattern(search), escape=_ESCAPE) for column in columns]
    return or_(*conditions)


def _pattern(text: str) -> str:
    for character in (_ESCAPE, "%", "_"):
        text = text.replace(character, _ESCAPE + character)
    return f"%{text}%"


def read_page(
    session: Session, query: Select[*tuple[Any, ...]], page: ListQuery
) -> tuple[list[Row[Any]], int]:
    """Return the rows of one page, and the number of rows of the whole query.

    Args:
        session: the transaction.
        query: the query with its conditions and order.
        page: offset and limit.
    """
    connection = session.connection()
    rows = list(connection.execute(query.offset(page.offset).limit(page.limit)))
    if rows and len(rows) < page.limit:  # the last page
        return rows, page.offset + len(rows)
    if not rows and not page.offset:
        return rows, 0
    count = select(func.count()).select_from(query.order_by(None).subquery())
    return rows, connection.execute(count).scalar_one()
