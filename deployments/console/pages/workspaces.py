"""Workspaces: the list, and what one of them can pull and why."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple

from sqlmodel import Session
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from deployments.console.context import read
from deployments.console.errors import PageNotFound
from deployments.console.rendering import render, url
from models.access.binding import Workspace
from models.clusters.membership import Namespace
from models.configuration.things import Mark, ThingKey, ThingKind
from models.core.settings import get_settings
from models.core.suggestion import suggest_name
from models.overview.audit_list import AuditItem, AuditQuery
from models.overview.items import BindingTotals
from models.overview.lists import (
    MAX_ROWS_PER_PAGE,
    ROWS_PER_PAGE,
    BindingQuery,
    ListPage,
    ListQuery,
    NamespaceQuery,
    SpaceQuery,
    WorkspaceQuery,
    WorkspaceSort,
    page_offset,
    parse_choice,
    side_rows,
)
from models.overview.robot_lines import robot_lines
from models.overview.views import BoundRegistry, BoundSpace, WorkspaceNamespace
from tasks import clock
from tasks.store.access import workspaces
from tasks.store.configuration import find_marks
from tasks.store.lists import registries as registry_lists
from tasks.store.lists.audit import list_audit
from tasks.store.lists.bindings import list_bindings, load_binding_totals
from tasks.store.lists.namespaces import list_namespaces, list_refused_namespaces
from tasks.store.lists.spaces import list_space_names
from tasks.store.lists.workspaces import list_bound_registries, list_workspaces

_PENDING = {"yes": True, "no": False}


class _PageData(NamedTuple):
    """What the page of a workspace shows.

    Attributes:
        mark: which file owns the workspace; None if none does.
        binding_marks: which files own the bindings of the page, by registry and space.
    """

    workspace: Workspace
    mark: Mark | None
    binding_marks: Mapping[tuple[str, str], Mark]
    totals: BindingTotals
    bound: ListPage[BoundSpace]
    members: ListPage[WorkspaceNamespace]
    refused: ListPage[Namespace]
    registries: tuple[BoundRegistry, ...]
    history: ListPage[AuditItem]
    registry_names: tuple[str, ...]
    space_names: tuple[str, ...]


async def show_list(request: Request) -> Response:
    """Show all workspaces."""
    params = request.query_params
    sort = params.get("sort", "")
    query = WorkspaceQuery(
        search=params.get("q", ""),
        sort=parse_choice(WorkspaceSort, sort.removeprefix("-")) or WorkspaceSort.NAME,
        descending=sort.startswith("-"),
        offset=page_offset(params.get("page", "")),
    )
    return render(
        request,
        "workspaces.html",
        page=await read(list_workspaces, query),
        list_query=query,
        sort=f"{'-' if query.descending else ''}{query.sort}",
    )


async def show(request: Request) -> Response:
    """Show a workspace."""
    name, params = request.path_params["name"], request.query_params
    data = await read(_load, name, params, clock.now())
    if data is None:
        raise await not_found(name)
    return render(
        request,
        "workspace.html",
        **data._asdict(),
        search=params.get("q", ""),
        pending=params.get("pending", ""),
        chosen_registry=params.get("registry", ""),
        space_search=params.get("sq", ""),
        registry_search=params.get("rq", ""),
        robot_lines=partial(robot_lines, retention=get_settings().superseded_retention),
    )


async def find_workspace(request: Request) -> Workspace:
    """Return the workspace of the address.

    Raises:
        PageNotFound: there is none of this name.
    """
    name = request.path_params["name"]
    workspace = await read(workspaces.get_workspace, name)
    if workspace is None:
        raise await not_found(name)
    return workspace


async def not_found(name: str) -> PageNotFound:
    """Return the error of an unknown workspace, with the name that may be meant."""
    suggestion = suggest_name(name, await read(workspaces.list_names))
    return PageNotFound(
        "workspace", name, suggestion, url("workspaces", suggestion) if suggestion else ""
    )


def _load(session: Session, name: str, params: QueryParams, now: datetime) -> _PageData | None:
    workspace = workspaces.get_workspace(session, name)
    if workspace is None:
        return None
    registry = params.get("registry", "")
    spaces = SpaceQuery(search=params.get("sq", ""))
    bound = list_bindings(session, _binding_query(name, params), now)
    marks = _load_marks(session, name, bound.items)
    return _PageData(
        workspace=workspace,
        mark=marks.pop(ThingKey(ThingKind.WORKSPACE, name), None),
        binding_marks={(key.registry, key.name): mark for key, mark in marks.items()},
        totals=load_binding_totals(session, BindingQuery(workspace=name)),
        bound=bound,
        members=list_namespaces(session, _namespace_query(params, "members", name)),
        refused=list_refused_namespaces(session, name, _namespace_query(params, "refused")),
        registries=list_bound_registries(session, name),
        history=list_audit(session, AuditQuery(workspace=name, **side_rows(params, "history"))),
        registry_names=registry_lists.list_names(
            session, ListQuery(search=params.get("rq", ""), limit=MAX_ROWS_PER_PAGE)
        ),
        space_names=list_space_names(session, registry, spaces, MAX_ROWS_PER_PAGE)
        if registry
        else (),
    )


def _load_marks(session: Session, name: str, bound: Iterable[BoundSpace]) -> dict[ThingKey, Mark]:
    bindings = [item.binding for item in bound]
    keys = [ThingKey(ThingKind.BINDING, item.space, item.registry, name) for item in bindings]
    return find_marks(session, [ThingKey(ThingKind.WORKSPACE, name), *keys])


def _binding_query(name: str, params: Mapping[str, str]) -> BindingQuery:
    return BindingQuery(
        workspace=name,
        search=params.get("q", ""),
        is_pending=_PENDING.get(params.get("pending", "")),
        offset=page_offset(params.get("page", "")),
        limit=ROWS_PER_PAGE,
    )


def _namespace_query(
    params: Mapping[str, str], name: str, workspace: str | None = None
) -> NamespaceQuery:
    return NamespaceQuery(workspace=workspace, **side_rows(params, name))
