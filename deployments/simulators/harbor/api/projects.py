"""Read projects: list and get."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.api import project_rows
from deployments.simulators.harbor.state.collections import ProjectCollection
from deployments.simulators.harbor.state.entities import Project
from deployments.simulators.harbor.web.query import (
    ColumnGetters,
    filter_rows,
    link_header,
    parse_paging,
    sort_rows,
)
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import ListResponse
from deployments.simulators.harbor.web.routing import api_route

PROJECT_COLUMNS: ColumnGetters = {
    "name": lambda p: p.name,
    "Name": lambda p: p.name,
    "project_id": lambda p: p.id,
    "ProjectID": lambda p: p.id,
    "registry_id": lambda p: p.registry_id,
    "owner_id": lambda p: p.owner_id,
    "owner": lambda p: p.owner_name,
    "public": lambda p: p.metadata.get("public", ""),
    "creation_time": lambda p: p.created,
    "update_time": lambda p: p.updated,
}

_FILTER_KEYS = ("q", "name", "owner")

_WHOLE_LISTS = {"": ProjectCollection.page, "-project_id": ProjectCollection.newest_page}
"""Slices of the complete list, by `sort`."""


async def list_projects(request: HarborRequest) -> ListResponse:
    """GET /projects: projects visible to the caller, sorted by name."""
    paging = parse_paging(request)
    show = project_rows.project_row
    if request.query_flag("with_detail") is False:
        show = project_rows.project_row_without_detail
    all_projects = request.harbor.projects
    rows = rights.visible_projects(request.harbor, request.caller, request.query_flag("public"))
    whole_list = _WHOLE_LISTS.get(request.query_value("sort"))
    is_filtered = rows is not None or any(request.query_value(key) for key in _FILTER_KEYS)
    if whole_list is not None and not is_filtered:
        # A real Harbor has an index for these orders: they need no copy.
        cut = paging.row_slice()
        total, page = len(all_projects), whole_list(all_projects, cut.start or 0, cut.stop)
    else:
        rows = _filter_projects(request, all_projects.sorted_by_name() if rows is None else rows)
        total, page = len(rows), rows[paging.row_slice()]
    if request.harbor.row_seconds:
        await asyncio.sleep(request.harbor.row_seconds * len(page))
    caller = request.caller
    bodies = [show(project, caller) for project in page]
    return ListResponse(bodies, total, link_header(request, paging, total))


def _filter_projects(request: HarborRequest, rows: list[Project]) -> list[Project]:
    name, owner = request.query_value("name").lower(), request.query_value("owner")
    if name:
        rows = [p for p in rows if name in p.name]
    if owner:
        rows = [p for p in rows if p.owner_name == owner]
    return sort_rows(request, filter_rows(request, rows, PROJECT_COLUMNS), PROJECT_COLUMNS, "")


async def get_project(request: HarborRequest) -> Response:
    """GET /projects/{id or name}."""
    project = rights.require_project(request, "project", "read")
    body = project_rows.project_row(project, request.caller) + b"\n"
    return Response(body, media_type="application/json")


ROUTES = [
    api_route("GET", "/projects", list_projects),
    api_route("GET", "/projects/{project}", get_project),
]
