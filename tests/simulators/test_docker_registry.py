"""The simulated Docker Registry answers as Debian's real docker-registry does.

The same questions go to both, over the same content, and the whole answers are compared:
status, every header but Date, body.
"""

from typing import Any

import httpx
import pytest

from tests.real.docker_registry import INDEX, MANIFEST
from tests.simulators.conftest import SMALL_PAGE

LOGIN = ("user", "pw")


def _describe(response: httpx.Response, url: str) -> dict[str, object]:
    """The whole answer, without what differs from one second or port to the next."""
    headers = {name: value.replace(url, "ORIGIN") for name, value in response.headers.items()}
    headers.pop("date", None)
    return {"status": response.status_code, "headers": headers, "body": response.text}


def _request_both(
    urls: tuple[str, str], target: str, method: str = "GET", **options: Any
) -> tuple[dict[str, object], dict[str, object]]:
    with httpx.Client() as client:
        simulated, real = (
            _describe(client.request(method, url + target, **options), url) for url in urls
        )
    return simulated, real


QUESTIONS = [
    "/v2/",
    "/v1/",
    "/foo",
    "/v2/x",
    *(
        f"/v2/_catalog{query}"
        for query in (
            "",
            "?n=2",
            "?n=2&last=p/r0",
            "?n=2&last=p",
            "?n=2&last=p/r0a",
            "?n=1&last=z/108",
            "?n=2&last=z/108",
            "?n=100",
            "?n=1000",
            "?n=1001",
            "?n=0",
            "?n=-1",
            "?n=-5000",
            "?n=",
            "?n=abc",
            "?n=+5",
            "?n=%2B5",
            "?n=1e3",
            "?n=2&n=3",
            "?n=99999999999999999999",
            "?last=zzz",
            "?last=team%2Fapp&foo=1",
        )
    ),
    "/v2/team/app/manifests/v1",
    "/v2/team/app/manifests/nope",
    "/v2/team/old/manifests/v1",
    "/v2/nope/x/manifests/v1",
    "/v2/team/app/tags/list",
    "/v2/team/app/tags/list?n=1",
    "/v2/team/app/tags/list?n=1&last=v1",
    "/v2/team/app/tags/list?n=abc",
    "/v2/team/app/tags/",
    "/v2/team/old/tags/list",
    "/v2/nope/x/tags/list",
    f"/v2/team/app/manifests/sha256:{'0' * 64}",
]


@pytest.mark.parametrize("target", QUESTIONS)
def test_both_say_the_same(registry_urls: tuple[str, str], target: str) -> None:
    simulated, real = _request_both(registry_urls, target)
    assert simulated == real


@pytest.mark.parametrize("accept", [MANIFEST, f"application/json, {MANIFEST}", "*/*"])
def test_manifests_are_served_alike(registry_urls: tuple[str, str], accept: str) -> None:
    headers = {"Accept": accept}
    simulated, real = _request_both(registry_urls, "/v2/team/app/manifests/v2", headers=headers)
    assert simulated == real


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("accept", [MANIFEST, f"{MANIFEST}, {INDEX}", INDEX, "*/*"])
def test_manifests_and_indexes_by_tag_and_digest(
    registry_urls: tuple[str, str], method: str, accept: str
) -> None:
    headers = {"Accept": accept}
    for tag in ("v1", "multi", "nope"):
        target = f"/v2/team/app/manifests/{tag}"
        simulated, real = _request_both(registry_urls, target, method, headers=headers)
        assert simulated == real
        digest = real["headers"].get("docker-content-digest")  # type: ignore[attr-defined]
        if digest:
            target = f"/v2/team/app/manifests/{digest}"
            simulated, real = _request_both(registry_urls, target, method, headers=headers)
            assert simulated == real


@pytest.mark.parametrize("login", [None, LOGIN, ("user", "wrong"), ("ghost", "pw"), ("", "")])
@pytest.mark.parametrize(
    "target",
    [
        "/v2/",
        "/v2/_catalog",
        f"/v2/_catalog?n={SMALL_PAGE + 1}",
        "/v2/x",
        "/v2/many/0/manifests/v1",
        "/v2/many/0/manifests/nope",
        "/v2/many/0/tags/list",
    ],
)
def test_htpasswd_admits_and_refuses_alike(
    locked_registry_urls: tuple[str, str], login: tuple[str, str] | None, target: str
) -> None:
    simulated, real = _request_both(locked_registry_urls, target, auth=login)
    assert simulated == real


@pytest.mark.parametrize("header", ["Bearer abc", "Basic !!!", "Basic dXNlcg==", "Nonsense"])
def test_nonsense_credentials_are_refused_alike(
    locked_registry_urls: tuple[str, str], header: str
) -> None:
    headers = {"Authorization": header}
    simulated, real = _request_both(locked_registry_urls, "/v2/_catalog", headers=headers)
    assert simulated == real
    assert real["status"] == 401
