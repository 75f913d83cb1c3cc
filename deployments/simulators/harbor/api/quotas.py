"""Quotas: every project's storage limit and use, at a price per row."""

from __future__ import annotations

import asyncio
import math

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.api.project_writes import check_limit
from deployments.simulators.harbor.core import Harbor
from deployments.simulators.harbor.state import Quota
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.query import Columns, link, ordered, paging
from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import (
    ZERO_TIME,
    Answer,
    Refusal,
    encode,
    json_answer,
    page_answer,
    timestamp,
)
from deployments.simulators.harbor.web.routing import Route

SORTS: Columns = {
    "creation_time": lambda q: q.created,
    "update_time": lambda q: q.updated,
    # Unlimited counts as the largest limit.
    "hard.storage": lambda q: math.inf if q.hard == -1 else q.hard,
    "used.storage": lambda q: q.used,
}


def _shown(harbor: Harbor, quota: Quota) -> dict[str, object]:
    return {
        "creation_time": timestamp(quota.created),
        "hard": {"storage": quota.hard},
        "id": quota.id,
        "ref": _reference(harbor, quota),
        "update_time": timestamp(quota.updated),
        "used": {"storage": quota.used},
    }


def _reference(harbor: Harbor, quota: Quota) -> dict[str, object]:
    project = harbor.projects.by_id(quota.project_id)
    if project is None:
        return {}
    # The name of user 1 comes out empty; other owners are named.
    owner = "" if project.owner_id == 1 else project.owner_name
    return {"id": project.id, "name": project.name, "owner_name": owner}


async def list_all(call: Call) -> Answer:
    """GET /quotas: newest first; each row costs `quota_row_seconds` of waiting."""
    asked = paging(call)
    rights.require_system(call, "quota", "list")
    rows = ordered(call, _asked_for(call), SORTS, "-creation_time")
    page = rows[asked.cut()]
    if call.harbor.quota_row_seconds:
        await asyncio.sleep(call.harbor.quota_row_seconds * len(page))
    bodies = [encode(_shown(call.harbor, quota)) for quota in page]
    return page_answer(bodies, len(rows), link(call, asked, len(rows)))


def _asked_for(call: Call) -> list[Quota]:
    if call.first("reference", "project") != "project":
        return []
    id = call.first("reference_id")
    # The newest first, so that rows of one moment come in a sensible order too.
    rows = reversed(call.harbor.quotas.values())
    return [quota for quota in rows if not id or str(quota.project_id) == id]


def _find(call: Call) -> Quota:
    id = call.number("id")
    quota = call.harbor.quotas.get(id)
    if quota is None:
        raise Refusal("NOT_FOUND", f"quota {id} not found")
    return quota


async def get(call: Call) -> Answer:
    """GET /quotas/{id}: as in the list, but the update time is zero."""
    call.number("id")
    rights.require_system(call, "quota", "read")
    return json_answer(_shown(call.harbor, _find(call)) | {"update_time": ZERO_TIME})


async def change(call: Call) -> Answer:
    """PUT /quotas/{id}: only storage can be limited."""
    call.number("id")
    given = validation.body(call, "hard", validation.QUOTA)
    rights.require_system(call, "quota", "update")
    quota = _find(call)
    hard = given.get("hard")
    if not hard:
        raise Refusal("BAD_REQUEST", "hard required in body")
    if set(hard) != {"storage"}:
        raise Refusal("BAD_REQUEST", "resource count not support")
    check_limit(hard["storage"])
    quota.hard, quota.updated = hard["storage"], call.harbor.clock()
    return Answer(200)


ROUTES = [
    Route("GET", "/quotas", list_all),
    Route("GET", "/quotas/{id}", get),
    Route("PUT", "/quotas/{id}", change),
]
