"""A flow on a database without this version's tables says so, and does nothing."""

from pathlib import Path

from flows.overview import compute_overview
from tests.databases import in_force
from tests.flows.stories import Server, failed


async def test_a_database_that_was_not_migrated(prefect_server: Server, tmp_path: Path) -> None:
    with in_force(f"sqlite:///{tmp_path / 'empty.db'}"):
        assert "run `make migrate`" in await failed(compute_overview)
