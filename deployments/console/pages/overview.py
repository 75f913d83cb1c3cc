"""The first page: all registries with their health, storage and age."""

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from deployments.console.context import read
from deployments.console.rendering import render
from models.core.settings import get_settings
from models.overview.overview import Overview
from tasks import clock
from tasks.store.registries.statistics import list_registry_statistics


async def show(request: Request) -> Response:
    """Show the overview."""
    return render(request, "overview.html", overview=await read(_load_overview))


def _load_overview(session: Session) -> Overview:
    now, policy = clock.now(), get_settings().poll_policy
    registries = list_registry_statistics(session)
    return Overview(at=now, registries=tuple(item.as_of(policy, now) for item in registries))
