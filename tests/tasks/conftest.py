"""One set of servers for all tests of this room."""

from collections.abc import Iterator

import pytest

from tests.support.simulator_servers import stop_all


@pytest.fixture(autouse=True, scope="session")
def servers() -> Iterator[None]:
    yield
    stop_all()
