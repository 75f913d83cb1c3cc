"""What configuration files own, and all that is on record as such a file."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from deployments.console.context import read
from models.configuration.export import export_document
from models.configuration.things import Mark, ThingKey, ThingKind
from tasks import clock
from tasks.store.configuration import find_marks, load_world


async def export(request: Request) -> Response:
    """Return all that is on record as a configuration file, without secrets."""
    del request
    document = await asyncio.to_thread(export_document, await read(load_world))
    name = f"configuration-{clock.now():%Y-%m-%d}.yaml"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(document, media_type="application/yaml", headers=headers)


async def find_mark(kind: ThingKind, name: str) -> Mark | None:
    """Return which file owns a registry, cluster or workspace; None if none does."""
    key = ThingKey(kind, name)
    return (await read(find_marks, [key])).get(key)
