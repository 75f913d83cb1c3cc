"""GET /service/token: bearer tokens for /v2. It is the best check of credentials."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.distribution import tokens
from deployments.simulators.harbor.state.core import HarborCore
from deployments.simulators.harbor.web.request import Caller, HarborRequest
from deployments.simulators.harbor.web.responses import ERROR_JSON_TYPE, encode_json
from deployments.simulators.harbor.web.routing import route

ACTIONS = ("pull", "push", "delete")


async def get_token(request: HarborRequest) -> Response:
    """Return a token. Without a scope, bad credentials get a 401; with one, an anonymous token."""
    service = request.query_value("service")
    if service != "harbor-registry":
        return PlainTextResponse(f"Unable to handle service: {service}", 400)
    scopes = " ".join(request.query_params.getlist("scope")).split()
    if not scopes and request.caller.is_anonymous:
        return Response(status_code=401)
    access = [entry for scope in scopes if (entry := _token_access(request, scope)) is not None]
    body = {
        "token": tokens.issue_token(request.harbor, request.caller.name, access),
        "access_token": "",
        "expires_in": request.harbor.settings.token_expiration * 60,
        "issued_at": request.harbor.clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return Response(encode_json(body), media_type=ERROR_JSON_TYPE)


def _token_access(request: HarborRequest, scope: str) -> dict[str, object] | None:
    # The granted actions depend on the rights of the caller, not on the requested actions.
    kind, _, remainder = scope.partition(":")
    name = remainder.rpartition(":")[0]
    if kind == "registry":
        may = rights.is_system_allowed(request.caller, "catalog", "read")
        return {"type": kind, "name": name, "actions": ["*"] if may else []}
    if kind != "repository":
        return None
    return {
        "type": kind,
        "name": name,
        "actions": _allowed_actions(request.harbor, request.caller, name),
    }


def _allowed_actions(harbor: HarborCore, caller: Caller, name: str) -> list[str]:
    project = harbor.projects.get(name.partition("/")[0])
    if project is None:
        return []
    return [a for a in ACTIONS if rights.is_allowed(caller, project, "repository", a)]


ROUTES = [route("GET", "/service/token", get_token)]
