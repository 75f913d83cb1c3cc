"""Send audit entries to Prefect as events, one event per entry."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import PrefectClient, get_client
from prefect.events import Event, RelatedResource, Resource
from sqlmodel import Session

from models.tables import AuditRow
from tasks import clock
from tasks.store import audit
from tasks.store.session import in_transaction

_EVENT_ID_NAMESPACE = UUID("6f9a1c1e-5f2b-4b53-9a55-0b1f2ae1d3c4")

_REJECTED_STATUSES = frozenset({413, 422})
"""Responses to an invalid or too large event; a retry gets the same response."""


class PendingEvent(NamedTuple):
    """An event to send, and the id of its audit entry."""

    entry_id: int
    event: dict[str, Any]


class SentEvents(NamedTuple):
    """The result of a batch.

    Attributes:
        accepted_ids: audit entries whose event the server accepted.
        rejections: reasons by audit entry, for events that the server rejected.
    """

    accepted_ids: tuple[int, ...] = ()
    rejections: Mapping[int, str] = {}


async def send_events() -> None:
    """Send pending events, oldest first.

    Events are marked as sent after the server accepted them. If the run is killed in between, the
    next run sends them again with the same event ids. An event that the server rejects is logged,
    marked as rejected and never sent again, so that it does not block others. After any other
    error, the next run retries.
    """
    rows = await in_transaction(audit.pending_events)
    while rows and (sent := await post_events(rows)) != SentEvents():
        rows = await in_transaction(mark_events, sent, clock.now())


async def post_events(rows: Sequence[AuditRow]) -> SentEvents:
    """Send one batch of events; an empty result if the server could not be reached."""
    batch = [PendingEvent(row.id or 0, _build_event(row).model_dump(mode="json")) for row in rows]
    if not batch:
        return SentEvents()
    try:
        async with get_client() as client:
            rejections = await _send_batch(client, batch)
    except httpx.HTTPError as error:
        get_run_logger().warning(
            "Events were not sent, the next run retries: %s", type(error).__name__
        )
        return SentEvents()
    for entry, reason in rejections.items():
        get_run_logger().error(
            "Event of audit entry %s was rejected and is not retried: %s", entry, reason
        )
    ids = (pending_event.entry_id for pending_event in batch)
    return SentEvents(tuple(id_ for id_ in ids if id_ not in rejections), rejections)


def mark_events(session: Session, sent: SentEvents, now: datetime) -> list[AuditRow]:
    """Mark the events of a batch, and return the entries of the next one."""
    audit.mark_rejected(session, sent.rejections)
    audit.mark_sent(session, sent.accepted_ids, now)
    return audit.pending_events(session)


async def _send_batch(client: PrefectClient, batch: Sequence[PendingEvent]) -> dict[int, str]:
    # The server rejects a batch as a whole: halve it until the invalid events are isolated.
    try:
        await client.request(
            "POST", "/events", json=[pending_event.event for pending_event in batch]
        )
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status not in _REJECTED_STATUSES:
            raise
        if len(batch) == 1:
            return {batch[0].entry_id: f"Prefect answered {status}"}
        half = len(batch) // 2
        return await _send_batch(client, batch[:half]) | await _send_batch(client, batch[half:])
    return {}


def _build_event(row: AuditRow) -> Event:
    resource = {"prefect.resource.id": _resource_id(row), "prefect.resource.name": row.subject}
    related = [
        RelatedResource({"prefect.resource.id": f"{role}.{name}", "prefect.resource.role": role})
        for role, name in (
            ("registry", row.registry_name),
            ("cluster", row.cluster_name),
            ("workspace", row.workspace),
        )
        if name
    ]
    return Event(
        id=uuid5(_EVENT_ID_NAMESPACE, f"{row.id}/{row.at.isoformat()}/{row.registry_name}"),
        occurred=row.at,
        event=row.event or row.what,
        resource=Resource(resource),
        related=related,
        payload={
            "registry": row.registry_name,
            "cluster": row.cluster_name,
            "workspace": row.workspace,
            "subject": row.subject,
            "before": row.before,
            "after": row.after,
            "why": row.why,
            "flow_run": row.flow_run,
            "actor": row.actor,
        },
    )


def _resource_id(row: AuditRow) -> str:
    kind = row.what.partition(".")[0]
    parents = {
        "registry": (),
        "space": (row.registry_name,),
        "grant": (row.registry_name,),
        "namespace": (row.cluster_name,),
        "secret": (row.cluster_name,),
    }
    return ".".join((kind, *parents.get(kind, ()), row.subject))
