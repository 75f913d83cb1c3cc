"""Tell Prefect what happened: every audited entry that is news becomes one event."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import PrefectClient, get_client
from prefect.events import Event, RelatedResource, Resource

from models.tables import AuditRow
from tasks import clock
from tasks.store import audit
from tasks.store.session import in_transaction

_EVENT_ID_NAMESPACE = UUID("6f9a1c1e-5f2b-4b53-9a55-0b1f2ae1d3c4")

_REJECTED_STATUSES = frozenset({413, 422})
"""What the server answers to an event that is wrong or too large; a second try changes nothing."""


class PendingEvent(NamedTuple):
    """An event that is due."""

    entry_id: int
    event: dict[str, Any]


async def send_events() -> int:
    """Send the events that are due, oldest first, and return how many were.

    They are marked once the server has taken them: a run that is killed in between has them sent
    again by the next one, under the same event id. One that the server rejects is marked, logged
    and left out, so that it holds up no other; after any other fault the next run goes on.
    """
    count = 0
    while rows := await in_transaction(audit.pending_events):
        batch = [
            PendingEvent(row.id or 0, _build_event(row).model_dump(mode="json")) for row in rows
        ]
        try:
            async with get_client() as client:
                rejections = await _send_batch(client, batch)
        except httpx.HTTPError as error:
            get_run_logger().warning("Events wait for the next run: %s", type(error).__name__)
            return count
        for entry, reason in rejections.items():
            get_run_logger().error("The event of audit entry %s is not sent: %s", entry, reason)
        accepted_ids = [
            pending_event.entry_id
            for pending_event in batch
            if pending_event.entry_id not in rejections
        ]
        if rejections:
            await in_transaction(audit.mark_rejected, rejections)
        await in_transaction(audit.mark_sent, accepted_ids, clock.now())
        count += len(accepted_ids)
    return count


async def _send_batch(client: PrefectClient, batch: Sequence[PendingEvent]) -> dict[int, str]:
    """Send events together; those of a batch that is rejected in two halves, and so on.

    Returns:
        Why the server rejected the rest, by entry.

    Raises:
        httpx.HTTPError: something else went wrong.
    """
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
