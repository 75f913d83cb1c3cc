"""A request as operations get it, and its caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast
from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import Receive, Scope

from deployments.simulators.harbor.state.core import HarborCore
from deployments.simulators.harbor.state.entities import Robot, User
from deployments.simulators.harbor.state.errors import unprocessable
from deployments.simulators.harbor.state.log import SAFE_METHODS

API_PREFIX = "/api/v2.0"
_SCOPE_KEY = "harbor.request"
# The words that go-swagger parses as true; any other word is false, without an error.
TRUE_WORDS = frozenset(["true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"])


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller. `token_access` (repository to actions) is set only for bearer tokens on /v2."""

    name: str = ""
    user: User | None = None
    robot: Robot | None = None
    token_access: dict[str, tuple[str, ...]] | None = None
    issued_at: float = 0.0

    @property
    def is_anonymous(self) -> bool:
        """Whether there are no accepted credentials."""
        return self.user is None and self.robot is None and self.token_access is None

    @property
    def is_sysadmin(self) -> bool:
        """Whether the caller is a system administrator. A robot never is."""
        return self.user is not None and self.user.sysadmin


ANONYMOUS = Caller()


class HarborRequest(Request):
    """A request to one Harbor; all layers and the operation find the same one in the scope.

    Attributes:
        harbor: the Harbor that the request is for.
        path: the path as it was sent, still escaped.
        caller: the authenticated caller; anonymous until authentication.
    """

    def __init__(self, scope: Scope, receive: Receive, harbor: HarborCore) -> None:
        super().__init__(scope, receive)
        raw_path = scope.get("raw_path") or scope["path"].encode()
        self.harbor = harbor
        self.path = raw_path.partition(b"?")[0].decode("latin-1")
        self.caller = ANONYMOUS
        # Routes match the escaped path: a parameter may contain an escaped slash.
        scope["path"] = self.path.rstrip("/") or "/"
        scope[_SCOPE_KEY] = self

    @classmethod
    def of(cls, scope: Scope) -> HarborRequest:
        """Return the request of a scope."""
        return cast(HarborRequest, scope[_SCOPE_KEY])

    @property
    def is_write(self) -> bool:
        """Whether the request modifies."""
        return self.method not in SAFE_METHODS

    def query_value(self, key: str, default: str = "") -> str:
        """Return the first value of a query key."""
        values = self.query_params.getlist(key)
        return values[0] if values else default

    def query_flag(self, key: str) -> bool | None:
        """Return a boolean query value; None if not given."""
        if not self.query_value(key):
            return None
        return self.query_value(key).lower() in TRUE_WORDS

    def path_text(self, key: str) -> str:
        """Return a path parameter, unescaped once."""
        return unquote(self.path_params[key])

    def path_number(self, key: str) -> int:
        """Return a path parameter that must be an integer."""
        return parse_integer(self.path_text(key), key, "path")


def parse_integer(text: str, key: str, place: str) -> int:
    """Return an integer from the URL, or raise go-swagger's error."""
    try:
        return int(text)
    except ValueError:
        raise unprocessable(f'{key} in {place} must be of type int64: "{text}"') from None
