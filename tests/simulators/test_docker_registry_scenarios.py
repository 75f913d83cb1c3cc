"""What a client lives through with a Docker Registry, simulated and real."""

import re

import httpx
import pytest

from tests.real.docker_registry import MANIFEST, delete_manifest, push
from tests.simulators.conftest import SMALL_PAGE

LOGIN = ("user", "pw")


@pytest.mark.parametrize("which", [0, 1], ids=["simulated", "real"])
def test_the_configured_limit_bounds_the_default_page_too(
    locked_registry_urls: tuple[str, str], which: int
) -> None:
    url = locked_registry_urls[which]
    for number in range(SMALL_PAGE + 2):
        push(url, f"many/{number}", "v1", LOGIN)
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
    assert len(names) == len(set(names)) >= 117
    # By path component, not by character: "/" comes before "-" and ".".
    assert [name for name in names if name[0] == "p"] == ["p/r0", "p/r0/sub", "p-a", "p.a"]


def test_without_n_only_a_hundred_are_listed(filled_registry: str) -> None:
    response = httpx.get(f"{filled_registry}/v2/_catalog")
    assert len(response.json()["repositories"]) == 100
    assert response.links["next"]["url"].startswith("/v2/_catalog?last=")


def test_an_emptied_repository_stays(filled_registry: str) -> None:
    push(filled_registry, "emptied/now", "v1")
    digest = push(filled_registry, "emptied/now", "v2")
    delete_manifest(filled_registry, "emptied/now", digest)
    assert _tags(filled_registry, "emptied/now") == ["v1"]
    delete_manifest(filled_registry, "emptied/now", push(filled_registry, "emptied/now", "v1"))
    assert _tags(filled_registry, "emptied/now") is None
    assert (
        "emptied/now" in httpx.get(f"{filled_registry}/v2/_catalog?n=1000").json()["repositories"]
    )


def test_pushed_by_digest_alone_there_is_no_tag(filled_registry: str) -> None:
    digest = push(filled_registry, "digest/tagged", "v1")
    manifest = httpx.get(
        f"{filled_registry}/v2/digest/tagged/manifests/{digest}", headers={"Accept": MANIFEST}
    ).content
    for blob in re.findall(rb"sha256:[0-9a-f]{64}", manifest):
        mount = f"?mount={blob.decode()}&from=digest/tagged"
        httpx.post(f"{filled_registry}/v2/digest/only/blobs/uploads/{mount}").raise_for_status()
    put = httpx.put(
        f"{filled_registry}/v2/digest/only/manifests/{digest}",
        content=manifest,
        headers={"Content-Type": MANIFEST},
    )
    assert put.status_code == 201
    assert httpx.get(f"{filled_registry}/v2/digest/only/tags/list").status_code == 404


def _tags(url: str, name: str) -> object:
    return httpx.get(f"{url}/v2/{name}/tags/list").json()["tags"]
