"""Retries do not wait here."""

from collections.abc import Iterator

import pytest
import stamina


@pytest.fixture(autouse=True)
def quick_retries() -> Iterator[None]:
    stamina.set_testing(True, attempts=3, cap=True)
    yield
    stamina.set_testing(False)
