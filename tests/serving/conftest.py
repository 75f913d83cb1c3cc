"""One served product for the tests of several files; what ends it runs last."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.quiet_product import Product, serve_quiet_product


@pytest.fixture(scope="package")
def product() -> Iterator[Product]:
    """The product without schedules, with the flows of `warm_flows.py`."""
    with serve_quiet_product() as quiet_product:
        yield quiet_product


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the test that ends the product be the last one of this folder."""
    positions = [
        number for number, item in enumerate(items) if item.path.parent == Path(__file__).parent
    ]
    ordered = sorted(
        (items[number] for number in positions),
        key=lambda item: item.name == "test_runs_end_with_a_killed_worker",
    )
    for number, item in zip(positions, ordered, strict=True):
        items[number] = item
