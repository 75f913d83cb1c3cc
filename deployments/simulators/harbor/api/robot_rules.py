"""Validation of robot accounts in POST and PUT /robots."""

from __future__ import annotations

from typing import Any

from deployments.simulators.harbor.api.project_writes import NAME_PATTERN
from deployments.simulators.harbor.state import robot_secrets
from deployments.simulators.harbor.state.core import HarborCore
from deployments.simulators.harbor.state.entities import Permission, Robot
from deployments.simulators.harbor.state.errors import HarborError, bad_request
from deployments.simulators.harbor.state.policies import grantable_rights

MAX_DAYS = 2**31 - 2
MAX_STORED_NAME_LENGTH = 255
SCOPE_MESSAGE = (
    "permission scope is invalid. It must be equal to or more restrictive than "
    "the creator robot's permissions: "
)


def check_name(name: str) -> None:
    """Validate a name; the rule is the same as for project names."""
    if not NAME_PATTERN.fullmatch(name):
        raise bad_request("robot name is not in lower case or contains illegal characters")


def check_duration(harbor: HarborCore, payload: dict[str, Any]) -> int:
    """Return days, or -1 for unlimited. Until 2.10, none or 0 means the configured default."""
    days = int(payload.get("duration", 0))
    if days == 0 and harbor.release <= (2, 10):
        return harbor.settings.robot_token_duration
    if (days < 1 and days != -1) or days > MAX_DAYS:
        raise bad_request(
            f"bad request error duration input: {days}, "
            "duration must be either -1(Never) or a positive integer"
        )
    return days


def check_shape(harbor: HarborCore, level: str, permissions: list[dict[str, Any]]) -> None:
    """Validate level, number and kind of permissions, and each access."""
    if level not in ("system", "project"):
        raise bad_request(f"bad request error level input: {level}")
    if not permissions:
        raise bad_request("bad request empty permission")
    for permission in permissions:
        _check_permission(harbor, permission)
    kinds = {str(permission.get("kind", "")) for permission in permissions}
    if level == "project" and (len(permissions) > 1 or kinds != {"project"}):
        raise bad_request("bad request permission")


def _check_permission(harbor: HarborCore, permission: dict[str, Any]) -> None:
    kind, access = str(permission.get("kind", "")), _parse_access(permission)
    if not access:
        raise bad_request("bad request empty access")
    if kind not in ("system", "project"):
        raise bad_request(f"bad request permission level: {kind}")
    if harbor.release < (2, 10):
        return
    project, system = grantable_rights(harbor.release)
    for resource, action in access:
        if (resource, action) not in (project if kind == "project" else system):
            raise bad_request(f"bad request permission: {resource}:{action}")


def _parse_access(permission: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    entries = permission.get("access") or ()
    pairs = ((str(e.get("resource", "")), str(e.get("action", ""))) for e in entries)
    return tuple(dict.fromkeys(pairs))


def resolve_permissions(
    harbor: HarborCore, permissions: list[dict[str, Any]]
) -> tuple[Permission, ...]:
    """Return permissions with project ids, merged by namespace. A missing project is a 404."""
    merged: dict[tuple[str, str], Permission] = {}
    for entry in permissions:
        kind, namespace = str(entry["kind"]), str(entry.get("namespace", ""))
        existing = merged.get((kind, namespace))
        earlier = existing.access if existing is not None else ()
        access = tuple(dict.fromkeys(earlier + _parse_access(entry)))
        project_id = _project_id(harbor, kind, namespace)
        merged[kind, namespace] = Permission(kind, namespace, project_id, access)
    return tuple(merged.values())


def _project_id(harbor: HarborCore, kind: str, namespace: str) -> int | None:
    if kind == "system":
        if namespace != "/":
            raise bad_request("unknown namespace")
        return None
    if namespace == "*":
        return None
    project = harbor.projects.get(namespace)
    if project is None:
        raise HarborError("NOT_FOUND", f"project {namespace} not found")
    return project.id


def check_subset(creator: Robot, login: str, permissions: list[dict[str, Any]]) -> None:
    """Ensure that a robot grants only rights it has: same kind and namespace, or all projects."""
    for entry in permissions:
        kind, namespace = entry.get("kind"), entry.get("namespace")
        own_rights = {
            pair
            for p in creator.permissions
            if p.kind == kind and p.namespace in (namespace, "*")
            for pair in p.access
        }
        if not set(_parse_access(entry)) <= own_rights:
            raise HarborError("DENIED", SCOPE_MESSAGE + login)


def check_secret(secret: str) -> None:
    """Ensure 8 to 128 characters with an upper-case letter, a lower-case letter and a digit."""
    if not robot_secrets.is_valid_secret(secret):
        raise bad_request(
            "the secret must be 8-128, inclusively, characters long with at least "
            "1 uppercase letter, 1 lowercase letter and 1 number"
        )
