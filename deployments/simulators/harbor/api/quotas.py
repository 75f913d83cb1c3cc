"""Quotas: storage limit and usage of every project, with a delay per row."""

from __future__ import annotations

import asyncio
import math

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.api.project_writes import check_limit
from deployments.simulators.harbor.core import SimulatedHarbor
from deployments.simulators.harbor.state import Quota
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.query import (
    ColumnGetters,
    link_header,
    parse_paging,
    sort_rows,
)
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import (
    ZERO_TIME,
    HarborError,
    HarborResponse,
    encode_json,
    format_time,
    json_response,
    list_response,
)
from deployments.simulators.harbor.web.routing import Route

QUOTA_COLUMNS: ColumnGetters = {
    "creation_time": lambda q: q.created,
    "update_time": lambda q: q.updated,
    # Unlimited counts as the largest limit.
    "hard.storage": lambda q: math.inf if q.hard == -1 else q.hard,
    "used.storage": lambda q: q.used,
}


def _to_json(harbor: SimulatedHarbor, quota: Quota) -> dict[str, object]:
    return {
        "creation_time": format_time(quota.created),
        "hard": {"storage": quota.hard},
        "id": quota.id,
        "ref": _reference_json(harbor, quota),
        "update_time": format_time(quota.updated),
        "used": {"storage": quota.used},
    }


def _reference_json(harbor: SimulatedHarbor, quota: Quota) -> dict[str, object]:
    project = harbor.projects.by_id(quota.project_id)
    if project is None:
        return {}
    # The name of user 1 is empty; those of other owners are not.
    owner = "" if project.owner_id == 1 else project.owner_name
    return {"id": project.id, "name": project.name, "owner_name": owner}


async def list_all(call: HarborRequest) -> HarborResponse:
    """GET /quotas: newest first; each row takes `quota_row_seconds`."""
    page_request = parse_paging(call)
    rights.require_system(call, "quota", "list")
    rows = sort_rows(call, _filter_quotas(call), QUOTA_COLUMNS, "-creation_time")
    page = rows[page_request.row_slice()]
    if call.harbor.quota_row_seconds:
        await asyncio.sleep(call.harbor.quota_row_seconds * len(page))
    bodies = [encode_json(_to_json(call.harbor, quota)) for quota in page]
    return list_response(bodies, len(rows), link_header(call, page_request, len(rows)))


def _filter_quotas(call: HarborRequest) -> list[Quota]:
    if call.query_value("reference", "project") != "project":
        return []
    id = call.query_value("reference_id")
    # Newest first, also for rows of the same time.
    rows = reversed(call.harbor.quotas.values())
    return [quota for quota in rows if not id or str(quota.project_id) == id]


def _find_quota(call: HarborRequest) -> Quota:
    id = call.path_number("id")
    quota = call.harbor.quotas.get(id)
    if quota is None:
        raise HarborError("NOT_FOUND", f"quota {id} not found")
    return quota


async def get(call: HarborRequest) -> HarborResponse:
    """GET /quotas/{id}: as in the list, but with a zero update time."""
    call.path_number("id")
    rights.require_system(call, "quota", "read")
    return json_response(_to_json(call.harbor, _find_quota(call)) | {"update_time": ZERO_TIME})


async def change(call: HarborRequest) -> HarborResponse:
    """PUT /quotas/{id}: only storage can be limited."""
    call.path_number("id")
    payload = validation.parse_body(call, "hard", validation.QUOTA_SHAPE)
    rights.require_system(call, "quota", "update")
    quota = _find_quota(call)
    hard = payload.get("hard")
    if not hard:
        raise HarborError("BAD_REQUEST", "hard required in body")
    if set(hard) != {"storage"}:
        raise HarborError("BAD_REQUEST", "resource count not support")
    check_limit(hard["storage"])
    quota.hard, quota.updated = hard["storage"], call.harbor.clock()
    return HarborResponse(200)


QUOTA_ROUTES = [
    Route("GET", "/quotas", list_all),
    Route("GET", "/quotas/{id}", get),
    Route("PUT", "/quotas/{id}", change),
]
