"""Who may ask a simulated Docker Registry: nobody checked, htpasswd, or bearer tokens.

Challenges and refusals are those of docker-registry 2.8.2. The token endpoint stands in for
the separate token server such a registry needs; its tokens are opaque, which clients must
take them for anyway (https://distribution.github.io/distribution/spec/auth/token/).
"""

import base64
import binascii
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from deployments.simulators.asgi import (
    Receive,
    Reply,
    Request,
    Scope,
    Send,
    read_request,
    send_reply,
)
from deployments.simulators.docker_registry.responses import RefusedError, json_reply


class Access(NamedTuple):
    """One thing a request wants to do."""

    type: str
    name: str
    action: str


CATALOG = Access("registry", "catalog", "*")


class Auth(Protocol):
    """The registry's doorkeeper."""

    def admit(self, request: Request, wanted: Sequence[Access]) -> None:
        """Return, or refuse with a challenge."""


@dataclass(frozen=True)
class NoAuth:
    """Everybody may do everything."""

    def admit(self, request: Request, wanted: Sequence[Access]) -> None:
        """Admit."""


@dataclass(frozen=True)
class Basic:
    """htpasswd: whoever has a password may do everything, for it knows no repositories."""

    users: Mapping[str, str]
    realm: str = "basic-realm"

    def admit(self, request: Request, wanted: Sequence[Access]) -> None:
        """Admit a known user with the right password."""
        if not _known(self.users, request):
            raise _unauthorized(wanted, f'Basic realm="{self.realm}"')


@dataclass
class Token:
    """Bearer tokens for known users, from our own `/token` or, with `realm`, from elsewhere.

    `app` is the token endpoint alone, to be served at another address:
    `token.realm = f"{url}/token"` then points the challenges there.
    """

    users: Mapping[str, str]
    realm: str | None = None
    service: str = "registry.test"
    expires_in: int = 300
    catalog: bool = True
    """Whether a token may carry the catalog scope."""
    issued: int = field(default=0, init=False)
    _valid: dict[str, tuple[float, frozenset[Access]]] = field(default_factory=dict, repr=False)

    def admit(self, request: Request, wanted: Sequence[Access]) -> None:
        """Admit a valid token whose scopes cover what is wanted."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            raise _unauthorized(wanted, self._challenge(request, wanted))
        until, granted = self._valid.get(token, (0.0, frozenset()))
        if until < time.time():
            raise _unauthorized(wanted, self._challenge(request, wanted, "invalid_token"))
        # Not 403: the real one answers 401 to a valid token with too little scope.
        if not granted.issuperset(wanted):
            raise _unauthorized(wanted, self._challenge(request, wanted, "insufficient_scope"))

    def expire(self) -> None:
        """Make every token handed out so far invalid."""
        self._valid.clear()

    def issue(self, request: Request) -> Reply:
        """Answer at the token endpoint."""
        if request.method != "GET":
            return _plain(405, "Method not allowed")
        if not _known(self.users, request):
            challenge = ("WWW-Authenticate", f'Basic realm="{self.service}"')
            return _plain(401, "Auth failed.", challenge)
        if request.first("service") != self.service:
            return _plain(400, "Unknown service.")
        return json_reply(self._grant(_asked(request.query.get("scope", []))))

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The token endpoint alone, at every path."""
        await send_reply(send, self.issue(await read_request(scope, receive)))

    def _grant(self, asked: Iterable[Access]) -> dict[str, object]:
        granted = frozenset(a for a in asked if self.catalog or a.type != "registry")
        token = secrets.token_urlsafe(32)
        self._valid[token] = (time.time() + self.expires_in, granted)
        self.issued += 1
        issued_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "token": token,
            "access_token": token,
            "expires_in": self.expires_in,
            "issued_at": issued_at,
        }

    def _challenge(self, request: Request, wanted: Sequence[Access], error: str = "") -> str:
        realm = self.realm or f"{request.origin}/token"
        challenge = f'Bearer realm="{realm}",service="{self.service}"'
        if wanted:
            challenge += f',scope="{_scope(wanted)}"'
        return f'{challenge},error="{error}"' if error else challenge


def _scope(wanted: Sequence[Access]) -> str:
    # The real one takes the actions from a Go map: their order changes from call to call.
    actions: dict[str, list[str]] = {}
    for access in wanted:
        actions.setdefault(f"{access.type}:{access.name}", []).append(access.action)
    return " ".join(f"{what}:{','.join(does)}" for what, does in actions.items())


def _asked(scopes: Iterable[str]) -> Iterable[Access]:
    for scope in " ".join(scopes).split():
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        yield from (Access(kind, name, action) for action in actions.split(","))


def _known(users: Mapping[str, str], request: Request) -> bool:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme != "Basic":
        return False
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return users.get(user) == password


def _unauthorized(wanted: Sequence[Access], challenge: str) -> RefusedError:
    detail = [
        {"Type": access.type, "Class": "", "Name": access.name, "Action": access.action}
        for access in wanted
    ]
    return RefusedError("UNAUTHORIZED", detail or None, headers=(("Www-Authenticate", challenge),))


def _plain(status: int, text: str, *headers: tuple[str, str]) -> Reply:
    kind = ("Content-Type", "text/plain; charset=utf-8")
    return Reply(status, f"{text}\n".encode(), (kind, *headers))
