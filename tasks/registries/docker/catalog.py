"""The pages of a catalog, and the proof that its last page was read, without I/O.

A catalog has no total: a server that names no next page may have reached the end, or may not
support pages (https://distribution.github.io/distribution/spec/api/#listing-repositories).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qsl

from tasks.registries.docker.wire import CATALOG_PAGE_SIZE, Catalog, is_repository_name

_MAX_HEADER_LENGTH = 16_384
_LINK_PATTERN = re.compile(r"[\s,]*+<([^>]*+)>([^<]*+)")
_RELATION_PATTERN = re.compile(r";\s*+rel\s*+=\s*+(?:\"([^\"]*+)\"|([^\s;,\"]++))", re.IGNORECASE)

FIRST_QUERY: Mapping[str, str] = {"n": str(CATALOG_PAGE_SIZE)}
"""The query of the first page."""


class ListNotProved(Exception):
    """The pages do not prove that the list is complete; the message says why."""


class CatalogReader:
    """Collects the pages of one catalog, or of another list that is paged like it.

    The list is complete if the pages name each other up to one without a successor, and that one is
    shorter than requested. After a longer one, or one of unknown size, the page after the last name
    has to be empty. Pages that repeat names, or that are in no known order, prove nothing: names
    can have moved from a later page to an earlier one during the read. Only pages that a server
    names by a token of its own may be in any order.

    Args:
        title, noun: what the list and its items are called in messages.

    Attributes:
        repositories: names of the repositories so far.
        invalid_names: names that cannot be used, as text.
    """

    def __init__(self, title: str = "catalog", noun: str = "names") -> None:
        self._pages, self._noun = f"the pages of the {title}", noun
        self.repositories: dict[str, None] = {}
        self.invalid_names: list[str] = []
        self._queries: set[frozenset[tuple[str, str]]] = set()
        self._orders: list[Callable[[str], object]] = list(_ORDERS)
        self._last_name = ""
        self._page_count = 0
        self._end_query: Mapping[str, str] | None = None
        self._ignores_last = False

    def add_page(self, page: Catalog, link: str, query: Mapping[str, str]) -> dict[str, str] | None:
        """Add a page.

        Args:
            page: the page.
            link: its Link header; empty without one.
            query: the query that requested it.

        Returns:
            The query of the next page; None if the list is complete.

        Raises:
            ListNotProved: the pages repeat names, are not sorted, or do not end.
        """
        names = page.repositories or ()
        if self._ignores_last and query == self._end_query and self._repeats(names):
            return None
        self._page_count += 1
        self._queries.add(frozenset(query.items()))
        self._add_names(names)
        next_query = next_page_query(link)
        if next_query is None:
            next_query = next_query_from_body(page.next)
        if next_query is not None:
            self._ignores_last = "last" not in next_query
        elif _is_end(len(names), query):
            return None
        else:
            size = {"n": query["n"]} if "n" in query else {}
            self._end_query = next_query = {**size, "last": self._last_name}
        if not next_query or frozenset(next_query.items()) in self._queries:
            raise ListNotProved(f"{self._pages} do not end")
        return next_query

    def _repeats(self, names: Iterable[object]) -> bool:
        # A server that names its next pages in its own way ignores `last`: it answers with a page
        # that is known. Since it named the pages before, the missing name proves the end.
        return {name for name in names if isinstance(name, str)} <= {
            *self.repositories,
            *self.invalid_names,
        }

    def _add_names(self, names: Iterable[object]) -> None:
        page_names = {name: None for name in names if isinstance(name, str)}
        if not page_names.keys().isdisjoint(self.repositories):
            raise ListNotProved(f"{self._pages} repeat {self._noun}")
        self.invalid_names += [str(name) for name in names if not isinstance(name, str)]
        for name in page_names:
            self._check_order(name)
            if is_repository_name(name):
                self.repositories[name] = None
            else:
                self.invalid_names.append(name)
        if self._page_count > 1 and not self._orders and not self._ignores_last:
            raise ListNotProved(f"{self._pages} are not sorted")

    def _check_order(self, name: str) -> None:
        self._orders = [order for order in self._orders if order(self._last_name) <= order(name)]  # type: ignore[operator]
        self._last_name = name


def _is_end(name_count: int, query: Mapping[str, str]) -> bool:
    size = query.get("n", "")
    return not name_count or (size.isdecimal() and name_count < int(size))


def _by_path(name: str) -> object:
    return name.split("/")


def _by_key(name: str) -> object:
    return f"{name}/"


def _by_letter(name: str) -> object:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_ORDERS: tuple[Callable[[str], object], ...] = (str, _by_path, _by_key, _by_letter)
"""Orders of real catalogs: by byte; by path segment (distribution: `p/r0` before `p-a`); by the key
in an object store (`p-a` before `p`); and by letter, as the collations of databases sort."""


def next_page_query(link: str) -> dict[str, str] | None:
    """Return the query of the next page from a Link header; None if it names no next page.

    Grammar: https://www.rfc-editor.org/rfc/rfc8288#section-3

    Returns:
        The query; empty if the header is too long or has no query, which is an error and not the
        end of the list.
    """
    # Only the query is used, so that a Link can never lead to another host; and the whole query,
    # since not every registry names the continuation parameter `last`.
    if len(link) > _MAX_HEADER_LENGTH:
        return {}
    position = 0
    while match := _LINK_PATTERN.match(link, position):
        if _is_next(match[2]):
            return _parse_query(match[1])
        position = match.end()
    return None


def _is_next(parameters: str) -> bool:
    relation = _RELATION_PATTERN.search(parameters)
    return relation is not None and "next" in (relation[1] or relation[2] or "").lower().split()


def next_query_from_body(successor: str | None) -> dict[str, str] | None:
    """Return the query of the next page from the field `next` of a body: a URL or a last name."""
    if not successor:
        return None
    return _parse_query(successor) if "?" in successor else {"last": successor}


def _parse_query(url: str) -> dict[str, str]:
    return dict(parse_qsl(url.partition("#")[0].partition("?")[2], keep_blank_values=True))
