"""Asking a simulated Harbor one thing at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx

from deployments.simulators.harbor import SimulatedHarbor

ADMIN = ("admin", "Harbor12345")


class Clock:
    """A clock a test can set forward."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def ask(
    harbor: SimulatedHarbor,
    path: str,
    auth: tuple[str, str] | None = ADMIN,
    method: str = "GET",
    **options: Any,
) -> httpx.Response:
    """One request without cookies."""
    transport = httpx.ASGITransport(app=harbor.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://harbor.test") as client:
        return await client.request(method, path, auth=auth, **options)
