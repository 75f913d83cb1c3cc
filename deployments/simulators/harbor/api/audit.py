"""The audit log: who did what, newest first."""

from __future__ import annotations

import re
from urllib.parse import unquote

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.log import SAFE
from deployments.simulators.harbor.state import AuditEntry
from deployments.simulators.harbor.web.query import Columns, filtered, ordered, page_of, paging
from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import Answer, Refusal, json_answer, timestamp
from deployments.simulators.harbor.web.routing import BASE, Route

COLUMNS: Columns = {
    "id": lambda e: e.id,
    "op_time": lambda e: e.time,
    "operation": lambda e: e.operation,
    "resource": lambda e: e.resource,
    "resource_type": lambda e: e.resource_type,
    "username": lambda e: e.username,
}
CHANGES = re.compile(rf"{BASE}/projects/(?P<project>[^/]+)/?(?P<rest>metadatas(?:/.*)?)?")
EVENTS = [
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


def _shown(entry: AuditEntry) -> dict[str, object]:
    return {
        "id": entry.id,
        "op_time": timestamp(entry.time),
        "operation": entry.operation,
        "operation_description": entry.description,
        "operation_result": entry.success,
        "resource": entry.resource,
        "resource_type": entry.resource_type,
        "username": entry.username,
    }


def _page(call: Call, entries: list[AuditEntry]) -> Answer:
    rows = ordered(call, filtered(call, reversed(entries), COLUMNS), COLUMNS, "")
    return page_of(call, paging(call), rows, _shown)


async def list_all(call: Call) -> Answer:
    """GET /auditlog-exts: everything for who may, else what happened in one's own projects."""
    paging(call)
    if call.path.rstrip("/").endswith("-exts") and call.harbor.release < (2, 13):
        raise Refusal("NOT_FOUND", f"path {call.path} was not found")
    rights.require_user(call, "")
    if rights.allowed_system(call.caller, "audit-log", "list"):
        return _page(call, call.harbor.audit)
    return _page(call, [entry for entry in call.harbor.audit if _own(call, entry)])


def _own(call: Call, entry: AuditEntry) -> bool:
    user = call.caller.user
    project = call.harbor.projects.by_id(entry.project_id or 0)
    if user is None or project is None or project.role_of(user.id) is None:
        return False
    return rights.allowed(call.caller, project, "log", "list")


async def list_of_project(call: Call) -> Answer:
    """GET /projects/{name}/auditlog-exts."""
    paging(call)
    project = rights.require_project(call, "log", "list")
    return _page(call, [e for e in call.harbor.audit if e.project_id == project.id])


def note_update(call: Call, status: int) -> None:
    """Since 2.16 every attempt to change a known project is noted, refused ones too."""
    found = CHANGES.fullmatch(call.path)
    if found is None or call.method in SAFE or call.harbor.release < (2, 16):
        return
    if not found["rest"] and call.method != "PUT":
        return
    name = unquote(found["project"])
    project = call.harbor.projects.get(name) or call.harbor.projects.by_id(
        int(name) if name.isdecimal() else 0
    )
    if project is not None and not call.caller.anonymous:
        call.harbor.record(
            call.caller.name, "update", "project", project.name,
            success=status < 400, project_id=project.id,
        )  # fmt: skip


async def events(call: Call) -> Answer:
    """GET /auditlog-exts/events."""
    rights.require_user(call, "")
    return json_answer([{"event_type": name} for name in EVENTS])


ROUTES = [
    Route("GET", "/auditlog-exts", list_all),
    Route("GET", "/auditlog-exts/events", events),
    Route("GET", "/projects/{project}/auditlog-exts", list_of_project),
]
