"""A project's metadata, one key at a time: the checked way to set visibility."""

from __future__ import annotations

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import Answer, Refusal, json_answer
from deployments.simulators.harbor.web.routing import Route

# The keys a project may carry; there is no free-form metadata.
KEYS = frozenset(
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
NUMBERS = frozenset({"proxy_speed_kb", "max_upstream_conn"})
TRUE = frozenset(["1", "t", "T", "TRUE", "true", "True"])
FALSE = frozenset(["0", "f", "F", "FALSE", "false", "False"])


def checked(key: str, value: str) -> str:
    """The value Harbor would store for this key, or its 400."""
    if key in TEXTS:
        return value
    if key in NUMBERS and value.lstrip("-").isdecimal():
        return value
    if key == "severity" and value.lower() in SEVERITIES:
        return value.lower()
    if key in BOOLEANS and value in TRUE | FALSE:
        return "true" if value in TRUE else "false"
    raise Refusal("BAD_REQUEST", f"invalid value: {value}")


TEXTS = frozenset({"retention_id", "proxy_cache_filter_pattern", "proxy_cache_filter_kind"})
BOOLEANS = KEYS - TEXTS - NUMBERS - {"severity"}


def _check_key(key: str) -> None:
    if key not in KEYS:
        raise Refusal("BAD_REQUEST", f"invalid key: {key}")


async def list_all(call: Call) -> Answer:
    """GET …/metadatas/: needs a right that project administrators lack."""
    project = rights.require_project(call, "metadata", "list")
    return json_answer(project.metadata)


async def get(call: Call) -> Answer:
    """GET …/metadatas/{key}: `{}` if it is not set."""
    project = rights.require_project(call, "metadata", "read")
    key = call.text("key")
    return json_answer({key: project.metadata[key]} if key in project.metadata else {})


async def add(call: Call) -> Answer:
    """POST …/metadatas/: one key that is not there yet."""
    given = validation.strings(call, "metadata")
    project = rights.require_project(call, "metadata", "create")
    if len(given) != 1:
        raise Refusal("BAD_REQUEST", "only allow one key/value pair")
    key, value = next(iter(given.items()))
    _check_key(key)
    value = checked(key, value)
    if key in project.metadata:
        raise Refusal("CONFLICT", f"metadata {key} already exists for project {project.id}")
    project.metadata[key] = value
    return Answer(200)


async def change(call: Call) -> Answer:
    """PUT …/metadatas/{key}: checked and normalised."""
    given = validation.strings(call, "metadata")
    project = rights.require_project(call, "metadata", "update")
    key = call.text("key")
    _check_key(key)
    project.metadata[key] = checked(key, given.get(key, ""))
    return Answer(200)


async def remove(call: Call) -> Answer:
    """DELETE …/metadatas/{key}."""
    project = rights.require_project(call, "metadata", "delete")
    project.metadata.pop(call.text("key"), None)
    return Answer(200)


ROUTES = [
    Route("GET", "/projects/{project}/metadatas", list_all),
    Route("POST", "/projects/{project}/metadatas", add),
    Route("GET", "/projects/{project}/metadatas/{key}", get),
    Route("PUT", "/projects/{project}/metadatas/{key}", change),
    Route("DELETE", "/projects/{project}/metadatas/{key}", remove),
]
