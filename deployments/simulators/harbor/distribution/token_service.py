"""GET /service/token: bearer tokens for /v2. It is the best check of credentials."""

from __future__ import annotations

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.core import SimulatedHarbor
from deployments.simulators.harbor.distribution import tokens
from deployments.simulators.harbor.web.request import Caller, HarborRequest
from deployments.simulators.harbor.web.responses import (
    ERROR_JSON_TYPE,
    PLAIN_TYPE,
    HarborResponse,
    encode_json,
)

ACTIONS = ("pull", "push", "delete")


def handle_token(call: HarborRequest) -> HarborResponse:
    """Return a token. Without a scope, bad credentials get a 401; with one, an anonymous token."""
    service = call.query_value("service")
    if service != "harbor-registry":
        return HarborResponse(400, f"Unable to handle service: {service}".encode(), PLAIN_TYPE)
    scopes = [scope for value in call.query.get("scope", ()) for scope in value.split()]
    if not scopes and call.caller.is_anonymous:
        return HarborResponse(401)
    access = [entry for scope in scopes if (entry := _token_access(call, scope)) is not None]
    body = {
        "token": tokens.issue_token(call.harbor, call.caller.name, access),
        "access_token": "",
        "expires_in": call.harbor.settings.token_expiration * 60,
        "issued_at": call.harbor.clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return HarborResponse(200, encode_json(body), ERROR_JSON_TYPE)


def _token_access(call: HarborRequest, scope: str) -> dict[str, object] | None:
    # The granted actions depend on the rights of the caller, not on the requested actions.
    kind, _, remainder = scope.partition(":")
    name = remainder.rpartition(":")[0]
    if kind == "registry":
        may = rights.is_system_allowed(call.caller, "catalog", "read")
        return {"type": kind, "name": name, "actions": ["*"] if may else []}
    if kind != "repository":
        return None
    return {"type": kind, "name": name, "actions": _allowed_actions(call.harbor, call.caller, name)}


def _allowed_actions(harbor: SimulatedHarbor, caller: Caller, name: str) -> list[str]:
    project = harbor.projects.get(name.partition("/")[0])
    if project is None:
        return []
    return [a for a in ACTIONS if rights.is_allowed(caller, project, "repository", a)]
