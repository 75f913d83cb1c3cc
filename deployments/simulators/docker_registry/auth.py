"""Authentication of a simulated Docker Registry: none, htpasswd, or bearer tokens.

Challenges and errors are those of docker-registry 2.8.2. The token endpoint replaces the
separate token server that such a registry needs; its tokens are opaque, as clients must assume
(https://distribution.github.io/distribution/spec/auth/token/), or JWTs as docker_auth issues.
"""

import base64
import binascii
import json
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from deployments.simulators.docker_registry.responses import (
    ErrorResponse,
    GoJson,
    text_response,
)


class TokenScope(NamedTuple):
    """An action that a request requires."""

    type: str
    name: str
    action: str


CATALOG_SCOPE = TokenScope("registry", "catalog", "*")


class Auth(Protocol):
    """Authorization of the registry."""

    def authorize(self, request: Request, accesses: Sequence[TokenScope]) -> None:
        """Return if authorized; otherwise raise an error with a challenge."""


@dataclass(frozen=True)
class NoAuth:
    """No authentication: everything is allowed."""

    def authorize(self, request: Request, accesses: Sequence[TokenScope]) -> None:
        """Allow every request."""


@dataclass(frozen=True)
class BasicAuth:
    """htpasswd: every authenticated user may do everything; there are no permissions."""

    users: Mapping[str, str]
    realm: str = "basic-realm"

    def authorize(self, request: Request, accesses: Sequence[TokenScope]) -> None:
        """Allow a known user with the correct password."""
        if not _has_valid_password(self.users, request):
            raise _unauthorized_error(accesses, f'Basic realm="{self.realm}"')


@dataclass
class TokenAuth:
    """Bearer tokens for known users, from `/token` or, with `realm`, from another server.

    `app` is the token endpoint alone, to be served at another address:
    `token.realm = f"{url}/token"` then points the challenges there.
    """

    users: Mapping[str, str]
    realm: str | None = None
    service: str = "registry.test"
    expires_in: int = 300
    catalog: bool = True
    """Whether a token may carry the catalog scope."""
    jwt: bool = False
    """Whether tokens are JWTs that name what they grant (spec/auth/jwt), instead of opaque."""
    actions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Actions that a user may do in repositories; a user without an entry may do everything."""
    refuses_excess: bool = False
    """Whether a request for more than the user may do is refused (403), instead of narrowed."""
    single_scope: bool = False
    """Whether several scopes in one parameter are refused (400), as Quay does."""
    issued_count: int = field(default=0, init=False)
    _valid_tokens: dict[str, tuple[float, frozenset[TokenScope]]] = field(
        default_factory=dict, repr=False
    )

    def authorize(self, request: Request, accesses: Sequence[TokenScope]) -> None:
        """Allow a valid token whose scopes cover the required actions."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            raise _unauthorized_error(accesses, self._challenge(request, accesses))
        until, rights = self._valid_tokens.get(token, (0.0, frozenset()))
        if until < time.time():
            raise _unauthorized_error(accesses, self._challenge(request, accesses, "invalid_token"))
        # Not 403: the real one responds 401 to a valid token with insufficient scope.
        if not rights.issuperset(accesses):
            raise _unauthorized_error(
                accesses, self._challenge(request, accesses, "insufficient_scope")
            )

    def expire_tokens(self) -> None:
        """Invalidate all issued tokens."""
        self._valid_tokens.clear()

    async def issue_token(self, request: Request) -> Response:
        """Handle a GET at the token endpoint."""
        if not _has_valid_password(self.users, request):
            challenge = {"www-authenticate": f'Basic realm="{self.service}"'}
            return text_response("Auth failed.", 401, challenge)
        if query_value(request, "service") != self.service:
            return text_response("Unknown service.", 400)
        if self.single_scope and " " in query_value(request, "scope"):
            return text_response("Unable to decode repository and actions.", 400)
        asked = tuple(_parse_scopes(request.query_params.getlist("scope")))
        granted = tuple(access for access in asked if self._may(_user_name(request), access))
        if self.refuses_excess and granted != asked:
            return text_response("access forbidden", 403)
        return GoJson(self._create_token(granted))

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve only the token endpoint, at every path."""
        response = await self.issue_token(Request(scope))
        await response(scope, receive, send)

    def _may(self, user: str, access: TokenScope) -> bool:
        if access.type == "registry":
            return self.catalog
        return user not in self.actions or access.action in self.actions[user]

    def _create_token(self, accesses: Sequence[TokenScope]) -> dict[str, object]:
        rights = frozenset(accesses)
        token = _build_jwt(accesses) if self.jwt else secrets.token_urlsafe(32)
        self._valid_tokens[token] = (time.time() + self.expires_in, rights)
        self.issued_count += 1
        issued_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "token": token,
            "access_token": token,
            "expires_in": self.expires_in,
            "issued_at": issued_at,
        }

    def _challenge(self, request: Request, accesses: Sequence[TokenScope], error: str = "") -> str:
        realm = self.realm or f"{request_origin(request)}/token"
        challenge = f'Bearer realm="{realm}",service="{self.service}"'
        if accesses:
            challenge += f',scope="{_scope_text(accesses)}"'
        return f'{challenge},error="{error}"' if error else challenge


def _scope_text(accesses: Sequence[TokenScope]) -> str:
    # The real one takes the actions from a Go map: their order changes from call to call.
    actions: dict[str, list[str]] = {}
    for access in accesses:
        actions.setdefault(f"{access.type}:{access.name}", []).append(access.action)
    return " ".join(f"{resource}:{','.join(names)}" for resource, names in actions.items())


def _parse_scopes(scopes: Iterable[str]) -> Iterable[TokenScope]:
    for scope in " ".join(scopes).split():
        kind, _, remainder = scope.partition(":")
        name, _, actions = remainder.rpartition(":")
        yield from (TokenScope(kind, name, action) for action in actions.split(","))


def _build_jwt(accesses: Sequence[TokenScope]) -> str:
    """Return a token with the `access` claim of docker_auth; its signature is random."""
    actions: dict[tuple[str, str], list[str]] = {}
    for access in accesses:
        actions.setdefault((access.type, access.name), []).append(access.action)
    claims = [
        {"type": kind, "name": name, "actions": names} for (kind, name), names in actions.items()
    ]
    parts = (json.dumps({"typ": "JWT", "alg": "RS256"}), json.dumps({"access": claims}))
    encoded = [base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, secrets.token_urlsafe(32)])


def _user_name(request: Request) -> str:
    encoded = request.headers.get("authorization", "").partition(" ")[2]
    return base64.b64decode(encoded).decode().partition(":")[0]


def _has_valid_password(users: Mapping[str, str], request: Request) -> bool:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme != "Basic":
        return False
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return users.get(user) == password


def _unauthorized_error(accesses: Sequence[TokenScope], challenge: str) -> ErrorResponse:
    detail = [
        {"Type": access.type, "Class": "", "Name": access.name, "Action": access.action}
        for access in accesses
    ]
    return ErrorResponse("UNAUTHORIZED", detail or None, headers={"www-authenticate": challenge})


def request_origin(request: Request) -> str:
    """Return scheme, host and port as the client sees them."""
    return f"{request.url.scheme}://{request.url.netloc}"


def query_value(request: Request, name: str) -> str:
    """Return the first value of a query parameter; empty if not given."""
    values = request.query_params.getlist(name)
    return values[0] if values else ""
