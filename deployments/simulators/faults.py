"""Fault injection: wrap a simulated service and define how it fails.

    faults = FaultInjector(app)
    headers = (("Retry-After", "1"),)
    faults.add(Fault(Respond(429, headers=headers), path=r"/v2/_catalog.*", times=2))

Served by `server.run_server`, clients see the faults on the wire. Over
`httpx.ASGITransport` they work too, except that httpx applies no timeouts there and collects
the whole response first, so use a real socket for `EndlessBody`, `HugeBody` and long delays.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.simulators.asgi import request_target
from deployments.simulators.fault_actions import (
    CutConnection,
    Delay,
    EndlessBody,
    FaultAction,
    GatewayTimeout,
    HugeBody,
    Redirect,
    Respond,
    RunCallback,
    TruncateBody,
)

__all__ = [
    "CutConnection",
    "Delay",
    "EndlessBody",
    "Fault",
    "FaultAction",
    "FaultInjector",
    "GatewayTimeout",
    "HugeBody",
    "Redirect",
    "Respond",
    "RunCallback",
    "TruncateBody",
]


@dataclass
class Fault:
    """A rule: which requests it matches, which of those fail, and how.

    `path` is a regular expression for the full path?query as sent. The first `after` matches are
    not affected, the next `times` (None: all) are.
    """

    action: FaultAction
    method: str | None = None
    path: str | None = None
    after: int = 0
    times: int | None = 1
    _matched: int = field(default=0, init=False, repr=False)

    def applies_to(self, method: str, path: str) -> bool:
        """Return whether the rule applies to this request; a match is counted."""
        if not _matches(method, path, self.method, self.path):
            return False
        self._matched += 1
        position = self._matched - self.after
        return position > 0 and (self.times is None or position <= self.times)


class FaultInjector:
    """An ASGI app that responds as `app` does, except where a rule applies.

    Rules are evaluated in the order added. Only the first that applies is used, and later ones
    do not count the request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._rules: list[Fault] = []
        self.request_counts: Counter[str] = Counter()
        """Number of requests by "METHOD path?query"; `request_counts.total()` is the total."""

    def add(self, fault: Fault) -> None:
        """Add a rule."""
        self._rules.append(fault)

    def clear(self) -> None:
        """Remove all rules; the request counts are kept."""
        self._rules.clear()

    @property
    def has_rules(self) -> bool:
        """Whether a rule was added that was not removed."""
        return bool(self._rules)

    def count(self, method: str | None = None, path: str | None = None) -> int:
        """Return how many requests matched a method and path, see `Fault`."""
        counts = [(key.split(" ", 1), number) for key, number in self.request_counts.items()]
        return sum(n for (verb, where), n in counts if _matches(verb, where, method, path))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        verb, where = scope["method"], request_target(scope)
        self.request_counts[f"{verb} {where}"] += 1
        for rule in tuple(self._rules):
            if rule.applies_to(verb, where):
                return await rule.action.act(self._app, scope, receive, send)
        return await self._app(scope, receive, send)


def _matches(verb: str, where: str, method: str | None, path: str | None) -> bool:
    if method is not None and method.upper() != verb:
        return False
    return path is None or re.fullmatch(path, where) is not None
