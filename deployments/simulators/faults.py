"""Misbehaviour on request: wrap a simulated service and tell it how to fail.

    faults = Faults(app)
    faults.add(Fault(Answer(429, headers=(("Retry-After", "1"),)), path=r"/v2/_catalog.*", times=2))

Served by `server.running` the faults are what a client sees on the wire. Over
`httpx.ASGITransport` they work too, except that httpx applies no timeouts there and gathers
the whole answer first, so use a real socket for `Endless`, `Huge` and long delays.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

from deployments.simulators.asgi import App, Receive, Scope, Send, target
from deployments.simulators.fault_actions import (
    Action,
    Answer,
    Call,
    Cut,
    Delay,
    Endless,
    Huge,
    Late,
    Redirect,
    Truncate,
)

__all__ = [
    "Action",
    "Answer",
    "Call",
    "Cut",
    "Delay",
    "Endless",
    "Fault",
    "Faults",
    "Huge",
    "Late",
    "Redirect",
    "Truncate",
]


@dataclass
class Fault:
    """One rule: which requests, which of them in order, and what happens to them.

    `path` is a regular expression for the whole of path?query as sent. The first `after`
    matches pass untouched, the next `times` (None: all) are acted upon.
    """

    action: Action
    method: str | None = None
    path: str | None = None
    after: int = 0
    times: int | None = 1
    _matched: int = field(default=0, init=False, repr=False)

    def claims(self, method: str, path: str) -> bool:
        """Whether this request is the rule's; counts it if it matches."""
        if not _matches(method, path, self.method, self.path):
            return False
        self._matched += 1
        turn = self._matched - self.after
        return turn > 0 and (self.times is None or turn <= self.times)


class Faults:
    """An ASGI app that answers as `app` does, except where a rule says otherwise.

    Rules are asked in the order added; the first to claim a request has it alone, and the
    later ones do not count it.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._rules: list[Fault] = []
        self.seen: Counter[str] = Counter()
        """Every request, by "METHOD path?query"; `seen.total()` is how many in all."""

    def add(self, fault: Fault) -> None:
        """Add a rule."""
        self._rules.append(fault)

    def clear(self) -> None:
        """Forget all rules; what was seen stays."""
        self._rules.clear()

    def count(self, method: str | None = None, path: str | None = None) -> int:
        """How many requests matched, with the meaning of `Fault`'s method and path."""
        seen = [(key.split(" ", 1), number) for key, number in self.seen.items()]
        return sum(n for (verb, where), n in seen if _matches(verb, where, method, path))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        verb, where = scope["method"], target(scope)
        self.seen[f"{verb} {where}"] += 1
        for rule in tuple(self._rules):
            if rule.claims(verb, where):
                return await rule.action.act(self._app, scope, receive, send)
        return await self._app(scope, receive, send)


def _matches(verb: str, where: str, method: str | None, path: str | None) -> bool:
    if method is not None and method.upper() != verb:
        return False
    return path is None or re.fullmatch(path, where) is not None
