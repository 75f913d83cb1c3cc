"""The console on a migrated SQLite, and a browser's requests without a browser."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, temporary_settings

from deployments.console.app import create_app
from deployments.console.settings import ConsoleSettings
from models.core.settings import get_settings
from tests.console.browser import PASSWORD, URL, Browser
from tests.support.databases import migrated_sqlite, use_database
from tests.support.helpers import Server


@pytest.fixture
def console_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A migrated SQLite in force, with a data directory of its own."""
    monkeypatch.setenv("REGISTRY_INTEGRATION_DATA_DIR", str(tmp_path))
    with use_database(migrated_sqlite(tmp_path)) as url:
        yield url
    get_settings.cache_clear()


@pytest.fixture
async def anonymous(prefect_server: Server, console_database: str) -> AsyncIterator[Browser]:
    """A browser in which nobody has logged in."""
    with temporary_settings({PREFECT_API_AUTH_STRING: PASSWORD}):
        app = create_app(ConsoleSettings(port=4201))
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            yield Browser(client, app)


@pytest.fixture
async def browser(anonymous: Browser) -> Browser:
    """A browser in which the administrator has logged in."""
    await anonymous.log_in()
    return anonymous
