"""Pages of lists, and the filters of a URL."""

import pytest
from pydantic import ValidationError

from models.overview.lists import (
    MAX_ROWS_PER_PAGE,
    ListPage,
    ListQuery,
    SpaceState,
    page_offset,
    parse_choice,
)
from models.registries.condition import Health


def _page(total: int, offset: int, limit: int = 50) -> ListPage[int]:
    rows = tuple(range(total))[offset : offset + limit]
    return ListPage[int](items=rows, total=total, offset=offset, limit=limit)


@pytest.mark.parametrize(
    ("page", "number", "count", "rows", "previous", "next_"),
    [
        (_page(0, 0), 1, 1, (0, 0), None, None),
        (_page(50, 0), 1, 1, (1, 50), None, None),
        (_page(51, 0), 1, 2, (1, 50), None, 2),
        (_page(51, 50), 2, 2, (51, 51), 1, None),
        (_page(150, 50), 2, 3, (51, 100), 1, 3),
        (_page(51, 500), 11, 2, (0, 0), 2, None),  # rows were removed since the page was shown
    ],
)
def test_pages(
    page: ListPage[int],
    number: int,
    count: int,
    rows: tuple[int, int],
    previous: int | None,
    next_: int | None,
) -> None:
    assert (page.number, page.page_count) == (number, count)
    assert (page.first, page.last) == rows
    assert (page.previous_number, page.next_number) == (previous, next_)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("1", 0),
        ("2", 50),
        ("21", 1_000),
        ("", 0),
        ("0", 0),
        ("-3", 0),
        ("1.5", 0),
        ("two", 0),
        ("\N{ARABIC-INDIC DIGIT THREE}", 0),
        ("9" * 8, 10_000_000),
        ("9" * 5_000, 0),
    ],
)
def test_page_of_a_url(text: str, offset: int) -> None:
    assert page_offset(text) == offset
    assert ListQuery(offset=page_offset(text)).offset == offset


def test_search_is_trimmed_and_bounded() -> None:
    assert ListQuery(search="  team-a ").search == "team-a"
    assert len(ListQuery(search="x" * 10_000).search) == 255


@pytest.mark.parametrize(
    "values", [{"limit": 0}, {"limit": MAX_ROWS_PER_PAGE + 1}, {"offset": -1}, {"offset": 10**20}]
)
def test_bounds(values: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        ListQuery.model_validate(values)


def test_choices_of_a_url() -> None:
    assert parse_choice(Health, "unhealthy") is Health.UNHEALTHY
    assert parse_choice(SpaceState, "not-created") is SpaceState.NOT_CREATED
    assert parse_choice(Health, "") is None
    assert parse_choice(Health, "<script>") is None
