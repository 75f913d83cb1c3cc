"""Several Docker Registries of yours, named by DOCKER_REGISTRY_URLS; they are only read."""

import os

import pytest

from tests.live.registry_matrix import parse_matrix, try_registry


async def test_all_registries_of_the_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    entries = parse_matrix(os.environ)
    if not entries:
        pytest.skip("DOCKER_REGISTRY_URLS is not set, see tests/live/README.md")
    results = [await try_registry(entry) for entry in entries]
    with capsys.disabled():
        print("", *(f"  {result.line}" for result in results), sep="\n")
    assert [result.line for result in results if result.error] == []
