"""Audit log, newest first."""

from __future__ import annotations

import re
from urllib.parse import unquote

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.log import SAFE_METHODS
from deployments.simulators.harbor.state import HarborAuditEntry
from deployments.simulators.harbor.web.query import (
    ColumnGetters,
    filter_rows,
    page_response,
    parse_paging,
    sort_rows,
)
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import (
    HarborError,
    HarborResponse,
    format_time,
    json_response,
)
from deployments.simulators.harbor.web.routing import BASE_PATH, Route

AUDIT_COLUMNS: ColumnGetters = {
    "id": lambda e: e.id,
    "op_time": lambda e: e.time,
    "operation": lambda e: e.operation,
    "resource": lambda e: e.resource,
    "resource_type": lambda e: e.resource_type,
    "username": lambda e: e.username,
}
UPDATE_PATTERN = re.compile(
    rf"{BASE_PATH}/projects/(?P<project>[^/]+)/?(?P<rest>metadatas(?:/.*)?)?"
)
EVENT_TYPES = [
    "create_artifact",
    "delete_artifact",
    "pull_artifact",
    "create_project",
    "delete_project",
    "delete_repository",
    "login_user",
    "logout_user",
    "create_user",
    "delete_user",
    "update_user",
    "create_robot",
    "delete_robot",
    "update_configuration",
    "create_member",
    "delete_member",
    "update_member",
    "update_project",
]


def _to_json(entry: HarborAuditEntry) -> dict[str, object]:
    return {
        "id": entry.id,
        "op_time": format_time(entry.time),
        "operation": entry.operation,
        "operation_description": entry.description,
        "operation_result": entry.success,
        "resource": entry.resource,
        "resource_type": entry.resource_type,
        "username": entry.username,
    }


def _entries_page(call: HarborRequest, entries: list[HarborAuditEntry]) -> HarborResponse:
    rows = sort_rows(call, filter_rows(call, reversed(entries), AUDIT_COLUMNS), AUDIT_COLUMNS, "")
    return page_response(call, parse_paging(call), rows, _to_json)


async def list_all(call: HarborRequest) -> HarborResponse:
    """GET /auditlog-exts: all entries if permitted, otherwise those of own projects."""
    parse_paging(call)
    if call.path.rstrip("/").endswith("-exts") and call.harbor.release < (2, 13):
        raise HarborError("NOT_FOUND", f"path {call.path} was not found")
    rights.require_user(call, "")
    if rights.is_system_allowed(call.caller, "audit-log", "list"):
        return _entries_page(call, call.harbor.audit)
    return _entries_page(call, [entry for entry in call.harbor.audit if _is_visible(call, entry)])


def _is_visible(call: HarborRequest, entry: HarborAuditEntry) -> bool:
    user = call.caller.user
    project = call.harbor.projects.by_id(entry.project_id or 0)
    if user is None or project is None or project.role_of(user.id) is None:
        return False
    return rights.is_allowed(call.caller, project, "log", "list")


async def list_for_project(call: HarborRequest) -> HarborResponse:
    """GET /projects/{name}/auditlog-exts."""
    parse_paging(call)
    project = rights.require_project(call, "log", "list")
    return _entries_page(call, [e for e in call.harbor.audit if e.project_id == project.id])


def record_project_update(call: HarborRequest, status: int) -> None:
    """Log an attempt to change an existing project: since 2.16, failed attempts are logged too."""
    match = UPDATE_PATTERN.fullmatch(call.path)
    if match is None or call.method in SAFE_METHODS or call.harbor.release < (2, 16):
        return
    if not match["rest"] and call.method != "PUT":
        return
    name = unquote(match["project"])
    project = call.harbor.projects.get(name) or call.harbor.projects.by_id(
        int(name) if name.isdecimal() else 0
    )
    if project is not None and not call.caller.is_anonymous:
        call.harbor.record(
            call.caller.name, "update", "project", project.name,
            success=status < 400, project_id=project.id,
        )  # fmt: skip


async def list_event_types(call: HarborRequest) -> HarborResponse:
    """GET /auditlog-exts/events."""
    rights.require_user(call, "")
    return json_response([{"event_type": name} for name in EVENT_TYPES])


AUDIT_ROUTES = [
    Route("GET", "/auditlog-exts", list_all),
    Route("GET", "/auditlog-exts/events", list_event_types),
    Route("GET", "/projects/{project}/auditlog-exts", list_for_project),
]
