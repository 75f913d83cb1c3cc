"""Tell Prefect what happened: every audited entry that is news becomes one event."""

from uuid import UUID, uuid5

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.events import Event, RelatedResource, Resource

from models.tables import AuditRow
from tasks import clock
from tasks.store import audit
from tasks.store.session import stored

_NAMESPACE = UUID("6f9a1c1e-5f2b-4b53-9a55-0b1f2ae1d3c4")


async def announce() -> int:
    """Send the events that are due, oldest first, and return how many were.

    They are marked once the server has taken them: a run that is killed in between has them sent
    again by the next one, under the same event id.
    """
    sent = 0
    while rows := await stored(audit.unannounced):
        events = [_event(row).model_dump(mode="json") for row in rows]
        try:
            async with get_client() as client:
                await client.request("POST", "/events", json=events)
        except httpx.HTTPError as error:
            get_run_logger().warning("Events wait for the next run: %s", type(error).__name__)
            return sent
        ids = [row.id for row in rows if row.id is not None]
        await stored(audit.mark_announced, ids, clock.now())
        sent += len(rows)
    return sent


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
