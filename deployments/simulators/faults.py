"""Misbehaviour on request: wrap a simulated service and tell it how to fail.

    faults = Faults(app)
    faults.add(Fault(Answer(429, headers=(("Retry-After", "1"),)), path=r"/v2/_catalog.*", times=2))

Served by `server.running` the faults are what a client sees on the wire. Over
`httpx.ASGITransport` they work too, except that httpx applies no timeouts there and gathers
the whole answer first, so use a real socket for `EndlessBody`, `HugeBody` and long delays.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

from deployments.simulators.asgi import AsgiApp, Receive, Scope, Send, request_target
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
    """One rule: which requests, which of them in order, and what happens to them.

    `path` is a regular expression for the whole of path?query as sent. The first `after`
    matches pass untouched, the next `times` (None: all) are acted upon.
    """

    action: FaultAction
    method: str | None = None
    path: str | None = None
    after: int = 0
    times: int | None = 1
    _matched: int = field(default=0, init=False, repr=False)

    def applies_to(self, method: str, path: str) -> bool:
        """Whether this request is the rule's; counts it if it matches."""
        if not _matches(method, path, self.method, self.path):
            return False
        self._matched += 1
        position = self._matched - self.after
        return position > 0 and (self.times is None or position <= self.times)


class FaultInjector:
    """An ASGI app that answers as `app` does, except where a rule says otherwise.

    Rules are asked in the order added; the first to claim a request has it alone, and the
    later ones do not count it.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._rules: list[Fault] = []
        self.request_counts: Counter[str] = Counter()
        """Every request, by "METHOD path?query"; `request_counts.total()` is how many in all."""

    def add(self, fault: Fault) -> None:
        """Add a rule."""
        self._rules.append(fault)

    def clear(self) -> None:
        """Forget all rules; what was seen stays."""
        self._rules.clear()

    def count(self, method: str | None = None, path: str | None = None) -> int:
        """How many requests matched, with the meaning of `Fault`'s method and path."""
        counts = [(key.split(" ", 1), number) for key, number in self.request_counts.items()]
        return sum(n for (verb, where), n in counts if _matches(verb, where, method, path))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
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
