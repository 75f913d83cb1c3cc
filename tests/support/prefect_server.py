"""One Prefect server for the tests of a session."""

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_SERVER_DATABASE_CONNECTION_URL,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness

from tests.support.helpers import Server


@contextmanager
def running_prefect_server(folder: Path) -> Iterator[Server]:
    """Run a Prefect server in a process of its own, which tells nobody anything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DO_NOT_TRACK", "1")
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        patch.setenv("PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL", "0.1")
        patch.setenv("PREFECT_API_SSL_CERT_FILE", str(_small_ca_file(folder)))
        with prefect_test_harness(server_startup_timeout=180), temporary_settings():
            url = PREFECT_SERVER_DATABASE_CONNECTION_URL.value() or ""
            yield Server(PREFECT_API_URL.value() or "", Path(url.partition(":///")[2]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def _small_ca_file(folder: Path) -> Path:
    """Spare Prefect's clients the reading of 140 authorities: their server speaks plain http."""
    path = folder / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path
