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
from tasks.store.session import stored

_NAMESPACE = UUID("6f9a1c1e-5f2b-4b53-9a55-0b1f2ae1d3c4")

_REJECTED = frozenset({413, 422})
"""What the server answers to an event that is wrong or too large; a second try changes nothing."""


class Waiting(NamedTuple):
    """An event that is due."""

    entry: int
    event: dict[str, Any]


async def announce() -> int:
    """Send the events that are due, oldest first, and return how many were.

    They are marked once the server has taken them: a run that is killed in between has them sent
    again by the next one, under the same event id. One that the server rejects is marked, logged
    and left out, so that it holds up no other; after any other fault the next run goes on.
    """
    sent = 0
    while rows := await stored(audit.unannounced):
        waiting = [Waiting(row.id or 0, _event(row).model_dump(mode="json")) for row in rows]
        try:
            async with get_client() as client:
                wrong = await _send(client, waiting)
        except httpx.HTTPError as error:
            get_run_logger().warning("Events wait for the next run: %s", type(error).__name__)
            return sent
        for entry, why in wrong.items():
            get_run_logger().error("The event of audit entry %s is not sent: %s", entry, why)
        taken = [one.entry for one in waiting if one.entry not in wrong]
        if wrong:
            await stored(audit.mark_rejected, wrong)
        await stored(audit.mark_announced, taken, clock.now())
        sent += len(taken)
    return sent


async def _send(client: PrefectClient, waiting: Sequence[Waiting]) -> dict[int, str]:
    """Send events together; those of a batch that is rejected in two halves, and so on.

    Returns:
        Why the server rejected the rest, by entry.

    Raises:
        httpx.HTTPError: something else went wrong.
    """
    try:
        await client.request("POST", "/events", json=[one.event for one in waiting])
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status not in _REJECTED:
            raise
        if len(waiting) == 1:
            return {waiting[0].entry: f"Prefect answered {status}"}
        half = len(waiting) // 2
        return await _send(client, waiting[:half]) | await _send(client, waiting[half:])
    return {}


def _event(row: AuditRow) -> Event:
    resource = {"prefect.resource.id": _resource(row), "prefect.resource.name": row.subject}
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
        id=uuid5(_NAMESPACE, f"{row.id}/{row.at.isoformat()}/{row.registry_name}"),
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


def _resource(row: AuditRow) -> str:
    kind = row.what.partition(".")[0]
    where = {
        "registry": (),
        "space": (row.registry_name,),
        "grant": (row.registry_name,),
        "namespace": (row.cluster_name,),
        "secret": (row.cluster_name,),
    }
    return ".".join((kind, *where.get(kind, ()), row.subject))
