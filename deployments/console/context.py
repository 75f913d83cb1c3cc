"""What pages share: settings, sessions, templates; and how they read the database."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeVar

from jinja2 import Environment
from sqlmodel import Session as DatabaseSession
from starlette.requests import HTTPConnection

from deployments.console.metrics import MetricsPage
from deployments.console.security.attempts import LoginAttempts
from deployments.console.security.devices import DeviceCookies
from deployments.console.security.sessions import Session, SessionCookies, User
from deployments.console.settings import ConsoleSettings
from deployments.console.silence import LastEnds, Silence, assess_silence
from tasks import clock
from tasks.store.session import in_snapshot

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Console:
    """The console of this process."""

    settings: ConsoleSettings
    cookies: SessionCookies
    devices: DeviceCookies
    templates: Environment
    attempts: LoginAttempts = field(default_factory=LoginAttempts)
    started_at: datetime = field(default_factory=clock.now)
    last_ends: LastEnds = field(default_factory=LastEnds)
    metrics: MetricsPage = field(default_factory=MetricsPage)

    async def find_silence(self) -> Silence:
        """Return which schedules are silent; Prefect is asked every few seconds only."""
        return assess_silence(await self.last_ends.get(), self.started_at, clock.now())


def console_of(connection: HTTPConnection) -> Console:
    """Return the console that serves a request."""
    console: Console = connection.app.state.console
    return console


def session_of(connection: HTTPConnection) -> Session | None:
    """Return the session of a request; None on a public page without a login."""
    session: Session | None = getattr(connection.state, "session", None)
    return session


def user_of(connection: HTTPConnection) -> User:
    """Return the user of a request to a page that requires one."""
    session = session_of(connection)
    if session is None:
        raise RuntimeError("this page has no user: it must not be in PUBLIC_PATHS")
    return session.user


async def read(
    work: Callable[Concatenate[DatabaseSession, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run `work(session, …)`, which only reads, and return its result.

    All queries see the same state; the page neither waits for a run that writes nor blocks one.
    """
    return await in_snapshot(work, *args, **kwargs)
