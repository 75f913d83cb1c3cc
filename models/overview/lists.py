"""Lists of the console: one page of rows, and how a list is searched, filtered and sorted."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, Field

from models.core.base import FrozenModel
from models.core.names import MAX_NAME_LENGTH
from models.registries.condition import Health
from models.registries.registry import RegistryOrigin
from models.registries.space import Visibility

Item = TypeVar("Item")
Choice = TypeVar("Choice", bound=StrEnum)

ROWS_PER_PAGE = 50
MAX_ROWS_PER_PAGE = 200
"""Rows of one page at most, and options of one picker."""

_SIDE_ROWS = 20
_MAX_OFFSET = 10_000_000
"""More rows than any list has; a database rejects numbers beyond 64 bits."""


class ListPage(FrozenModel, Generic[Item]):
    """Some rows of a list.

    Attributes:
        items: the rows of this page.
        total: number of rows of the whole list, with its search and filters.
        offset: number of rows before this page.
        limit: largest number of rows of a page.
    """

    items: tuple[Item, ...] = ()
    total: int = 0
    offset: int = 0
    limit: int = ROWS_PER_PAGE

    @property
    def number(self) -> int:
        """Number of this page; the first is 1."""
        return self.offset // self.limit + 1

    @property
    def page_count(self) -> int:
        """Number of pages, at least 1."""
        return max(-(-self.total // self.limit), 1)

    @property
    def first(self) -> int:
        """Position of its first row in the list, from 1; 0 without rows."""
        return self.offset + 1 if self.items else 0

    @property
    def last(self) -> int:
        """Position of its last row in the list; 0 without rows."""
        return self.offset + len(self.items) if self.items else 0

    @property
    def previous_number(self) -> int | None:
        """Number of the page before; None if there is none."""
        return min(self.number - 1, self.page_count) if self.number > 1 else None

    @property
    def next_number(self) -> int | None:
        """Number of the next page; None if there is none."""
        return self.number + 1 if self.number < self.page_count else None


def _clean_search(text: str) -> str:
    return text.replace("\0", "").strip()[:MAX_NAME_LENGTH]  # PostgreSQL has no NUL


class ListQuery(FrozenModel):
    """Which rows of a list to show.

    Attributes:
        search: text that the name contains, upper and lower case alike; empty for all rows.
        descending: whether the sort order is reversed.
    """

    search: Annotated[str, AfterValidator(_clean_search)] = ""
    descending: bool = False
    offset: Annotated[int, Field(ge=0, le=_MAX_OFFSET)] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_ROWS_PER_PAGE)] = ROWS_PER_PAGE


def page_offset(number: str, limit: int = ROWS_PER_PAGE) -> int:
    """Return the rows before a page of a URL; 0 if that is not the number of a page.

    Args:
        number: number of the page as text, from 1.
        limit: rows of a page.
    """
    if not (number.isascii() and number.isdigit() and len(number) <= len(str(_MAX_OFFSET))):
        return 0
    return min((max(int(number), 1) - 1) * limit, _MAX_OFFSET)


def side_rows(params: Mapping[str, str], name: str) -> dict[str, Any]:
    """Return offset and limit of a further list of a page.

    Args:
        params: the parameters of the URL.
        name: the parameter with the number of its page.
    """
    return {"offset": page_offset(params.get(name, ""), _SIDE_ROWS), "limit": _SIDE_ROWS}


def parse_choice(choices: type[Choice], text: str) -> Choice | None:
    """Return the filter or sort key of a URL; None if it is not one of the choices."""
    return next((choice for choice in choices if choice.value == text), None)


class RegistrySort(StrEnum):
    """Columns that registries are sorted by; `HEALTH` puts unhealthy registries first."""

    NAME = "name"
    HEALTH = "health"
    TYPE = "type"
    ORIGIN = "origin"
    SPACES = "spaces"
    REPOSITORIES = "repositories"
    STORAGE = "storage"
    CHECKED = "checked"


class RegistryQuery(ListQuery):
    """Which registries to show; the search covers name, address and description.

    Attributes:
        health, kind, origin: only registries with this value; None for all.
    """

    health: Health | None = None
    kind: str | None = None
    origin: RegistryOrigin | None = None
    sort: RegistrySort = RegistrySort.NAME


class SpaceSort(StrEnum):
    """Columns that spaces are sorted by."""

    NAME = "name"
    STORAGE = "storage"
    REPOSITORIES = "repositories"
    BINDINGS = "bindings"


class SpaceState(StrEnum):
    """The state of a space: the registry's visibility compared with the desired one."""

    IN_SYNC = "in-sync"
    NOT_MANAGED = "not-managed"
    DRIFTED = "drifted"
    MISSING = "missing"
    NOT_CREATED = "not-created"


class SpaceQuery(ListQuery):
    """Which spaces of a registry to show.

    Attributes:
        visibility, state: only spaces with this value; None for all.
        is_bound: only spaces that are bound to a workspace, or only others; None for all.
    """

    visibility: Visibility | None = None
    state: SpaceState | None = None
    is_bound: bool | None = None
    sort: SpaceSort = SpaceSort.NAME


class WorkspaceSort(StrEnum):
    """Columns that workspaces are sorted by."""

    NAME = "name"
    NAMESPACES = "namespaces"
    SPACES = "spaces"


class WorkspaceQuery(ListQuery):
    """Which workspaces to show; the search covers name and description."""

    sort: WorkspaceSort = WorkspaceSort.NAME


class BindingQuery(ListQuery):
    """Which bindings to show, those not in force first.

    The search covers the names of registry, space and workspace, except those that are selected.

    Attributes:
        registry, space, workspace: only bindings of it; None for all.
        is_pending: only bindings that are not in force, or only others; None for all.
        is_held: only held bindings, or only others; None for all.
    """

    registry: str | None = None
    space: str | None = None
    workspace: str | None = None
    is_pending: bool | None = None
    is_held: bool | None = None


class NamespaceQuery(ListQuery):
    """Which namespaces to show; the search covers `cluster/namespace`.

    Attributes:
        cluster, workspace: only namespaces of it; None for all.
    """

    cluster: str | None = None
    workspace: str | None = None
