"""Metadata of a project, one key at a time. Here, Harbor validates the visibility."""

from __future__ import annotations

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import HarborError, HarborResponse, json_response
from deployments.simulators.harbor.web.routing import Route

# The allowed metadata keys; there is no free-form metadata.
METADATA_KEYS = frozenset(
    [
        "public",
        "enable_content_trust",
        "enable_content_trust_cosign",
        "prevent_vul",
        "severity",
        "auto_scan",
        "auto_sbom_generation",
        "reuse_sys_cve_allowlist",
        "retention_id",
        "proxy_speed_kb",
        "max_upstream_conn",
        "proxy_cache_local_on_not_found",
        "proxy_referrer_api",
        "proxy_cache_filter_pattern",
        "proxy_cache_filter_kind",
    ]
)
SEVERITIES = frozenset(["none", "low", "medium", "high", "critical"])
NUMBER_KEYS = frozenset({"proxy_speed_kb", "max_upstream_conn"})
TRUE_VALUES = frozenset(["1", "t", "T", "TRUE", "true", "True"])
FALSE_VALUES = frozenset(["0", "f", "F", "FALSE", "false", "False"])


def normalize_value(key: str, value: str) -> str:
    """Return the value that Harbor stores for this key, or raise its 400."""
    if key in TEXT_KEYS:
        return value
    if key in NUMBER_KEYS and value.lstrip("-").isdecimal():
        return value
    if key == "severity" and value.lower() in SEVERITIES:
        return value.lower()
    if key in BOOLEAN_KEYS and value in TRUE_VALUES | FALSE_VALUES:
        return "true" if value in TRUE_VALUES else "false"
    raise HarborError("BAD_REQUEST", f"invalid value: {value}")


TEXT_KEYS = frozenset({"retention_id", "proxy_cache_filter_pattern", "proxy_cache_filter_kind"})
BOOLEAN_KEYS = METADATA_KEYS - TEXT_KEYS - NUMBER_KEYS - {"severity"}


def _check_key(key: str) -> None:
    if key not in METADATA_KEYS:
        raise HarborError("BAD_REQUEST", f"invalid key: {key}")


async def list_all(call: HarborRequest) -> HarborResponse:
    """GET …/metadatas/: requires a right that project administrators do not have."""
    project = rights.require_project(call, "metadata", "list")
    return json_response(project.metadata)


async def get(call: HarborRequest) -> HarborResponse:
    """GET …/metadatas/{key}: `{}` if it is not set."""
    project = rights.require_project(call, "metadata", "read")
    key = call.path_text("key")
    return json_response({key: project.metadata[key]} if key in project.metadata else {})


async def add(call: HarborRequest) -> HarborResponse:
    """POST …/metadatas/: one key that does not exist yet."""
    payload = validation.parse_string_map(call, "metadata")
    project = rights.require_project(call, "metadata", "create")
    if len(payload) != 1:
        raise HarborError("BAD_REQUEST", "only allow one key/value pair")
    key, value = next(iter(payload.items()))
    _check_key(key)
    value = normalize_value(key, value)
    if key in project.metadata:
        raise HarborError("CONFLICT", f"metadata {key} already exists for project {project.id}")
    project.metadata[key] = value
    return HarborResponse(200)


async def change(call: HarborRequest) -> HarborResponse:
    """PUT …/metadatas/{key}: validated and normalized."""
    payload = validation.parse_string_map(call, "metadata")
    project = rights.require_project(call, "metadata", "update")
    key = call.path_text("key")
    _check_key(key)
    project.metadata[key] = normalize_value(key, payload.get(key, ""))
    return HarborResponse(200)


async def remove(call: HarborRequest) -> HarborResponse:
    """DELETE …/metadatas/{key}."""
    project = rights.require_project(call, "metadata", "delete")
    project.metadata.pop(call.path_text("key"), None)
    return HarborResponse(200)


METADATA_ROUTES = [
    Route("GET", "/projects/{project}/metadatas", list_all),
    Route("POST", "/projects/{project}/metadatas", add),
    Route("GET", "/projects/{project}/metadatas/{key}", get),
    Route("PUT", "/projects/{project}/metadatas/{key}", change),
    Route("DELETE", "/projects/{project}/metadatas/{key}", remove),
]
