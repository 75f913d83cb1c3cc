"""The health endpoints: without a login, and without names."""

import asyncio
import sqlite3
import time
from datetime import timedelta
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.console import silence
from tasks import clock
from tests.console.browser import Browser
from tests.support.product_server import free_port


async def test_alive_and_ready(anonymous: Browser) -> None:
    assert await anonymous.get("/healthz") == "ok\n"
    assert await anonymous.get("/readyz") == "ok\n"


async def test_not_ready_without_prefect(anonymous: Browser) -> None:
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}):
        assert await anonymous.get("/healthz") == "ok\n"
        causes = await anonymous.get("/readyz", status=503)
    assert causes.startswith("Prefect API: the Prefect API did not answer")


async def test_a_prefect_that_hangs_is_asked_once(
    anonymous: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = await asyncio.start_server(lambda *_: asyncio.sleep(60), "127.0.0.1", 0)
    port = hanging.sockets[0].getsockname()[1]
    monkeypatch.setattr(silence, "_TIMEOUT_SECONDS", 0.2)
    began = time.monotonic()
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}):
        pages = [anonymous.get("/readyz", status=503) for _ in range(20)]
        assert all("did not answer" in text for text in await asyncio.gather(*pages))
    hanging.close()
    assert time.monotonic() - began < 2


async def test_not_ready_while_schedules_are_silent(anonymous: Browser) -> None:
    console = anonymous.app.state.console
    object.__setattr__(console, "started_at", clock.now() - timedelta(seconds=181))
    causes = (await anonymous.get("/readyz", status=503)).splitlines()
    assert len(causes) == 3 and causes[0].startswith("schedule: no run of reconcile-all")


async def test_not_ready_with_another_schema(anonymous: Browser, console_database: str) -> None:
    assert "make migrate" not in await anonymous.get("/login")  # the process has checked it
    with sqlite3.connect(Path(console_database.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '1000'")
    causes = await anonymous.get("/readyz", status=503)
    assert causes.startswith("database: ") and "make migrate" in causes
    with sqlite3.connect(Path(console_database.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '1999'")
    assert "a newer version migrated it" in await anonymous.get("/readyz", status=503)
