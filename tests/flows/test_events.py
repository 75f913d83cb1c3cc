"""Events reach the server, and are not lost when the server does not take them at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlmodel import update

from deployments.simulators.asgi import (
    App,
    Receive,
    Reply,
    Scope,
    Send,
    read_body,
    replay,
    send_reply,
    target,
)
from deployments.simulators.faults import Answer, Fault, Faults
from deployments.simulators.server import running
from flows.registries.reconcile import reconcile_registry
from models.core.audit import EVENTS, Entry
from models.tables import AuditRow
from tasks import clock
from tasks.store import audit
from tasks.store.session import transact
from tests.support.helpers import (
    Server,
    audit_of,
    audited,
    completed,
    events_of,
    harbor_at,
    integrate,
    settled,
    told,
)

_NOT_PASSED_ON = ("host", "content-length", "transfer-encoding", "connection")


@pytest.fixture
def before_the_server(prefect_server: Server) -> Iterator[Faults]:
    """A proxy before the Prefect server, in force, which can be told to fail."""

    async def forward(scope: Scope, receive: Receive, send: Send) -> None:
        sent = {k.decode(): v.decode() for k, v in scope["headers"]}
        kept = {name: value for name, value in sent.items() if name not in _NOT_PASSED_ON}
        url = prefect_server.url.removesuffix("/api") + target(scope)
        async with httpx.AsyncClient(timeout=30) as client:
            body = await read_body(receive)
            answer = await client.request(scope["method"], url, content=body, headers=kept)
        headers = (("Content-Type", answer.headers.get("content-type", "text/plain")),)
        await send_reply(send, Reply(answer.status_code, answer.content, headers))

    proxy = Faults(forward)
    with running(proxy) as url, temporary_settings({PREFECT_API_URL: f"{url}/api"}):
        yield proxy


async def test_a_failed_announcement_is_made_up_for(name: str, before_the_server: Faults) -> None:
    with harbor_at() as place:
        before_the_server.add(Fault(Answer(500), "POST", "/api/events", times=None))
        state = await integrate(name, place.url)
        assert state.is_completed(), state  # what was done is done, whoever hears of it
        assert before_the_server.count("POST", "/api/events") >= 1
        assert [row.announced_at for row in audit_of(name) if row.event] == [None]
        before_the_server.clear()
        await completed(reconcile_registry, name)
    assert await told(name) == {"registry.integrated": 1}


async def test_an_event_that_is_sent_twice_is_there_once(name: str) -> None:
    """Killed after the server took it and before that was noted."""
    with harbor_at() as place:
        await settled(name, place.url)
        await completed(reconcile_registry, name)
        assert await told(name) == {"registry.integrated": 1}
        transact(lambda session: session.exec(update(AuditRow).values(announced_at=None)))
        await completed(reconcile_registry, name)
        entry = Entry(subject=name, what="registry.updated")
        transact(audit.write, name, [entry], at=clock.now(), flow_run="")
        await completed(reconcile_registry, name)
    assert await events_of(name, 2) == {"registry.integrated": 1, "registry.updated": 1}


async def test_more_than_one_page_of_events(name: str) -> None:
    with harbor_at() as place:
        await settled(name, place.url)
        entries = [Entry(subject=f"s{number}", what="space.appeared") for number in range(1100)]
        transact(audit.write, name, entries, at=clock.now(), flow_run="")
        await completed(reconcile_registry, name)
    assert all(row.announced_at for row in audit_of(name) if row.event is not None)
    assert set(audited(name)) <= set(EVENTS)


@dataclass(frozen=True)
class Rejects:
    """Takes no batch that a word is in, as Prefect takes none with an event that it cannot read."""

    word: bytes

    async def act(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        if self.word in body:
            await send_reply(send, Reply(422, b"{}"))
        else:
            await app(scope, replay(body, receive), send)


async def test_a_rejected_event_holds_up_no_other(name: str, before_the_server: Faults) -> None:
    subjects = ["s0", "bad-1", *(f"s{number}" for number in range(1, 20)), "bad-2", "s20"]
    with harbor_at() as place:
        await settled(name, place.url)
        entries = [Entry(subject=subject, what="space.appeared") for subject in subjects]
        transact(audit.write, name, entries, at=clock.now(), flow_run="")
        events = Fault(Rejects(b"bad-"), "POST", "/api/events", times=None)
        before_the_server.add(events)
        await completed(reconcile_registry, name)
        rows = {row.subject: row for row in audit_of(name) if row.event}
        rejected = {subject: row.rejected for subject, row in rows.items() if row.rejected}
        assert rejected == dict.fromkeys(("bad-1", "bad-2"), "Prefect answered 422")
        assert {subject for subject, row in rows.items() if row.announced_at} == (
            rows.keys() - rejected.keys()
        )
        asked = before_the_server.count("POST", "/api/events")
        await completed(reconcile_registry, name)
        assert before_the_server.count("POST", "/api/events") == asked  # they are not tried again
