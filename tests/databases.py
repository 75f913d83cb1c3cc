"""The database in force for this process."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from models.settings import settings
from tasks.store.session import engine_for

DATABASE = "REGISTRY_INTEGRATION_DATABASE_URL"


@contextmanager
def in_force(url: str) -> Iterator[str]:
    """Let everything be stored at `url` until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATABASE, url)
        settings.cache_clear()
        yield url
        engine_for(url).dispose()
        engine_for.cache_clear()
    settings.cache_clear()
