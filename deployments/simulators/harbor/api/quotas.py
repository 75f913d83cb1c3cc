"""Quotas: storage limit and usage of every project."""

from __future__ import annotations

import math

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.state.core import HarborCore
from deployments.simulators.harbor.state.entities import Quota
from deployments.simulators.harbor.web.query import (
    ColumnGetters,
    page_response,
    parse_paging,
    sort_rows,
)
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import ListResponse, format_time
from deployments.simulators.harbor.web.routing import api_route

QUOTA_COLUMNS: ColumnGetters = {
    "creation_time": lambda q: q.created,
    "update_time": lambda q: q.updated,
    # Unlimited counts as the largest limit.
    "hard.storage": lambda q: math.inf if q.hard == -1 else q.hard,
    "used.storage": lambda q: q.used,
}


def _to_json(harbor: HarborCore, quota: Quota) -> dict[str, object]:
    return {
        "creation_time": format_time(quota.created),
        "hard": {"storage": quota.hard},
        "id": quota.id,
        "ref": _reference_json(harbor, quota),
        "update_time": format_time(quota.updated),
        "used": {"storage": quota.used},
    }


def _reference_json(harbor: HarborCore, quota: Quota) -> dict[str, object]:
    project = harbor.projects.by_id(quota.project_id)
    if project is None:
        return {}
    # The name of user 1 is empty; those of other owners are not.
    owner = "" if project.owner_id == 1 else project.owner_name
    return {"id": project.id, "name": project.name, "owner_name": owner}


async def list_all(request: HarborRequest) -> ListResponse:
    """GET /quotas: newest first."""
    paging = parse_paging(request)
    rights.require_system(request, "quota", "list")
    rows = sort_rows(request, _filter_quotas(request), QUOTA_COLUMNS, "-creation_time")
    return page_response(request, paging, rows, lambda quota: _to_json(request.harbor, quota))


def _filter_quotas(request: HarborRequest) -> list[Quota]:
    if request.query_value("reference", "project") != "project":
        return []
    id = request.query_value("reference_id")
    # Newest first, also for rows of the same time.
    rows = reversed(request.harbor.quotas.values())
    return [quota for quota in rows if not id or str(quota.project_id) == id]


ROUTES = [api_route("GET", "/quotas", list_all)]
