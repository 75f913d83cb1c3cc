"""System endpoints: health, current user, systeminfo, statistics, permissions, configurations."""

from __future__ import annotations

from urllib.parse import urlsplit

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.state.errors import HarborError
from deployments.simulators.harbor.state.policies import RightPairs, grantable_rights
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import SortedJson, format_time
from deployments.simulators.harbor.web.routing import api_route

COMPONENT_NAMES = ("core", "database", "jobservice", "portal", "redis", "registry", "registryctl")


async def get_health(request: HarborRequest) -> SortedJson:
    """GET /health: always 200."""
    broken = dict(request.harbor.unhealthy_components)
    if not request.harbor.database_up:
        broken.setdefault("database", "failed to connect to the database")
    components = [_component_json(name, broken.get(name)) for name in COMPONENT_NAMES]
    status = "unhealthy" if broken else "healthy"
    return SortedJson({"components": components, "status": status})


def _component_json(name: str, error: str | None) -> dict[str, str]:
    if error is None:
        return {"name": name, "status": "healthy"}
    return {"error": error, "name": name, "status": "unhealthy"}


async def get_system_info(request: HarborRequest) -> SortedJson:
    """GET /systeminfo: five fields for anyone, the rest for accepted credentials."""
    harbor, settings = request.harbor, request.harbor.settings
    body: dict[str, object] = {
        "auth_mode": settings.auth_mode,
        "banner_message": settings.banner_message,
        "oidc_provider_name": settings.oidc_name,
        "primary_auth_mode": settings.primary_auth_mode,
        "self_registration": settings.self_registration,
    }
    if harbor.release <= (2, 12) or not request.caller.is_anonymous:
        body["harbor_version"] = harbor.version
    if not request.caller.is_anonymous:
        body |= {
            "current_time": format_time(harbor.clock()),
            "external_url": harbor.external_url,
            "has_ca_root": False,
            "notification_enable": settings.notification_enable,
            "project_creation_restriction": settings.project_creation_restriction,
            "read_only": settings.read_only,
            "registry_storage_provider_name": "filesystem",
            "registry_url": urlsplit(harbor.external_url).netloc,
        }
    return SortedJson(body)


async def get_statistics(request: HarborRequest) -> SortedJson:
    """GET /statistics: totals only for sysadmin users, never for robots."""
    rights.require_user(request)
    counts = dict.fromkeys(
        [
            "private_project_count",
            "private_repo_count",
            "public_project_count",
            "public_repo_count",
            "total_project_count",
            "total_repo_count",
            "total_storage_consumption",
        ],
        0,
    )
    user, all_of_it = request.caller.user, request.caller.is_sysadmin
    seeded = 0
    for project in request.harbor.projects.values():
        member = user is not None and project.role_of(user.id) is not None
        if project.public or member or all_of_it:
            kind = "public" if project.public else "private"
            counts[f"{kind}_project_count"] += 1
            counts[f"{kind}_repo_count"] += len(project.repositories)
        seeded += project.seeded_storage
    if all_of_it:
        for thing in ("project", "repo"):
            both = counts[f"public_{thing}_count"] + counts[f"private_{thing}_count"]
            counts[f"total_{thing}_count"] = both
        stored = sum(len(blob) for blob in request.harbor.blobs.values())
        counts["total_storage_consumption"] = stored + seeded
    return SortedJson(counts)


async def get_permissions(request: HarborRequest) -> SortedJson:
    """GET /permissions: rights that robots can have. The system part is for sysadmins."""
    if request.harbor.release < (2, 10):
        raise HarborError("NOT_FOUND", f"path {request.path} was not found")
    rights.require_user(request, "")
    project, system = grantable_rights(request.harbor.release)
    system_body = _rights_json(system) if request.caller.is_sysadmin else None
    return SortedJson({"project": _rights_json(project), "system": system_body})


def _rights_json(access: RightPairs) -> list[dict[str, str]]:
    return [{"action": action, "resource": resource} for resource, action in access]


async def get_configurations(request: HarborRequest) -> SortedJson:
    """GET /configurations."""
    rights.require_sysadmin(request)
    return SortedJson(request.harbor.settings.to_json())


async def get_current_user(request: HarborRequest) -> SortedJson:
    """GET /users/current: only for users, not for robots. Empty texts are omitted."""
    rights.require_user(request)
    user = request.caller.user
    if user is None:
        message = "get current user not available for security context: robot"
        raise HarborError("PRECONDITION", message)
    texts = {"comment": user.comment, "email": user.email}
    body = {
        "admin_role_in_auth": False,
        "creation_time": format_time(user.created),
        "realname": user.realname,
        "sysadmin_flag": user.sysadmin,
        "update_time": format_time(user.updated),
        "user_id": user.id,
        "username": user.name,
    }
    return SortedJson(body | {key: text for key, text in texts.items() if text})


ROUTES = [
    api_route("GET", "/health", get_health),
    api_route("GET", "/users/current", get_current_user),
    api_route("GET", "/systeminfo", get_system_info),
    api_route("GET", "/statistics", get_statistics),
    api_route("GET", "/permissions", get_permissions),
    api_route("GET", "/configurations", get_configurations),
]
