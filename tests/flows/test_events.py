"""Events reach the server, and are not lost when the server does not take them at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlmodel import update
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.simulators.asgi import replay_body, request_target
from deployments.simulators.faults import Fault, FaultInjector, Respond
from deployments.simulators.server import run_server
from flows.registries.reconcile import reconcile_registry
from flows.runs import new_run_context
from models.core.audit import EVENT_DESCRIPTIONS, AuditEntry
from models.tables import AuditRow
from tasks.store import audit
from tasks.store.session import run_in_transaction
from tests.support.helpers import (
    Server,
    add_registry,
    audit_events,
    audit_of,
    expect_success,
    harbor_with,
    integrate,
    sent_events,
    wait_for_events,
)

_NOT_PASSED_ON = ("host", "content-length", "transfer-encoding", "connection")


@pytest.fixture
def server_proxy(prefect_server: Server) -> Iterator[FaultInjector]:
    """A proxy before the Prefect server, in force, which can be told to fail."""

    async def forward(scope: Scope, receive: Receive, send: Send) -> None:
        request_headers = {k.decode(): v.decode() for k, v in scope["headers"]}
        forwarded_headers = {
            name: value for name, value in request_headers.items() if name not in _NOT_PASSED_ON
        }
        url = prefect_server.url.removesuffix("/api") + request_target(scope)
        async with httpx.AsyncClient(timeout=30) as client:
            body = await Request(scope, receive).body()
            response = await client.request(
                scope["method"], url, content=body, headers=forwarded_headers
            )
        media_type = response.headers.get("content-type", "text/plain")
        reply = Response(response.content, response.status_code, media_type=media_type)
        await reply(scope, receive, send)

    proxy = FaultInjector(forward)
    with run_server(proxy) as url, temporary_settings({PREFECT_API_URL: f"{url}/api"}):
        yield proxy


async def test_a_failed_announcement_is_made_up_for(name: str, server_proxy: FaultInjector) -> None:
    with harbor_with() as harbor:
        server_proxy.add(Fault(Respond(500), "POST", "/api/events", times=None))
        state = await integrate(name, harbor.url)
        assert state.is_completed(), state  # what was done is done, whoever hears of it
        assert server_proxy.count("POST", "/api/events") >= 1
        assert [row.announced_at for row in audit_of(name) if row.event] == [None]
        server_proxy.clear()
        await expect_success(reconcile_registry, name)
    assert await sent_events(name) == {"registry.integrated": 1}


async def test_an_event_that_is_sent_twice_is_there_once(name: str) -> None:
    """Killed after the server took it and before that was noted."""
    with harbor_with() as harbor:
        await add_registry(name, harbor.url)
        await expect_success(reconcile_registry, name)
        assert await sent_events(name) == {"registry.integrated": 1}
        run_in_transaction(lambda session: session.exec(update(AuditRow).values(announced_at=None)))
        await expect_success(reconcile_registry, name)
        entry = AuditEntry(subject=name, action="registry.updated")
        run_in_transaction(audit.append, name, [entry], new_run_context())
        await expect_success(reconcile_registry, name)
    assert await wait_for_events(name, 2) == {"registry.integrated": 1, "registry.updated": 1}


async def test_more_than_one_page_of_events(name: str) -> None:
    with harbor_with() as harbor:
        await add_registry(name, harbor.url)
        entries = [
            AuditEntry(subject=f"s{number}", action="space.appeared") for number in range(1100)
        ]
        run_in_transaction(audit.append, name, entries, new_run_context())
        await expect_success(reconcile_registry, name)
    assert all(row.announced_at for row in audit_of(name) if row.event is not None)
    assert set(audit_events(name)) <= set(EVENT_DESCRIPTIONS)


@dataclass(frozen=True)
class Rejects:
    """Takes no batch that a word is in, as Prefect takes none with an event that it cannot read."""

    word: bytes

    async def act(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        if self.word in body:
            await Response(b"{}", 422)(scope, receive, send)
        else:
            await app(scope, replay_body(body, receive), send)


async def test_a_rejected_event_holds_up_no_other(name: str, server_proxy: FaultInjector) -> None:
    subjects = ["s0", "wrong-1", *(f"s{number}" for number in range(1, 20)), "wrong-2", "s20"]
    with harbor_with() as harbor:
        await add_registry(name, harbor.url)
        entries = [AuditEntry(subject=subject, action="space.appeared") for subject in subjects]
        run_in_transaction(audit.append, name, entries, new_run_context())
        events = Fault(Rejects(b"wrong-"), "POST", "/api/events", times=None)
        server_proxy.add(events)
        await expect_success(reconcile_registry, name)
        rows = {row.subject: row for row in audit_of(name) if row.event}
        rejected = {subject: row.rejected for subject, row in rows.items() if row.rejected}
        assert rejected == dict.fromkeys(("wrong-1", "wrong-2"), "Prefect answered 422")
        assert {subject for subject, row in rows.items() if row.announced_at} == (
            rows.keys() - rejected.keys()
        )
        request_count = server_proxy.count("POST", "/api/events")
        await expect_success(reconcile_registry, name)
        assert (
            server_proxy.count("POST", "/api/events") == request_count
        )  # they are not tried again
