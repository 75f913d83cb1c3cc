"""GET /service/token: bearer tokens for /v2, and the best check of credentials there is."""

from __future__ import annotations

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.core import Harbor
from deployments.simulators.harbor.distribution import tokens
from deployments.simulators.harbor.web.request import Call, Caller
from deployments.simulators.harbor.web.responses import ERROR_JSON, PLAIN, Answer, encode

ACTIONS = ("pull", "push", "delete")


def answer(call: Call) -> Answer:
    """Without a scope bad credentials are a 401; with one they give an anonymous token."""
    service = call.first("service")
    if service != "harbor-registry":
        return Answer(400, f"Unable to handle service: {service}".encode(), PLAIN)
    scopes = [scope for value in call.query.get("scope", ()) for scope in value.split()]
    if not scopes and call.caller.anonymous:
        return Answer(401)
    access = [entry for scope in scopes if (entry := _entry(call, scope)) is not None]
    body = {
        "token": tokens.issue(call.harbor, call.caller.name, access),
        "access_token": "",
        "expires_in": call.harbor.settings.token_expiration * 60,
        "issued_at": call.harbor.clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return Answer(200, encode(body), ERROR_JSON)


def _entry(call: Call, scope: str) -> dict[str, object] | None:
    """What the caller may do with one repository, whatever he asked for."""
    kind, _, rest = scope.partition(":")
    name = rest.rpartition(":")[0]
    if kind == "registry":
        may = rights.allowed_system(call.caller, "catalog", "read")
        return {"type": kind, "name": name, "actions": ["*"] if may else []}
    if kind != "repository":
        return None
    return {"type": kind, "name": name, "actions": _actions(call.harbor, call.caller, name)}


def _actions(harbor: Harbor, caller: Caller, name: str) -> list[str]:
    project = harbor.projects.get(name.partition("/")[0])
    if project is None:
        return []
    return [a for a in ACTIONS if rights.allowed(caller, project, "repository", a)]
