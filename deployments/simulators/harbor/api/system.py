"""System endpoints: ping, health, systeminfo, statistics, configurations; and the portal."""

from __future__ import annotations

from urllib.parse import urlsplit

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.policies import Access, grantable
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import (
    JSON,
    PLAIN,
    Answer,
    Refusal,
    json_answer,
    timestamp,
)
from deployments.simulators.harbor.web.routing import Route

COMPONENTS = ("core", "database", "jobservice", "portal", "redis", "registry", "registryctl")
HTML = "text/html; charset=utf-8"
PORTAL = b"<!DOCTYPE html>\n<html><head><title>Harbor</title></head><body></body></html>\n"
NOT_FOUND = (
    b"<!DOCTYPE HTML>\n<html>\n<head>\n<title>404 - Page Not Found</title>\n</head>\n"
    b"<body>404 Page Not Found</body>\n</html>\n"
)


async def ping(call: Call) -> Answer:
    """GET /ping: text for most, a JSON string for who asks for JSON."""
    if "application/json" in call.headers.get("accept", ""):
        return json_answer("Pong")
    return Answer(200, b"Pong", "text/plain")


async def health(call: Call) -> Answer:
    """GET /health: always 200."""
    broken = dict(call.harbor.unhealthy)
    if not call.harbor.database_up:
        broken.setdefault("database", "failed to connect to the database")
    components = [_component(name, broken.get(name)) for name in COMPONENTS]
    status = "unhealthy" if broken else "healthy"
    return json_answer({"components": components, "status": status})


def _component(name: str, error: str | None) -> dict[str, str]:
    if error is None:
        return {"name": name, "status": "healthy"}
    return {"error": error, "name": name, "status": "unhealthy"}


async def systeminfo(call: Call) -> Answer:
    """GET /systeminfo: five facts for anyone, the rest for accepted credentials."""
    harbor, settings = call.harbor, call.harbor.settings
    shown: dict[str, object] = {
        "auth_mode": settings.auth_mode,
        "banner_message": settings.banner_message,
        "oidc_provider_name": settings.oidc_name,
        "primary_auth_mode": settings.primary_auth_mode,
        "self_registration": settings.self_registration,
    }
    if harbor.release <= (2, 12) or not call.caller.anonymous:
        shown["harbor_version"] = harbor.version
    if not call.caller.anonymous:
        shown |= {
            "current_time": timestamp(harbor.clock()),
            "external_url": harbor.external_url,
            "has_ca_root": False,
            "notification_enable": settings.notification_enable,
            "project_creation_restriction": settings.project_creation_restriction,
            "read_only": settings.read_only,
            "registry_storage_provider_name": "filesystem",
            "registry_url": urlsplit(harbor.external_url).netloc,
        }
    return json_answer(shown)


async def volumes(call: Call) -> Answer:
    """GET /systeminfo/volumes: the sizes are unknown here."""
    rights.require_system(call, "system-volumes", "read")
    return json_answer({"storage": [{}]})


async def certificate(call: Call) -> Answer:
    """GET /systeminfo/getcert: there is none."""
    message = "resource not found: cert not found in path: /etc/core/ca/ca.crt"
    raise Refusal("NOT_FOUND", message)


async def statistics(call: Call) -> Answer:
    """GET /statistics: totals only for a sysadmin user, however mighty a robot is."""
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
    user, all_of_it = call.caller.user, call.caller.sysadmin
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
    return json_answer(counts)


async def permissions(call: Call) -> Answer:
    """GET /permissions: what robots may be given. The system's part is for sysadmins."""
    if call.harbor.release < (2, 10):
        raise Refusal("NOT_FOUND", f"path {call.path} was not found")
    rights.require_user(call, "")
    project, system = grantable(call.harbor.release)
    shown = _shown(system) if call.caller.sysadmin else None
    return json_answer({"project": _shown(project), "system": shown})


def _shown(access: Access) -> list[dict[str, str]]:
    return [{"action": action, "resource": resource} for resource, action in access]


async def configurations(call: Call) -> Answer:
    """GET /configurations."""
    rights.require_sysadmin(call)
    return json_answer(call.harbor.settings.shown())


async def configure(call: Call) -> Answer:
    """PUT /configurations: a flat object of raw values."""
    values = validation.body(call, "configurations", validation.ANYTHING)
    rights.require_sysadmin(call)
    call.harbor.settings.change(values)
    call.harbor.record(
        call.caller.name, "update", "configuration", "configuration", text="update configuration"
    )
    return Answer(200)


def outside_api(call: Call) -> Answer:
    """Everything else: /api/version, and the portal's pages."""
    if call.path == "/api/version":
        return Answer(200, b'{"version":"v2.0"}\n', PLAIN)
    if call.path in ("", "/"):
        return Answer(200, PORTAL, HTML)
    return Answer(404, NOT_FOUND, HTML)


ROUTES = [
    Route("GET", "/ping", ping, ("text/plain", JSON)),
    Route("GET", "/health", health),
    Route("GET", "/systeminfo", systeminfo),
    Route("GET", "/systeminfo/volumes", volumes),
    Route("GET", "/systeminfo/getcert", certificate, ("application/octet-stream", JSON)),
    Route("GET", "/statistics", statistics),
    Route("GET", "/permissions", permissions),
    Route("GET", "/configurations", configurations),
    Route("PUT", "/configurations", configure),
]
