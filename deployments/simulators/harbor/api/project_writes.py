"""Create, change and delete projects."""

from __future__ import annotations

import re
from typing import Any

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.api.metadatas import METADATA_KEYS
from deployments.simulators.harbor.api.projects import UNDELETABLE_MESSAGE
from deployments.simulators.harbor.core import SimulatedHarbor
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.request import Caller, HarborRequest
from deployments.simulators.harbor.web.responses import (
    HarborError,
    HarborResponse,
    created_response,
)
from deployments.simulators.harbor.web.routing import BASE_PATH, Route

NAME_PATTERN = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
MAX_BYTES = 1024**5
PROXY_KINDS = frozenset(
    {
        "harbor",
        "docker-hub",
        "docker-registry",
        "aws-ecr",
        "azure-acr",
        "google-gcr",
        "quay",
        "github-ghcr",
    }
)


async def create(call: HarborRequest) -> HarborResponse:
    """POST /projects."""
    payload = validation.parse_body(call, "project", validation.PROJECT_SHAPE)
    name = payload.get("project_name", "")
    if len(name) > 255:
        prefix = "validation failure list:\n"
        raise validation.unprocessable_error(
            f"{prefix}project_name in body should be at most 255 chars long"
        )
    rights.require_user(call)
    _check_creator(call, payload)
    limit = _storage_limit(call, payload)
    metadata = _new_metadata(payload)
    _check_new(call.harbor, name, payload)
    if name in call.harbor.projects:
        call.harbor.next_id("project")  # the failed insert uses up an id
        raise HarborError("CONFLICT", f"The project named {name} already exists")
    owner = _choose_owner(call.harbor, call.caller)
    project = call.harbor.add_project(
        name, storage_limit=limit, owner=owner, metadata=metadata,
        registry_id=payload.get("registry_id", 0),
    )  # fmt: skip
    call.harbor.record(call.caller.name, "create", "project", name, project_id=project.id)
    use_name = call.headers.get("x-resource-name-in-location", "").lower() == "true"
    return created_response(f"{BASE_PATH}/projects/{name if use_name else project.id}")


def _check_creator(call: HarborRequest, payload: dict[str, Any]) -> None:
    caller = call.caller
    if caller.robot is not None and caller.robot.level != "system":
        raise HarborError("FORBIDDEN", "Only system level robot can create project")
    # A system robot with project:create is treated as an administrator here.
    as_admin = rights.is_system_allowed(caller, "project", "create")
    only_admins = call.harbor.settings.project_creation_restriction == "adminonly"
    if only_admins and not as_admin:
        raise HarborError("FORBIDDEN", "Only system admin can create project")
    if payload.get("registry_id") is not None and not as_admin:
        raise HarborError("FORBIDDEN", "Only system admin can create proxy cache project")


def _storage_limit(call: HarborRequest, payload: dict[str, Any]) -> int:
    # Only sysadmins and robots with project:create can set a limit; others get the default.
    settings = call.harbor.settings
    limit = int(payload.get("storage_limit") or 0)
    may = rights.is_system_allowed(call.caller, "project", "create")
    if not limit or not settings.quota_per_project_enable or not may:
        return settings.storage_per_project
    check_limit(limit, "bad request: ")
    return limit


def check_limit(value: int, prefix: str = "") -> None:
    """Ensure that a storage limit is -1 or positive, and at most 1024 TB."""
    if value <= 0 and value != -1:
        message = f"{prefix}invalid non-positive value for quota limit, value={value}"
        raise HarborError("BAD_REQUEST", message)
    if value > MAX_BYTES:
        message = f"{prefix}exceeded 1024TB, which is {MAX_BYTES} Bytes, value={value}"
        raise HarborError("BAD_REQUEST", message)


def _check_new(harbor: SimulatedHarbor, name: str, payload: dict[str, Any]) -> None:
    if not name:
        message = f"Project name {name} is illegal in length. (greater than 255 or less than 1)"
        raise HarborError("BAD_REQUEST", message)
    if not NAME_PATTERN.fullmatch(name):
        message = "project name is not in lower case or contains illegal characters"
        raise HarborError("BAD_REQUEST", message)
    registry_id = payload.get("registry_id")
    if registry_id is None:
        return
    if registry_id <= 0:
        message = (
            f"bad request: {registry_id} is invalid value of registry_id, "
            "it should be geater than 0"
        )
        raise HarborError("BAD_REQUEST", message)
    # An unknown registry is an error 500. A known one needs a jobservice, which is not simulated:
    # the project is inserted and rolled back, which uses up its ids.
    if registry_id in harbor.registries:
        kind = harbor.registries[registry_id].type
        if kind not in PROXY_KINDS:
            raise HarborError("BAD_REQUEST", f"bad request: unsupported registry type {kind}")
        for sequence in ("project", "allowlist", "member", "quota"):
            harbor.next_id(sequence)
    raise HarborError("UNKNOWN")


def _new_metadata(payload: dict[str, Any]) -> dict[str, str]:
    # Only known keys are stored; `public` is always set.
    metadata: dict[str, str] = payload.get("metadata") or {}
    new_metadata = {key: value for key, value in metadata.items() if key in METADATA_KEYS and value}
    if metadata.get("retention_id"):
        raise HarborError(
            "BAD_REQUEST",
            "bad request: the retention_id in the request's payload when creating a project "
            "should be omitted, alternatively passing an empty string",
        )
    public = new_metadata.get("public") or ("true" if payload.get("public") else "false")
    if public not in ("true", "false"):
        message = f"metadata.public should only be 'true' or 'false', but got: '{public}'"
        raise HarborError("BAD_REQUEST", message)
    return new_metadata | {"public": public}


def _choose_owner(harbor: SimulatedHarbor, caller: Caller) -> str:
    # The owner of a project created by a robot is the sysadmin with the lowest id.
    if caller.user is not None:
        return caller.user.name
    return min((u for u in harbor.users.values() if u.sysadmin), key=lambda u: u.id).name


async def change(call: HarborRequest) -> HarborResponse:
    """PUT /projects/{x}: merges metadata and ignores everything else, including `public`."""
    payload = validation.parse_body(call, "project", validation.PROJECT_SHAPE)
    project = rights.require_project(call, "project", "update")
    metadata: dict[str, str] = payload.get("metadata") or {}
    retention_id = project.metadata.get("retention_id", "")
    if metadata.get("retention_id", retention_id) not in (retention_id, ""):
        raise HarborError("BAD_REQUEST", "the retention_id in the request's payload is not valid")
    # No validation: `public` accepts any word. This is a bug of Harbor, reproduced here.
    project.metadata.update({k: v for k, v in metadata.items() if k in METADATA_KEYS and v})
    return HarborResponse(200)


async def delete(call: HarborRequest) -> HarborResponse:
    """DELETE /projects/{x}: the name can be reused immediately."""
    project = rights.require_project(call, "project", "delete")
    if project.repositories:
        raise HarborError("PRECONDITION", f"precondition failed: {UNDELETABLE_MESSAGE}")
    call.harbor.delete_project(project.name)
    call.harbor.record(call.caller.name, "delete", "project", project.name, project_id=project.id)
    return HarborResponse(200)


PROJECT_WRITE_ROUTES = [
    Route("POST", "/projects", create),
    Route("PUT", "/projects/{project}", change),
    Route("DELETE", "/projects/{project}", delete),
]
