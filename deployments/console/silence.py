"""Whether the service is silent: no scheduled run has ended for some time."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from models.core.runs.schedules import ScheduledFlow
from models.overview.silent_schedules import SilentSchedule, find_silent_schedules
from tasks.prefect.api import PrefectUnavailable
from tasks.prefect.last_runs import list_last_ends

_TIMEOUT_SECONDS = 2.0
_KEPT_SECONDS = 5.0


class Silence(NamedTuple):
    """What is known about the scheduled runs.

    Attributes:
        schedules: the schedules of which no run has ended for three intervals.
        prefect_error: why that is not known; empty if it is.
    """

    schedules: tuple[SilentSchedule, ...] = ()
    prefect_error: str = ""


class LastEnds:
    """When scheduled runs last ended, or why that is not known; kept for some seconds.

    Each page shows it, and probes without a login ask for it: a Prefect server that hangs must
    neither block a page nor get a request for each of them.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._answer: Mapping[str, datetime] | PrefectUnavailable = {}
        self._expires_at = 0.0

    async def get(self) -> Mapping[str, datetime] | PrefectUnavailable:
        """Return the last ends by flow, or the error; requests at the same time share one."""
        async with self._lock:
            if time.monotonic() >= self._expires_at:
                try:
                    self._answer = await list_last_ends(ScheduledFlow, seconds=_TIMEOUT_SECONDS)
                except PrefectUnavailable as error:
                    self._answer = error
                self._expires_at = time.monotonic() + _KEPT_SECONDS
            return self._answer


def assess_silence(
    last_ends: Mapping[str, datetime] | PrefectUnavailable, watched_since: datetime, now: datetime
) -> Silence:
    """Return which schedules are silent.

    Args:
        last_ends: see `LastEnds`.
        watched_since: when this process started; a new installation has no runs at first.
        now: the current time.
    """
    if isinstance(last_ends, PrefectUnavailable):
        return Silence(prefect_error=str(last_ends))
    return Silence(find_silent_schedules(last_ends, watched_since, now))


class WatchSilence:
    """ASGI middleware: `request.state.silence` of each page that a user sees; see base.html."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with what is known about the scheduled runs."""
        state = scope.get("state", {})
        if state.get("session") and not str(scope["path"]).startswith("/static/"):
            state["silence"] = await scope["app"].state.console.find_silence()
        await self.app(scope, receive, send)
