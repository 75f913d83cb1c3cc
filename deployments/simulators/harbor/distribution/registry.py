"""/v2: who may do what there, and which operation a path means."""

from __future__ import annotations

import re

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.distribution import registry_content, tokens
from deployments.simulators.harbor.distribution.registry_content import VERSION
from deployments.simulators.harbor.state import Project
from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import ERROR_JSON, Answer, Refusal, encode

NEEDS = {"GET": "pull", "HEAD": "pull", "POST": "push", "PUT": "push", "PATCH": "push",
         "DELETE": "delete"}  # fmt: skip
PATH = re.compile(r"/v2/(?P<name>.+?)/(?P<kind>manifests|blobs|tags)/(?P<rest>uploads/[^/]*|[^/]+)")


def answer(call: Call) -> Answer:
    """Find the operation. A challenge names the API version, other refusals do not."""
    try:
        return _route(call)
    except Refusal as refusal:
        if refusal.code == "UNAUTHORIZED":
            refusal.headers.append(VERSION)
        raise


def _route(call: Call) -> Answer:
    if call.path in ("/v2", "/v2/"):
        return _base(call)
    if call.path.rstrip("/") == "/v2/_catalog":
        return _catalog(call)
    found = PATH.fullmatch(call.path)
    if found is None:
        raise Refusal("NOT_FOUND", "page not found")
    project = _authorised(call, found["name"])
    return registry_content.answer(call, project, found["name"], found["kind"], found["rest"])


def _base(call: Call) -> Answer:
    if call.caller.anonymous:
        raise _challenge(call, "unauthorized", None)
    return Answer(200, b"{}", ERROR_JSON, [VERSION])


def _catalog(call: Call) -> Answer:
    """GET /v2/_catalog: for sysadmins and robots with catalog:read."""
    if not rights.allowed_system(call.caller, "catalog", "read"):
        raise _basic("unauthorized to list catalog")
    names = sorted(n for p in call.harbor.projects.values() for n in p.repositories)
    names = [name for name in names if name > call.first("last")]
    limit = int(call.first("n") or 0)
    shown = names[:limit] if limit else names
    body = Answer(200, encode({"repositories": shown}) + b"\n", ERROR_JSON)
    if len(shown) < len(names):
        last = shown[-1].replace("/", "%2F")
        body.headers.append(("Link", f'</v2/_catalog?last={last}&n={limit}>; rel="next"'))
    return body


def _authorised(call: Call, name: str) -> Project:
    """The project of a repository; lacking rights is always a 401 on /v2, never a 403."""
    action = NEEDS.get(call.method, "pull")
    if action == "pull" and not call.headers.get("authorization"):
        raise _challenge(call, "authorize header needed to send HEAD to repository", name)
    rights.need_database(call.harbor)
    project = call.harbor.projects.get(name.partition("/")[0])
    if project is None:
        missing = f"project {name.partition('/')[0]} not found"
        refusal = Refusal("UNAUTHORIZED", f"{missing}: {missing}")
        refusal.headers.append(("WWW-Authenticate", ""))
        raise refusal
    if not _may(call, project, name, action):
        text = f"unauthorized to access repository: {name}, action: {action}"
        raise _challenge(call, text, name, action)
    return project


def _may(call: Call, project: Project, name: str, action: str) -> bool:
    caller = call.caller
    if caller.access is None:
        return rights.allowed(caller, project, "repository", action)
    # A token older than the project was meant for an earlier one of that name.
    stale = caller.issued + tokens.LEEWAY_SECONDS < project.created.timestamp()
    return not stale and action in caller.access.get(name, ())


def _challenge(call: Call, text: str, name: str | None, action: str = "pull") -> Refusal:
    """Without any credentials the way to a token; with wrong ones, Basic."""
    if call.headers.get("authorization"):
        return _basic(text)
    challenge = f'Bearer realm="{call.harbor.external_url}/service/token",service="harbor-registry"'
    if name is not None:
        challenge += f',scope="repository:{name}:{action}"'
    return _refusal(text, challenge)


def _basic(text: str) -> Refusal:
    return _refusal(text, 'Basic realm="harbor"')


def _refusal(text: str, challenge: str) -> Refusal:
    refusal = Refusal("UNAUTHORIZED", f"{text}: {text}")
    refusal.headers.append(("WWW-Authenticate", challenge))
    return refusal
