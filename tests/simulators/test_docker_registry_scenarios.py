"""What a client lives through with a Docker Registry, simulated and real."""

import httpx
import pytest

from tests.simulators.conftest import SMALL_PAGE

LOGIN = ("user", "pw")


@pytest.mark.parametrize("which", [0, 1], ids=["simulated", "real"])
def test_the_configured_limit_bounds_the_default_page_too(
    locked_registry_urls: tuple[str, str], which: int
) -> None:
    url = locked_registry_urls[which]
    response = httpx.get(f"{url}/v2/_catalog", auth=LOGIN)
    assert len(response.json()["repositories"]) == SMALL_PAGE
    assert response.links["next"]["url"] == f"/v2/_catalog?last=many%2F4&n={SMALL_PAGE}"


def test_the_catalog_is_read_page_by_page(filled_registry: str) -> None:
    names: list[str] = []
    target = "/v2/_catalog?n=50"
    while target:
        response = httpx.get(filled_registry + target)
        names += response.json()["repositories"]
        target = response.links.get("next", {}).get("url", "")
    assert len(names) == len(set(names)) >= 116
    # By path component, not by character: "/" comes before "-" and ".".
    assert [name for name in names if name[0] == "p"] == ["p/r0", "p/r0/sub", "p-a", "p.a"]


def test_without_n_only_a_hundred_are_listed(filled_registry: str) -> None:
    response = httpx.get(f"{filled_registry}/v2/_catalog")
    assert len(response.json()["repositories"]) == 100
    assert response.links["next"]["url"].startswith("/v2/_catalog?last=")
