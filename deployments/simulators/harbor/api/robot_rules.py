"""What a robot account may look like: the checks of POST and PUT /robots."""

from __future__ import annotations

from typing import Any

from deployments.simulators.harbor import robot_secrets
from deployments.simulators.harbor.api.project_writes import NAME
from deployments.simulators.harbor.core import Harbor
from deployments.simulators.harbor.policies import grantable
from deployments.simulators.harbor.state import Permission, Robot
from deployments.simulators.harbor.web.responses import Refusal

MOST_DAYS = 2**31 - 2
MOST_STORED = 255
SCOPE = (
    "permission scope is invalid. It must be equal to or more restrictive than "
    "the creator robot's permissions: "
)


def bad(message: str) -> Refusal:
    """400 with this message."""
    return Refusal("BAD_REQUEST", message)


def check_name(name: str) -> None:
    """The same rule as for project names."""
    if not NAME.fullmatch(name):
        raise bad("robot name is not in lower case or contains illegal characters")


def check_duration(harbor: Harbor, given: dict[str, Any]) -> int:
    """Days, or -1 for ever. Until 2.10 nothing or 0 meant the configured default."""
    days = int(given.get("duration", 0))
    if days == 0 and harbor.release <= (2, 10):
        return harbor.settings.robot_token_duration
    if (days < 1 and days != -1) or days > MOST_DAYS:
        raise bad(
            f"bad request error duration input: {days}, "
            "duration must be either -1(Never) or a positive integer"
        )
    return days


def check_shape(harbor: Harbor, level: str, permissions: list[dict[str, Any]]) -> None:
    """Level, number and kind of permissions, and each access."""
    if level not in ("system", "project"):
        raise bad(f"bad request error level input: {level}")
    if not permissions:
        raise bad("bad request empty permission")
    for permission in permissions:
        _check_permission(harbor, permission)
    kinds = {str(permission.get("kind", "")) for permission in permissions}
    if level == "project" and (len(permissions) > 1 or kinds != {"project"}):
        raise bad("bad request permission")


def _check_permission(harbor: Harbor, permission: dict[str, Any]) -> None:
    kind, access = str(permission.get("kind", "")), _access(permission)
    if not access:
        raise bad("bad request empty access")
    if kind not in ("system", "project"):
        raise bad(f"bad request permission level: {kind}")
    if harbor.release < (2, 10):
        return
    project, system = grantable(harbor.release)
    for resource, action in access:
        if (resource, action) not in (project if kind == "project" else system):
            raise bad(f"bad request permission: {resource}:{action}")


def _access(permission: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    entries = permission.get("access") or ()
    pairs = ((str(e.get("resource", "")), str(e.get("action", ""))) for e in entries)
    return tuple(dict.fromkeys(pairs))


def resolve(harbor: Harbor, given: list[dict[str, Any]]) -> tuple[Permission, ...]:
    """Names to ids, entries of one namespace merged. A missing project is a 404."""
    merged: dict[tuple[str, str], Permission] = {}
    for entry in given:
        kind, namespace = str(entry["kind"]), str(entry.get("namespace", ""))
        known = merged.get((kind, namespace))
        earlier = known.access if known is not None else ()
        access = tuple(dict.fromkeys(earlier + _access(entry)))
        project_id = _project_id(harbor, kind, namespace)
        merged[kind, namespace] = Permission(kind, namespace, project_id, access)
    return tuple(merged.values())


def _project_id(harbor: Harbor, kind: str, namespace: str) -> int | None:
    if kind == "system":
        if namespace != "/":
            raise bad("unknown namespace")
        return None
    if namespace == "*":
        return None
    project = harbor.projects.get(namespace)
    if project is None:
        raise Refusal("NOT_FOUND", f"project {namespace} not found")
    return project.id


def check_subset(creator: Robot, login: str, given: list[dict[str, Any]]) -> None:
    """A robot gives away only what it has: same kind and namespace, or every project."""
    for entry in given:
        kind, namespace = entry.get("kind"), entry.get("namespace")
        owned = {
            pair
            for p in creator.permissions
            if p.kind == kind and p.namespace in (namespace, "*")
            for pair in p.access
        }
        if not set(_access(entry)) <= owned:
            raise Refusal("DENIED", SCOPE + login)


def check_secret(secret: str) -> None:
    """8 to 128 characters with an upper-case letter, a lower-case letter and a digit."""
    if not robot_secrets.acceptable(secret):
        raise bad(
            "the secret must be 8-128, inclusively, characters long with at least "
            "1 uppercase letter, 1 lowercase letter and 1 number"
        )
