"""The simulated Docker Registry answers as Debian's real docker-registry does.

The same questions go to both, over the same content, and the whole answers are compared:
status, every header but Date, body.
"""

import hashlib
import re
from typing import Any

import httpx
import pytest

from deployments.simulators.docker_registry.store import OCI_INDEX, OCI_MANIFEST
from tests.real.docker_registry import MANIFEST
from tests.simulators.conftest import SMALL_PAGE

LOGIN = ("user", "pw")
NO_DIGEST = "sha256:" + "0" * 64


def _describe(response: httpx.Response, url: str) -> dict[str, object]:
    """The whole answer, without what differs from one second or port to the next."""
    headers = {name: _timeless(value, url) for name, value in response.headers.items()}
    headers.pop("date", None)
    return {"status": response.status_code, "headers": headers, "body": response.text}


def _timeless(value: str, url: str) -> str:
    value = value.replace(url, "ORIGIN")
    value = re.sub(r"_state=[^&]+", "_state=STATE", value)
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", value)


def _request_both(
    urls: tuple[str, str], method: str, target: str, **options: Any
) -> tuple[dict[str, object], dict[str, object]]:
    with httpx.Client(verify=False) as client:
        simulated, real = (
            _describe(client.request(method, url + target, **options), url) for url in urls
        )
    return simulated, real


QUESTIONS = [
    *(("GET", path) for path in ("/", "/v2", "/v2/", "/v2/_catalog/", "/v1/", "/foo", "/v2/x")),
    *((method, "/v2/") for method in ("HEAD", "POST", "DELETE")),
    *((method, "/v2/_catalog") for method in ("HEAD", "POST", "DELETE")),
    *(
        ("GET", f"/v2/_catalog{query}")
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
    *(
        ("GET", f"/v2/{name}/tags/list{query}")
        for name, query in (
            ("team/app", ""),
            ("team/app", "?n=1"),
            ("team/app", "?n=5000&last=v1"),
            ("team/old", ""),
            ("team/old", "?n=5"),
            ("blob/only", ""),
            ("nope", ""),
            ("UPPER", ""),
            ("a%2Fb", ""),
        )
    ),
    ("POST", "/v2/team/app/tags/list"),
    ("GET", "/v2/team/app/manifests/v1"),
    ("HEAD", "/v2/team/app/manifests/v1"),
    ("GET", "/v2/team/app/manifests/nope"),
    ("HEAD", "/v2/team/app/manifests/nope"),
    ("GET", f"/v2/team/app/manifests/{NO_DIGEST}"),
    ("GET", "/v2/nope/x/manifests/v1"),
    ("POST", "/v2/team/app/manifests/v1"),
    ("DELETE", "/v2/team/app/manifests/v1"),
    ("DELETE", f"/v2/team/app/manifests/{NO_DIGEST}"),
    ("DELETE", f"/v2/nope/x/manifests/{NO_DIGEST}"),
    ("GET", f"/v2/team/app/blobs/{NO_DIGEST}"),
    ("HEAD", f"/v2/team/app/blobs/{NO_DIGEST}"),
    ("POST", f"/v2/team/app/blobs/{NO_DIGEST}"),
    ("DELETE", f"/v2/team/app/blobs/{NO_DIGEST}"),
    ("POST", "/v2/team/app/blobs/uploads/"),
    ("POST", f"/v2/team/app/blobs/uploads/?mount={NO_DIGEST}&from=team/app"),
]


@pytest.mark.parametrize(("method", "target"), QUESTIONS)
def test_both_say_the_same(registry_urls: tuple[str, str], method: str, target: str) -> None:
    simulated, real = _request_both(registry_urls, method, target)
    assert simulated == real


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("accept", [MANIFEST, f"application/json, {MANIFEST}", "*/*"])
def test_manifests_are_served_alike(
    registry_urls: tuple[str, str], method: str, accept: str
) -> None:
    headers = {"Accept": accept}
    simulated, real = _request_both(
        registry_urls, method, "/v2/team/app/manifests/v2", headers=headers
    )
    assert simulated == real


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (MANIFEST, "{}"),
        (MANIFEST, "{]"),
        (MANIFEST, f'{{"mediaType":"{MANIFEST}"}}'),
        (
            MANIFEST,
            f'{{"mediaType":"{MANIFEST}","schemaVersion":2,"layers":[],'
            f'"config":{{"digest":"{NO_DIGEST}"}}}}',
        ),
        (OCI_MANIFEST, f'{{"mediaType":"{MANIFEST}","schemaVersion":2}}'),
        (OCI_MANIFEST, f'{{"schemaVersion":2,"layers":[],"config":{{"digest":"{NO_DIGEST}"}}}}'),
        (OCI_INDEX, f'{{"schemaVersion":2,"manifests":[{{"digest":"{NO_DIGEST}"}}]}}'),
        ("", '{"schemaVersion":2}'),
        ("text/plain", '{"schemaVersion":2}'),
    ],
)
def test_bad_manifests_are_refused_alike(
    registry_urls: tuple[str, str], media_type: str, body: str
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    simulated, real = _request_both(
        registry_urls, "PUT", "/v2/team/app/manifests/bad", content=body, headers=headers
    )
    assert simulated == real


@pytest.mark.parametrize("digest", [NO_DIGEST, f"sha256:{hashlib.sha256(b'x').hexdigest()}"])
def test_blobs_are_taken_and_refused_alike(registry_urls: tuple[str, str], digest: str) -> None:
    descriptions = []
    for url in registry_urls:
        upload_url = httpx.post(f"{url}/v2/team/app/blobs/uploads/").headers["Location"]
        response = httpx.put(
            httpx.URL(upload_url).copy_merge_params({"digest": digest}), content=b"x"
        )
        descriptions.append(_describe(response, url))
    assert descriptions[0] == descriptions[1]


@pytest.mark.parametrize("login", [None, LOGIN, ("user", "wrong"), ("ghost", "pw"), ("", "")])
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v2/"),
        ("HEAD", "/v2/"),
        ("GET", "/v2/_catalog"),
        ("GET", f"/v2/_catalog?n={SMALL_PAGE + 1}"),
        ("POST", "/v2/_catalog"),
        ("GET", "/v2/team/app/tags/list"),
        ("GET", "/v2/x"),
        ("GET", "/"),
        ("PUT", "/v2/team/app/manifests/v1"),
        ("DELETE", f"/v2/team/app/manifests/{NO_DIGEST}"),
        ("POST", f"/v2/team/app/blobs/uploads/?mount={NO_DIGEST}&from=a/b"),
    ],
)
def test_htpasswd_admits_and_refuses_alike(
    locked_registry_urls: tuple[str, str], login: tuple[str, str] | None, method: str, target: str
) -> None:
    simulated, real = _request_both(locked_registry_urls, method, target, auth=login)
    assert simulated == real


@pytest.mark.parametrize("header", ["Bearer abc", "Basic !!!", "Basic dXNlcg==", "Nonsense"])
def test_nonsense_credentials_are_refused_alike(
    locked_registry_urls: tuple[str, str], header: str
) -> None:
    headers = {"Authorization": header}
    simulated, real = _request_both(locked_registry_urls, "GET", "/v2/_catalog", headers=headers)
    assert simulated == real
    assert real["status"] == 401
