"""One served product for the tests of several files; what ends it runs last."""

from collections.abc import Iterator

import pytest

from tests.serving.quiet_product import Product, serve_quiet_product


@pytest.fixture(scope="package")
def product() -> Iterator[Product]:
    """The product without schedules, with the flows of `warm_flows.py`."""
    with serve_quiet_product() as quiet_product:
        yield quiet_product
