"""A request as operations get it, and its caller."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from deployments.simulators.harbor.web.responses import HarborError

if TYPE_CHECKING:
    from deployments.simulators.harbor.core import SimulatedHarbor
    from deployments.simulators.harbor.state import Robot, User

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


@dataclass(slots=True)
class HarborRequest:
    """A request that has passed the outer layers."""

    harbor: SimulatedHarbor
    method: str
    path: str
    raw_query: str
    headers: dict[str, str]
    body: bytes
    caller: Caller = ANONYMOUS
    params: dict[str, str] = field(default_factory=dict)
    _query: dict[str, list[str]] | None = None

    @property
    def query(self) -> dict[str, list[str]]:
        """The query, unescaped once."""
        if self._query is None:
            self._query = parse_qs(self.raw_query, keep_blank_values=True)
        return self._query

    def query_value(self, key: str, default: str = "") -> str:
        """Return the first value of a query key."""
        values = self.query.get(key)
        return values[0] if values else default

    def query_flag(self, key: str) -> bool | None:
        """Return a boolean query value; None if not given."""
        if not self.query_value(key):
            return None
        return self.query_value(key).lower() in TRUE_WORDS

    def path_text(self, key: str) -> str:
        """Return a path parameter, unescaped once."""
        return unquote(self.params[key])

    def path_number(self, key: str) -> int:
        """Return a path parameter that must be an integer."""
        return parse_integer(self.path_text(key), key, "path")


def parse_integer(text: str, key: str, place: str) -> int:
    """Return an integer from the URL, or raise go-swagger's error."""
    try:
        return int(text)
    except ValueError:
        raise HarborError(
            "UNPROCESSABLE_ENTITY",
            f'validation failure list:\n{key} in {place} must be of type int64: "{text}"',
        ) from None
