"""Create, change and delete projects."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.state.core import HarborCore
from deployments.simulators.harbor.state.errors import HarborError, bad_request, unprocessable
from deployments.simulators.harbor.web.request import API_PREFIX, Caller, HarborRequest
from deployments.simulators.harbor.web.routing import api_route
from deployments.simulators.harbor.web.validation import METADATA_KEYS, PROJECT_SHAPE, parse_body

NAME_PATTERN = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
MAX_BYTES = 1024**5


async def create(request: HarborRequest) -> Response:
    """POST /projects."""
    payload = await parse_body(request, "project", PROJECT_SHAPE)
    name = payload.get("project_name", "")
    if len(name) > 255:
        prefix = "validation failure list:\n"
        raise unprocessable(f"{prefix}project_name in body should be at most 255 chars long")
    rights.require_user(request)
    _check_creator(request)
    limit = _storage_limit(request, payload)
    metadata = _new_metadata(payload)
    _check_name(name)
    if name in request.harbor.projects:
        request.harbor.next_id("project")  # the failed insert uses up an id
        raise HarborError("CONFLICT", f"The project named {name} already exists")
    owner = _choose_owner(request.harbor, request.caller)
    project = request.harbor.add_project(name, storage_limit=limit, owner=owner, metadata=metadata)
    project.registry_id = 0  # as in Harbor's database; the project of an installation has none
    use_name = request.headers.get("x-resource-name-in-location", "").lower() == "true"
    location = f"{API_PREFIX}/projects/{name if use_name else project.id}"
    return Response(status_code=201, headers={"location": location})


def _check_creator(request: HarborRequest) -> None:
    caller = request.caller
    if caller.robot is not None and caller.robot.level != "system":
        raise HarborError("FORBIDDEN", "Only system level robot can create project")
    # A system robot with project:create is treated as an administrator here.
    as_admin = rights.is_system_allowed(caller, "project", "create")
    if request.harbor.settings.project_creation_restriction == "adminonly" and not as_admin:
        raise HarborError("FORBIDDEN", "Only system admin can create project")


def _storage_limit(request: HarborRequest, payload: dict[str, Any]) -> int:
    # Only sysadmins and robots with project:create can set a limit; others get the default.
    settings = request.harbor.settings
    limit = int(payload.get("storage_limit") or 0)
    may = rights.is_system_allowed(request.caller, "project", "create")
    if not limit or not settings.quota_per_project_enable or not may:
        return settings.storage_per_project
    _check_limit(limit)
    return limit


def _check_limit(value: int) -> None:
    # -1 or positive, and at most 1024 TB.
    if value <= 0 and value != -1:
        raise bad_request(f"bad request: invalid non-positive value for quota limit, value={value}")
    if value > MAX_BYTES:
        raise bad_request(
            f"bad request: exceeded 1024TB, which is {MAX_BYTES} Bytes, value={value}"
        )


def _check_name(name: str) -> None:
    if not name:
        raise bad_request(
            f"Project name {name} is illegal in length. (greater than 255 or less than 1)"
        )
    if not NAME_PATTERN.fullmatch(name):
        raise bad_request("project name is not in lower case or contains illegal characters")


def _new_metadata(payload: dict[str, Any]) -> dict[str, str]:
    # Only known keys are stored; `public` is always set.
    metadata: dict[str, str] = payload.get("metadata") or {}
    new_metadata = {key: value for key, value in metadata.items() if key in METADATA_KEYS and value}
    if metadata.get("retention_id"):
        raise bad_request(
            "bad request: the retention_id in the request's payload when creating a project "
            "should be omitted, alternatively passing an empty string"
        )
    public = new_metadata.get("public") or ("true" if payload.get("public") else "false")
    if public not in ("true", "false"):
        raise bad_request(f"metadata.public should only be 'true' or 'false', but got: '{public}'")
    return new_metadata | {"public": public}


def _choose_owner(harbor: HarborCore, caller: Caller) -> str:
    # The owner of a project created by a robot is the sysadmin with the lowest id.
    if caller.user is not None:
        return caller.user.name
    return min((u for u in harbor.users.values() if u.sysadmin), key=lambda u: u.id).name


async def change(request: HarborRequest) -> Response:
    """PUT /projects/{x}: merges metadata and ignores everything else, including `public`."""
    payload = await parse_body(request, "project", PROJECT_SHAPE)
    project = rights.require_project(request, "project", "update")
    metadata: dict[str, str] = payload.get("metadata") or {}
    retention_id = project.metadata.get("retention_id", "")
    if metadata.get("retention_id", retention_id) not in (retention_id, ""):
        raise bad_request("the retention_id in the request's payload is not valid")
    # No validation: `public` accepts any word. This is a bug of Harbor, reproduced here.
    project.metadata.update({k: v for k, v in metadata.items() if k in METADATA_KEYS and v})
    return Response()


async def delete(request: HarborRequest) -> Response:
    """DELETE /projects/{x}: the name can be reused immediately."""
    project = rights.require_project(request, "project", "delete")
    if project.repositories:
        message = "precondition failed: the project contains repositories, can not be deleted"
        raise HarborError("PRECONDITION", message)
    request.harbor.delete_project(project.name)
    return Response()


ROUTES = [
    api_route("POST", "/projects", create),
    api_route("PUT", "/projects/{project}", change),
    api_route("DELETE", "/projects/{project}", delete),
]
