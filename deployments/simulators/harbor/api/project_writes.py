"""Creating, changing and deleting projects."""

from __future__ import annotations

import re
from typing import Any

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.api.metadatas import KEYS
from deployments.simulators.harbor.api.projects import UNDELETABLE
from deployments.simulators.harbor.core import Harbor
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.request import Call, Caller
from deployments.simulators.harbor.web.responses import Answer, Refusal, created
from deployments.simulators.harbor.web.routing import BASE, Route

NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
MOST_BYTES = 1024**5
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


async def create(call: Call) -> Answer:
    """POST /projects."""
    given = validation.body(call, "project", validation.PROJECT)
    name = given.get("project_name", "")
    if len(name) > 255:
        prefix = "validation failure list:\n"
        raise validation.unprocessable(
            f"{prefix}project_name in body should be at most 255 chars long"
        )
    rights.require_user(call)
    _check_creator(call, given)
    limit = _storage_limit(call, given)
    metadata = _new_metadata(given)
    _check_new(call.harbor, name, given)
    if name in call.harbor.projects:
        call.harbor.next_id("project")  # the refused insert has used up an id
        raise Refusal("CONFLICT", f"The project named {name} already exists")
    owner = _owner(call.harbor, call.caller)
    project = call.harbor.add_project(
        name, storage_limit=limit, owner=owner, metadata=metadata,
        registry_id=given.get("registry_id", 0),
    )  # fmt: skip
    call.harbor.record(call.caller.name, "create", "project", name, project_id=project.id)
    named = call.headers.get("x-resource-name-in-location", "").lower() == "true"
    return created(f"{BASE}/projects/{name if named else project.id}")


def _check_creator(call: Call, given: dict[str, Any]) -> None:
    caller = call.caller
    if caller.robot is not None and caller.robot.level != "system":
        raise Refusal("FORBIDDEN", "Only system level robot can create project")
    # A system robot with project:create counts as an administrator in all of this.
    as_admin = rights.allowed_system(caller, "project", "create")
    only_admins = call.harbor.settings.project_creation_restriction == "adminonly"
    if only_admins and not as_admin:
        raise Refusal("FORBIDDEN", "Only system admin can create project")
    if given.get("registry_id") is not None and not as_admin:
        raise Refusal("FORBIDDEN", "Only system admin can create proxy cache project")


def _storage_limit(call: Call, given: dict[str, Any]) -> int:
    """The asked limit, from sysadmins and robots that may create projects; else the default."""
    settings = call.harbor.settings
    asked = int(given.get("storage_limit") or 0)
    may = rights.allowed_system(call.caller, "project", "create")
    if not asked or not settings.quota_per_project_enable or not may:
        return settings.storage_per_project
    check_limit(asked, "bad request: ")
    return asked


def check_limit(value: int, prefix: str = "") -> None:
    """A storage limit is -1 or positive, and at most 1024 TB."""
    if value <= 0 and value != -1:
        message = f"{prefix}invalid non-positive value for quota limit, value={value}"
        raise Refusal("BAD_REQUEST", message)
    if value > MOST_BYTES:
        message = f"{prefix}exceeded 1024TB, which is {MOST_BYTES} Bytes, value={value}"
        raise Refusal("BAD_REQUEST", message)


def _check_new(harbor: Harbor, name: str, given: dict[str, Any]) -> None:
    if not name:
        message = f"Project name {name} is illegal in length. (greater than 255 or less than 1)"
        raise Refusal("BAD_REQUEST", message)
    if not NAME.fullmatch(name):
        message = "project name is not in lower case or contains illegal characters"
        raise Refusal("BAD_REQUEST", message)
    registry_id = given.get("registry_id")
    if registry_id is None:
        return
    if registry_id <= 0:
        message = (
            f"bad request: {registry_id} is invalid value of registry_id, "
            "it should be geater than 0"
        )
        raise Refusal("BAD_REQUEST", message)
    # An unknown registry is an error 500. A known one needs a jobservice, which is not here:
    # the project is inserted and rolled back, and has used up its ids.
    if registry_id in harbor.registries:
        kind = harbor.registries[registry_id].type
        if kind not in PROXY_KINDS:
            raise Refusal("BAD_REQUEST", f"bad request: unsupported registry type {kind}")
        for sequence in ("project", "allowlist", "member", "quota"):
            harbor.next_id(sequence)
    raise Refusal("UNKNOWN")


def _new_metadata(given: dict[str, Any]) -> dict[str, str]:
    """The metadata to start with: known keys only, `public` always there."""
    asked: dict[str, str] = given.get("metadata") or {}
    kept = {key: value for key, value in asked.items() if key in KEYS and value}
    if asked.get("retention_id"):
        raise Refusal(
            "BAD_REQUEST",
            "bad request: the retention_id in the request's payload when creating a project "
            "should be omitted, alternatively passing an empty string",
        )
    public = kept.get("public") or ("true" if given.get("public") else "false")
    if public not in ("true", "false"):
        message = f"metadata.public should only be 'true' or 'false', but got: '{public}'"
        raise Refusal("BAD_REQUEST", message)
    return kept | {"public": public}


def _owner(harbor: Harbor, caller: Caller) -> str:
    """The creator; for a robot the sysadmin with the lowest id."""
    if caller.user is not None:
        return caller.user.name
    return min((u for u in harbor.users.values() if u.sysadmin), key=lambda u: u.id).name


async def change(call: Call) -> Answer:
    """PUT /projects/{x}: merges metadata and ignores everything else, `public` included."""
    given = validation.body(call, "project", validation.PROJECT)
    project = rights.require_project(call, "project", "update")
    asked: dict[str, str] = given.get("metadata") or {}
    stored = project.metadata.get("retention_id", "")
    if asked.get("retention_id", stored) not in (stored, ""):
        raise Refusal("BAD_REQUEST", "the retention_id in the request's payload is not valid")
    # Not checked: any word is taken for `public`. That is Harbor's mistake, kept here.
    project.metadata.update({k: v for k, v in asked.items() if k in KEYS and v})
    return Answer(200)


async def delete(call: Call) -> Answer:
    """DELETE /projects/{x}: the name is free again at once."""
    project = rights.require_project(call, "project", "delete")
    if project.repositories:
        raise Refusal("PRECONDITION", f"precondition failed: {UNDELETABLE}")
    call.harbor.delete_project(project.name)
    call.harbor.record(call.caller.name, "delete", "project", project.name, project_id=project.id)
    return Answer(200)


ROUTES = [
    Route("POST", "/projects", create),
    Route("PUT", "/projects/{project}", change),
    Route("DELETE", "/projects/{project}", delete),
]
