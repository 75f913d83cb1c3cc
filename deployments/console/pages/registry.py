"""One registry: health, spaces, who can pull from it, history."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple

from sqlmodel import Session
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deployments.console.context import read
from deployments.console.errors import PageNotFound
from deployments.console.rendering import FORMER_FORM, render, url
from models.access.pull_user import pull_user_problem
from models.configuration.things import Mark, ThingKey, ThingKind
from models.core.settings import get_settings
from models.core.suggestion import suggest_name
from models.overview.audit_list import AuditItem, AuditQuery
from models.overview.image_commands import image_commands
from models.overview.items import BindingTotals, SpaceItem
from models.overview.lists import (
    MAX_ROWS_PER_PAGE,
    BindingQuery,
    ListPage,
    ListQuery,
    SpaceQuery,
    SpaceSort,
    SpaceState,
    page_offset,
    parse_choice,
    side_rows,
)
from models.overview.overview import RegistryStatistics
from models.overview.robot_lines import robot_lines
from models.overview.views import BoundSpace, WorkspaceAccess
from models.registries.registry import Registry
from models.registries.robots import RobotAccount
from models.registries.space import Space, Visibility
from tasks import clock
from tasks.store.configuration import count_marks, find_marks
from tasks.store.lists import workspaces as workspace_lists
from tasks.store.lists.audit import list_audit
from tasks.store.lists.bindings import list_bindings
from tasks.store.lists.registry_access import get_observer, load_registry_access
from tasks.store.lists.spaces import list_spaces
from tasks.store.registries import registries, spaces
from tasks.store.registries.statistics import get_registry_statistics

ROWS = (50, MAX_ROWS_PER_PAGE)
_BOUND = {"yes": True, "no": False}


class SpaceDetail(NamedTuple):
    """A space that the page shows in detail, with its bindings.

    Attributes:
        binding_marks: which files own the bindings, by workspace.
    """

    space: Space
    bindings: ListPage[BoundSpace]
    binding_marks: Mapping[str, Mark]


class _Ownership(NamedTuple):
    """What configuration files own.

    Attributes:
        mark: that of the registry; None if no file owns it.
        space_marks: those of the spaces of the page, by name.
        counts: how many spaces and bindings of the registry files own.
    """

    mark: Mark | None
    space_marks: Mapping[str, Mark]
    counts: Mapping[ThingKind, int]


class _PageData(NamedTuple):
    figures: RegistryStatistics
    spaces: ListPage[SpaceItem]
    totals: BindingTotals
    access: ListPage[WorkspaceAccess]
    held: ListPage[BoundSpace]
    observer: RobotAccount | None
    history: ListPage[AuditItem]
    workspace_names: tuple[str, ...]
    detail: SpaceDetail | None
    ownership: _Ownership


async def show(request: Request) -> Response:
    """Show a registry."""
    name, params = request.path_params["name"], request.query_params
    data = await read(_load, name, params, clock.now())
    if data is None and name == FORMER_FORM:
        return RedirectResponse(url("registries", "-", "new"), status_code=303)
    if data is None:
        raise await not_found(name)
    registry = data.figures.record.registry
    query = parse_query(params)
    return render(
        request,
        "registry.html",
        **data._asdict(),
        registry=registry,
        list_query=query,
        sort=f"{'-' if query.descending else ''}{query.sort}",
        states=list(SpaceState),
        visibilities=list(Visibility),
        bound=params.get("bound", ""),
        workspace_search=params.get("wq", ""),
        robot_lines=partial(robot_lines, retention=get_settings().superseded_retention),
        pull_user_problem=pull_user_problem(data.figures.record.conditions),
        commands=image_commands(registry, data.detail.space.name) if data.detail else (),
    )


async def find_registry(request: Request) -> Registry:
    """Return the registry of the address.

    Raises:
        PageNotFound: there is none of this name.
    """
    name = request.path_params["name"]
    records = await read(registries.list_registries, (name,))
    if not records:
        raise await not_found(name)
    return records[0].registry


async def not_found(name: str) -> PageNotFound:
    """Return the error of an unknown registry, with the name that may be meant."""
    suggestion = suggest_name(name, sorted(await read(registries.list_names)))
    return PageNotFound(
        "registry", name, suggestion, url("registries", suggestion) if suggestion else ""
    )


def parse_query(params: QueryParams | Mapping[str, str]) -> SpaceQuery:
    """Return the list query of an address; what is not a choice is ignored."""
    sort, rows = params.get("sort", ""), params.get("rows", "")
    limit = next((number for number in ROWS if str(number) == rows), ROWS[0])
    return SpaceQuery(
        search=params.get("q", ""),
        visibility=parse_choice(Visibility, params.get("visibility", "")),
        state=parse_choice(SpaceState, params.get("state", "")),
        is_bound=_BOUND.get(params.get("bound", "")),
        sort=parse_choice(SpaceSort, sort.removeprefix("-")) or SpaceSort.NAME,
        descending=sort.startswith("-"),
        limit=limit,
        offset=page_offset(params.get("page", ""), limit),
    )


def _load(session: Session, name: str, params: QueryParams, now: datetime) -> _PageData | None:
    figures = get_registry_statistics(session, name)
    if figures is None:
        return None
    held = BindingQuery(registry=name, is_held=True, **side_rows(params, "held"))
    workspace_rows = ListQuery(**side_rows(params, "access"))
    access = load_registry_access(session, name, workspace_rows, now)
    picker = ListQuery(search=params.get("wq", ""), limit=MAX_ROWS_PER_PAGE)
    space_page = list_spaces(session, name, parse_query(params))
    return _PageData(
        figures=figures.as_of(get_settings().poll_policy, now),
        spaces=space_page,
        totals=access.totals,
        access=access.workspaces,
        held=list_bindings(session, held, now),
        observer=get_observer(session, name),
        history=list_audit(session, AuditQuery(registry=name, **side_rows(params, "history"))),
        workspace_names=workspace_lists.list_names(session, picker),
        detail=_load_detail(session, name, params, now),
        ownership=_load_ownership(session, name, space_page.items),
    )


def _load_detail(
    session: Session, registry: str, params: QueryParams, now: datetime
) -> SpaceDetail | None:
    space = spaces.get_space(session, registry, params.get("space", ""))
    if space is None:
        return None
    query = BindingQuery(registry=registry, space=space.name, **side_rows(params, "bindings"))
    page = list_bindings(session, query, now)
    marks = find_marks(
        session,
        [
            ThingKey(ThingKind.BINDING, space.name, registry, item.binding.workspace)
            for item in page.items
        ],
    )
    return SpaceDetail(space, page, {key.workspace: mark for key, mark in marks.items()})


def _load_ownership(session: Session, name: str, items: Iterable[SpaceItem]) -> _Ownership:
    registry = ThingKey(ThingKind.REGISTRY, name)
    names = [item.statistics.space.name for item in items]
    keys = [ThingKey(ThingKind.SPACE, space, name) for space in names]
    marks = find_marks(session, [registry, *keys])
    mark = marks.pop(registry, None)
    space_marks = {key.name: space_mark for key, space_mark in marks.items()}
    return _Ownership(mark, space_marks, count_marks(session, name))
