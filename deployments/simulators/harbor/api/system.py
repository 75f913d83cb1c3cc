"""System endpoints: ping, health, systeminfo, statistics, configurations; and the portal."""

from __future__ import annotations

from urllib.parse import urlsplit

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.policies import RightPairs, grantable_rights
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import (
    JSON_TYPE,
    PLAIN_TYPE,
    HarborError,
    HarborResponse,
    format_time,
    json_response,
)
from deployments.simulators.harbor.web.routing import Route

COMPONENT_NAMES = ("core", "database", "jobservice", "portal", "redis", "registry", "registryctl")
HTML_TYPE = "text/html; charset=utf-8"
PORTAL_PAGE = b"<!DOCTYPE html>\n<html><head><title>Harbor</title></head><body></body></html>\n"
NOT_FOUND_PAGE = (
    b"<!DOCTYPE HTML>\n<html>\n<head>\n<title>404 - Page Not Found</title>\n</head>\n"
    b"<body>404 Page Not Found</body>\n</html>\n"
)


async def ping(call: HarborRequest) -> HarborResponse:
    """GET /ping: plain text, or a JSON string if Accept is JSON."""
    if "application/json" in call.headers.get("accept", ""):
        return json_response("Pong")
    return HarborResponse(200, b"Pong", "text/plain")


async def get_health(call: HarborRequest) -> HarborResponse:
    """GET /health: always 200."""
    broken = dict(call.harbor.unhealthy_components)
    if not call.harbor.database_up:
        broken.setdefault("database", "failed to connect to the database")
    components = [_component_json(name, broken.get(name)) for name in COMPONENT_NAMES]
    status = "unhealthy" if broken else "healthy"
    return json_response({"components": components, "status": status})


def _component_json(name: str, error: str | None) -> dict[str, str]:
    if error is None:
        return {"name": name, "status": "healthy"}
    return {"error": error, "name": name, "status": "unhealthy"}


async def get_system_info(call: HarborRequest) -> HarborResponse:
    """GET /systeminfo: five fields for anyone, the rest for accepted credentials."""
    harbor, settings = call.harbor, call.harbor.settings
    body: dict[str, object] = {
        "auth_mode": settings.auth_mode,
        "banner_message": settings.banner_message,
        "oidc_provider_name": settings.oidc_name,
        "primary_auth_mode": settings.primary_auth_mode,
        "self_registration": settings.self_registration,
    }
    if harbor.release <= (2, 12) or not call.caller.is_anonymous:
        body["harbor_version"] = harbor.version
    if not call.caller.is_anonymous:
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
    return json_response(body)


async def get_volumes(call: HarborRequest) -> HarborResponse:
    """GET /systeminfo/volumes: sizes are not simulated."""
    rights.require_system(call, "system-volumes", "read")
    return json_response({"storage": [{}]})


async def get_certificate(call: HarborRequest) -> HarborResponse:
    """GET /systeminfo/getcert: there is none."""
    message = "resource not found: cert not found in path: /etc/core/ca/ca.crt"
    raise HarborError("NOT_FOUND", message)


async def get_statistics(call: HarborRequest) -> HarborResponse:
    """GET /statistics: totals only for sysadmin users, never for robots."""
    rights.require_user(call)
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
    user, all_of_it = call.caller.user, call.caller.is_sysadmin
    seeded = 0
    for project in call.harbor.projects.values():
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
        stored = sum(len(blob) for blob in call.harbor.blobs.values())
        counts["total_storage_consumption"] = stored + seeded
    return json_response(counts)


async def get_permissions(call: HarborRequest) -> HarborResponse:
    """GET /permissions: rights that robots can have. The system part is for sysadmins."""
    if call.harbor.release < (2, 10):
        raise HarborError("NOT_FOUND", f"path {call.path} was not found")
    rights.require_user(call, "")
    project, system = grantable_rights(call.harbor.release)
    system_body = _rights_json(system) if call.caller.is_sysadmin else None
    return json_response({"project": _rights_json(project), "system": system_body})


def _rights_json(access: RightPairs) -> list[dict[str, str]]:
    return [{"action": action, "resource": resource} for resource, action in access]


async def get_configurations(call: HarborRequest) -> HarborResponse:
    """GET /configurations."""
    rights.require_sysadmin(call)
    return json_response(call.harbor.settings.to_json())


async def set_configurations(call: HarborRequest) -> HarborResponse:
    """PUT /configurations: a flat object of raw values."""
    values = validation.parse_body(call, "configurations", validation.ANY_SHAPE)
    rights.require_sysadmin(call)
    call.harbor.settings.change(values)
    call.harbor.record(
        call.caller.name, "update", "configuration", "configuration", text="update configuration"
    )
    return HarborResponse(200)


def handle_other_paths(call: HarborRequest) -> HarborResponse:
    """Handle all other paths: /api/version, and pages of the portal."""
    if call.path == "/api/version":
        return HarborResponse(200, b'{"version":"v2.0"}\n', PLAIN_TYPE)
    if call.path in ("", "/"):
        return HarborResponse(200, PORTAL_PAGE, HTML_TYPE)
    return HarborResponse(404, NOT_FOUND_PAGE, HTML_TYPE)


SYSTEM_ROUTES = [
    Route("GET", "/ping", ping, ("text/plain", JSON_TYPE)),
    Route("GET", "/health", get_health),
    Route("GET", "/systeminfo", get_system_info),
    Route("GET", "/systeminfo/volumes", get_volumes),
    Route("GET", "/systeminfo/getcert", get_certificate, ("application/octet-stream", JSON_TYPE)),
    Route("GET", "/statistics", get_statistics),
    Route("GET", "/permissions", get_permissions),
    Route("GET", "/configurations", get_configurations),
    Route("PUT", "/configurations", set_configurations),
]
