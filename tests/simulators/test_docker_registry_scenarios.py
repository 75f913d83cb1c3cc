"""What a client lives through with a Docker Registry, simulated and real."""

import re

import httpx
import pytest

from tests.real.docker_registry import MANIFEST, delete_manifest, push
from tests.simulators.conftest import SMALL_PAGE

LOGIN = ("user", "pw")


@pytest.mark.parametrize("which", [0, 1], ids=["simulated", "real"])
def test_the_configured_limit_bounds_the_default_page_too(
    both_locked: tuple[str, str], which: int
) -> None:
    url = both_locked[which]
    for number in range(SMALL_PAGE + 2):
        push(url, f"many/{number}", "v1", LOGIN)
    answer = httpx.get(f"{url}/v2/_catalog", auth=LOGIN)
    assert len(answer.json()["repositories"]) == SMALL_PAGE
    assert answer.links["next"]["url"] == f"/v2/_catalog?last=many%2F4&n={SMALL_PAGE}"


def test_the_catalog_is_read_page_by_page(filled: str) -> None:
    names: list[str] = []
    target = "/v2/_catalog?n=50"
    while target:
        answer = httpx.get(filled + target)
        names += answer.json()["repositories"]
        target = answer.links.get("next", {}).get("url", "")
    assert len(names) == len(set(names)) >= 117
    # By path component, not by character: "/" comes before "-" and ".".
    assert [name for name in names if name[0] == "p"] == ["p/r0", "p/r0/sub", "p-a", "p.a"]


def test_without_n_only_a_hundred_are_listed(filled: str) -> None:
    answer = httpx.get(f"{filled}/v2/_catalog")
    assert len(answer.json()["repositories"]) == 100
    assert answer.links["next"]["url"].startswith("/v2/_catalog?last=")


def test_an_emptied_repository_stays(filled: str) -> None:
    push(filled, "emptied/now", "v1")
    digest = push(filled, "emptied/now", "v2")
    delete_manifest(filled, "emptied/now", digest)
    assert _tags(filled, "emptied/now") == ["v1"]
    delete_manifest(filled, "emptied/now", push(filled, "emptied/now", "v1"))
    assert _tags(filled, "emptied/now") is None
    assert "emptied/now" in httpx.get(f"{filled}/v2/_catalog?n=1000").json()["repositories"]


def test_pushed_by_digest_alone_there_is_no_tag(filled: str) -> None:
    digest = push(filled, "digest/tagged", "v1")
    manifest = httpx.get(
        f"{filled}/v2/digest/tagged/manifests/{digest}", headers={"Accept": MANIFEST}
    ).content
    for blob in re.findall(rb"sha256:[0-9a-f]{64}", manifest):
        mount = f"?mount={blob.decode()}&from=digest/tagged"
        httpx.post(f"{filled}/v2/digest/only/blobs/uploads/{mount}").raise_for_status()
    put = httpx.put(
        f"{filled}/v2/digest/only/manifests/{digest}",
        content=manifest,
        headers={"Content-Type": MANIFEST},
    )
    assert put.status_code == 201
    assert httpx.get(f"{filled}/v2/digest/only/tags/list").status_code == 404


def _tags(url: str, name: str) -> object:
    return httpx.get(f"{url}/v2/{name}/tags/list").json()["tags"]
