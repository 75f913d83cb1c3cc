"""The ASGI application: the middleware of Harbor, from the outside in.

Query check, slashes, request id, session, CSRF, transaction, security, read-only, router.
"""

from __future__ import annotations

import re
import secrets
import uuid

from deployments.simulators.asgi import Receive, Scope, Send, read_body
from deployments.simulators.harbor import identity
from deployments.simulators.harbor.api import audit, system
from deployments.simulators.harbor.api.operations import API_ROUTER
from deployments.simulators.harbor.core import SimulatedHarbor
from deployments.simulators.harbor.distribution import registry, token_service
from deployments.simulators.harbor.log import SAFE_METHODS, HarborRequestRecord
from deployments.simulators.harbor.web import csrf
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import HarborError, HarborResponse
from deployments.simulators.harbor.web.routing import BASE_PATH

READ_ONLY = "The system is in read only mode. Any modification is prohibited."
# Requests that read-only mode allows.
READ_ONLY_EXEMPT = {("PUT", f"{BASE_PATH}/configurations"), ("POST", "/service/token")}


class HarborApp:
    """Serves one simulated Harbor."""

    def __init__(self, harbor: SimulatedHarbor) -> None:
        self.harbor = harbor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; lifespan messages are acknowledged."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        call = await _read_call(self.harbor, scope, receive)
        answer = await _outer_layers(call)
        self._record(call, answer)
        await _send_response(answer, call.method, send)

    def _record(self, call: HarborRequest, answer: HarborResponse) -> None:
        credentials = identity.basic_credentials(call.headers.get("authorization", ""))
        user = credentials[0] if credentials else call.caller.name or None
        self.harbor.requests.append(
            HarborRequestRecord(call.method, call.path, answer.status, user)
        )


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _read_call(harbor: SimulatedHarbor, scope: Scope, receive: Receive) -> HarborRequest:
    body = await read_body(receive)
    raw = scope.get("raw_path") or scope["path"].encode()
    path = re.sub("/{2,}", "/", raw.partition(b"?")[0].decode("latin-1"))
    headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in
               scope["headers"]}  # fmt: skip
    query = scope.get("query_string", b"").decode("latin-1")
    return HarborRequest(harbor, scope["method"], path, query, headers, body)


async def _outer_layers(call: HarborRequest) -> HarborResponse:
    # From the query check to the CSRF check; adds the headers of all responses.
    if ";" in call.raw_query:
        return HarborError("BAD_REQUEST", "invalid semicolon separator in query").to_response()
    guard = csrf.CsrfGuard(call)
    # The transaction opens before the session is written, so this 500 sets no cookie.
    if (
        not call.harbor.database_up
        and call.method not in SAFE_METHODS
        and call.path.startswith(BASE_PATH)
    ):
        answer = HarborError("UNKNOWN").to_response()
    else:
        answer = guard.check() or await _inner_layers(call)
        audit.record_project_update(call, answer.status)
        # The session is not written either if read-only mode rejects a request.
        if not guard.has_session and not (call.harbor.settings.read_only and _is_write(call)):
            answer.headers.append(("Set-Cookie", _session_cookie(call)))
    answer.headers += guard.headers()
    request_id = call.headers.get("x-request-id") or str(uuid.uuid4())
    answer.headers.append(("X-Request-Id", request_id))
    return answer


def _session_cookie(call: HarborRequest) -> str:
    secure = "; Secure" if call.harbor.external_url.startswith("https:") else ""
    return f"sid={secrets.token_hex(16)}; Path=/; HttpOnly{secure}"


async def _inner_layers(call: HarborRequest) -> HarborResponse:
    try:
        # /ping skips authentication: even a wrong password takes no time.
        if call.path.rstrip("/") != f"{BASE_PATH}/ping":
            call.caller = await identity.authenticate_caller(call)
        if call.harbor.settings.read_only and _is_write(call):
            raise HarborError("DENIED", READ_ONLY)
        return await _dispatch(call)
    except HarborError as refusal:
        if refusal.code == "UNPROCESSABLE_ENTITY" and call.caller.is_anonymous:
            refusal.headers.append(("WWW-Authenticate", 'Basic realm="API"'))
        return refusal.to_response()


def _is_write(call: HarborRequest) -> bool:
    return call.method not in SAFE_METHODS and (call.method, call.path) not in READ_ONLY_EXEMPT


async def _dispatch(call: HarborRequest) -> HarborResponse:
    path = call.path
    if path == BASE_PATH or path.startswith(f"{BASE_PATH}/"):
        return await API_ROUTER.respond(call)
    if path in ("/v2", "/v2/") or path.startswith("/v2/"):
        return registry.handle_registry(call)
    if path == "/service/token":
        return token_service.handle_token(call)
    return system.handle_other_paths(call)


async def _send_response(answer: HarborResponse, method: str, send: Send) -> None:
    headers = [(name, value) for name, value in answer.headers]
    if answer.content_type:
        headers.append(("Content-Type", answer.content_type))
    headers.append(("Content-Length", str(len(answer.body))))
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    body = b"" if method == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})
