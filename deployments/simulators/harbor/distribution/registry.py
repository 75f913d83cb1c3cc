"""/v2: authorization and routing."""

from __future__ import annotations

import re

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.distribution import registry_content, tokens
from deployments.simulators.harbor.distribution.registry_content import VERSION_HEADER
from deployments.simulators.harbor.state import Project
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import (
    ERROR_JSON_TYPE,
    HarborError,
    HarborResponse,
    encode_json,
)

REQUIRED_ACTIONS = {"GET": "pull", "HEAD": "pull", "POST": "push", "PUT": "push", "PATCH": "push",
         "DELETE": "delete"}  # fmt: skip
REPOSITORY_PATH = re.compile(
    r"/v2/(?P<name>.+?)/(?P<kind>manifests|blobs|tags)/(?P<rest>uploads/[^/]*|[^/]+)"
)


def handle_registry(call: HarborRequest) -> HarborResponse:
    """Handle a request. A challenge has the API version header, other errors do not."""
    try:
        return _find_operation(call)
    except HarborError as refusal:
        if refusal.code == "UNAUTHORIZED":
            refusal.headers.append(VERSION_HEADER)
        raise


def _find_operation(call: HarborRequest) -> HarborResponse:
    if call.path in ("/v2", "/v2/"):
        return _base_response(call)
    if call.path.rstrip("/") == "/v2/_catalog":
        return _catalog_response(call)
    match = REPOSITORY_PATH.fullmatch(call.path)
    if match is None:
        raise HarborError("NOT_FOUND", "page not found")
    project = _authorize(call, match["name"])
    return registry_content.handle_content(
        call, project, match["name"], match["kind"], match["rest"]
    )


def _base_response(call: HarborRequest) -> HarborResponse:
    if call.caller.is_anonymous:
        raise _challenge_error(call, "unauthorized", None)
    return HarborResponse(200, b"{}", ERROR_JSON_TYPE, [VERSION_HEADER])


def _catalog_response(call: HarborRequest) -> HarborResponse:
    # GET /v2/_catalog is for sysadmins and robots with catalog:read.
    if not rights.is_system_allowed(call.caller, "catalog", "read"):
        raise _basic_challenge("unauthorized to list catalog")
    names = sorted(n for p in call.harbor.projects.values() for n in p.repositories)
    names = [name for name in names if name > call.query_value("last")]
    limit = int(call.query_value("n") or 0)
    page = names[:limit] if limit else names
    body = HarborResponse(200, encode_json({"repositories": page}) + b"\n", ERROR_JSON_TYPE)
    if len(page) < len(names):
        last = page[-1].replace("/", "%2F")
        body.headers.append(("Link", f'</v2/_catalog?last={last}&n={limit}>; rel="next"'))
    return body


def _authorize(call: HarborRequest, name: str) -> Project:
    # Missing rights are always a 401 on /v2, never a 403.
    action = REQUIRED_ACTIONS.get(call.method, "pull")
    if action == "pull" and not call.headers.get("authorization"):
        raise _challenge_error(call, "authorize header needed to send HEAD to repository", name)
    rights.require_database(call.harbor)
    project = call.harbor.projects.get(name.partition("/")[0])
    if project is None:
        missing = f"project {name.partition('/')[0]} not found"
        refusal = HarborError("UNAUTHORIZED", f"{missing}: {missing}")
        refusal.headers.append(("WWW-Authenticate", ""))
        raise refusal
    if not _is_allowed(call, project, name, action):
        text = f"unauthorized to access repository: {name}, action: {action}"
        raise _challenge_error(call, text, name, action)
    return project


def _is_allowed(call: HarborRequest, project: Project, name: str, action: str) -> bool:
    caller = call.caller
    if caller.token_access is None:
        return rights.is_allowed(caller, project, "repository", action)
    # A token older than the project is for an earlier project of the same name.
    stale = caller.issued_at + tokens.LEEWAY_SECONDS < project.created.timestamp()
    return not stale and action in caller.token_access.get(name, ())


def _challenge_error(
    call: HarborRequest, text: str, name: str | None, action: str = "pull"
) -> HarborError:
    # Without credentials, the challenge is for a token; with wrong ones, it is Basic.
    if call.headers.get("authorization"):
        return _basic_challenge(text)
    challenge = f'Bearer realm="{call.harbor.external_url}/service/token",service="harbor-registry"'
    if name is not None:
        challenge += f',scope="repository:{name}:{action}"'
    return _challenge_refusal(text, challenge)


def _basic_challenge(text: str) -> HarborError:
    return _challenge_refusal(text, 'Basic realm="harbor"')


def _challenge_refusal(text: str, challenge: str) -> HarborError:
    refusal = HarborError("UNAUTHORIZED", f"{text}: {text}")
    refusal.headers.append(("WWW-Authenticate", challenge))
    return refusal
