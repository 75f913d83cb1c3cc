"""When the pages of a catalog prove that the list is complete."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.registries.docker.catalog import (
    FIRST_QUERY,
    CatalogReader,
    ListNotProved,
    next_page_query,
    next_query_from_body,
)
from tasks.registries.docker.wire import Catalog

SIZE = 3


@pytest.mark.parametrize(
    ("link", "query"),
    [
        ("", None),
        ("nonsense", None),
        ('</v2/_catalog?last=a&n=5>; rel="prev"', None),
        ('</v2/_catalog?last=a&n=5>; title="next"', None),
        ('</v2/_catalog?last=a&n=5>; rel="nextpage"', None),
        ('</v2/_catalog?last=a%2Fb&n=5>; rel="next"', {"last": "a/b", "n": "5"}),
        ("</v2/_catalog?last=a>; rel=next", {"last": "a"}),
        ('</v2/_catalog?last=a>;rel="next"', {"last": "a"}),
        ('</v2/_catalog?last=a>; REL="Next"', {"last": "a"}),
        ('</v2/_catalog?last=a>; rel = "prefetch next"', {"last": "a"}),
        ('</v2/_catalog?last=a>; title="x"; rel="next"', {"last": "a"}),
        ('<https://h:5000/v2/_catalog?n=5&last=a>; rel="next"', {"n": "5", "last": "a"}),
        ('<http://elsewhere.test/steal?last=a>; rel="next"', {"last": "a"}),
        ('<http://[/v2/_catalog?last=a>; rel="next"', {"last": "a"}),
        ('</v2/_catalog?next_page=gAAAA&n=5>; rel="next"', {"next_page": "gAAAA", "n": "5"}),
        ('</v2/_catalog?last=a&filter=>; rel="next"', {"last": "a", "filter": ""}),
        ('<?last=a>; rel="prev", <?last=c>; rel="next"', {"last": "c"}),
        ('<?last=c>; rel="next", <?last=a>; rel="prev"', {"last": "c"}),
        ('</v2/_catalog>; rel="next"', {}),
        ('</v2/_catalog?last=a#last=b>; rel="next"', {"last": "a"}),
        (f'</v2/_catalog?last={"a" * 20_000}>; rel="next"', {}),
    ],
)
def test_next_page(link: str, query: dict[str, str] | None) -> None:
    assert next_page_query(link) == query


@pytest.mark.parametrize(
    ("successor", "query"),
    [
        (None, None),
        ("", None),
        ("/v2/_catalog?last=a&n=5", {"last": "a", "n": "5"}),
        ("team/app", {"last": "team/app"}),
    ],
)
def test_next_page_in_the_body(successor: str | None, query: dict[str, str] | None) -> None:
    assert next_query_from_body(successor) == query


@given(st.text(max_size=80))
def test_any_link_can_be_parsed(text: str) -> None:
    assert next_page_query(f'<{text}>; rel="next"') is not None or ">" in text or "<" in text


def _read(*pages: Sequence[object], link: bool = True, size: str = str(SIZE)) -> CatalogReader:
    """Add pages as the reader asks for them; with a Link on all but the last."""
    reader = CatalogReader()
    query: dict[str, str] | None = {"n": size} if size else {}
    for number, names in enumerate(pages, 1):
        assert query is not None, "the reader asks for no more pages"
        header = f"<?last={number}&n={size}>; rel=next" if link and number < len(pages) else ""
        query = reader.add_page(Catalog(repositories=tuple(names)), header, query)
    assert query is None, "the reader asks for another page"
    return reader


@pytest.mark.parametrize(
    "pages",
    [
        ([],),
        (["a"],),
        (["b", "a"],),  # one short page is complete in any order
        (["a", "b"], ["c"]),
        (["a", "b", "c"], ["d"]),
        (["a"], [], ["b"]),  # a page can be filtered by rights
        (["p/r0"], ["p-a"]),  # by path segment
        (["p-a"], ["p/r0"]),  # by byte
        (["ab"], ["a-c"]),  # by letter
    ],
)
def test_complete(pages: tuple[list[str], ...]) -> None:
    assert list(_read(*pages).repositories) == [name for page in pages for name in page]


@pytest.mark.parametrize(
    ("pages", "message"),
    [
        ((["a", "b"], ["b", "c"]), "repeat"),
        ((["a"], ["a"]), "repeat"),
        ((["c"], ["a"]), "not sorted"),
        ((["b", "c"], ["a", "d"]), "not sorted"),
        ((["c", "a"], ["d"]), "not sorted"),
    ],
)
def test_not_proved(pages: tuple[list[str], ...], message: str) -> None:
    with pytest.raises(ListNotProved, match=message):
        _read(*pages)


@pytest.mark.parametrize("link", ["<?n=3>; rel=next", "</v2/_catalog>; rel=next"])
def test_a_link_in_a_circle_or_to_nowhere_proves_nothing(link: str) -> None:
    with pytest.raises(ListNotProved, match="do not end"):
        CatalogReader().add_page(Catalog(repositories=("a",)), link, {"n": "3"})


@pytest.mark.parametrize("size", ["3", ""])
@pytest.mark.parametrize("names", [["a", "b", "c"], ["a", "b", "c", "d"]])
def test_without_a_link_the_page_after_the_last_name_must_be_empty(
    size: str, names: list[str]
) -> None:
    reader, query = CatalogReader(), {"n": size} if size else {}
    next_query = reader.add_page(Catalog(repositories=tuple(names)), "", query)
    assert next_query == {**query, "last": names[-1]}
    assert reader.add_page(Catalog(repositories=()), "", next_query) is None
    assert list(reader.repositories) == names


def test_a_server_with_its_own_page_tokens_may_ignore_the_last_name() -> None:
    reader = CatalogReader()
    first = Catalog(repositories=("a", "b", "c"))
    second = Catalog(repositories=("d", "e", "f"))
    query = reader.add_page(first, "<?token=x&n=3>; rel=next", {"n": "3"})
    assert query == {"token": "x", "n": "3"}
    query = reader.add_page(second, "", query)
    assert query == {"last": "f", "n": "3"}
    assert reader.add_page(first, "<?token=x&n=3>; rel=next", query) is None
    assert list(reader.repositories) == ["a", "b", "c", "d", "e", "f"]


def test_a_server_that_ignores_the_page_size_proves_nothing() -> None:
    names = ["a", "b", "c", "d"]
    with pytest.raises(ListNotProved, match="repeat"):
        _read(names, names, link=False)


def test_an_invalid_name_hides_only_itself() -> None:
    reader = _read(["a", "a b/c", 7, "b"], ["c"])
    assert (list(reader.repositories), sorted(reader.invalid_names)) == (
        ["a", "b", "c"],
        ["7", "a b/c"],
    )


@given(st.sets(st.from_regex(r"[a-z]{1,3}", fullmatch=True)), st.integers(1, 5), st.booleans())
def test_every_sorted_list_is_read_whole(names: set[str], size: int, with_link: bool) -> None:
    ordered, reader = sorted(names), CatalogReader()
    query: dict[str, str] | None = {"n": str(size)}
    while query is not None:
        last = query.get("last", "")
        rest = [name for name in ordered if name > last]
        page, more = rest[:size], len(rest) > size
        link = f"<?n={size}&last={page[-1]}>; rel=next" if more and with_link else ""
        query = reader.add_page(Catalog(repositories=tuple(page)), link, query)
    assert list(reader.repositories) == ordered


def test_another_list_is_called_by_its_name() -> None:
    reader = CatalogReader("list of tags", "tags")
    page = Catalog(repositories=("v1",), next=None)
    link = '</v2/team/app/tags/list?last=v1>; rel="next"'
    query = reader.add_page(page, link, FIRST_QUERY)
    assert query is not None
    with pytest.raises(ListNotProved, match="the pages of the list of tags repeat tags"):
        reader.add_page(page, "", query)
