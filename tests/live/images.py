"""Images in a Harbor of yours: pushed as a client does, pulled with Basic, swept away again."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_BY_NAME = {"X-Is-Resource-Name": "true"}


def make_project(console: httpx.Client, name: str) -> None:
    """Make a private project, as somebody else does beside us."""
    content = json.dumps({"project_name": name, "metadata": {"public": "false"}})
    _request(console, "POST", "/api/v2.0/projects", content, {"Content-Type": "application/json"})


def push(console: httpx.Client, repository: str, tag: str) -> None:
    """Push a tiny image. No cookie is kept: a request with one is refused."""
    config = _push_blob(console, repository, _CONFIG, b"{}")
    layer = _push_blob(console, repository, _LAYER, f"layer of {repository}:{tag}".encode())
    manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": [layer]}
    _request(
        console,
        "PUT",
        f"/v2/{repository}/manifests/{tag}",
        content=json.dumps(manifest),
        headers={"Content-Type": _MANIFEST},
    )


def _push_blob(
    console: httpx.Client, repository: str, media_type: str, content: bytes
) -> dict[str, object]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    upload = _request(console, "POST", f"/v2/{repository}/blobs/uploads/")
    location = upload.request.url.join(upload.headers["Location"])
    headers = {"Content-Type": "application/octet-stream"}
    _request(console, "PUT", location.copy_merge_params({"digest": digest}), content, headers)
    return {"mediaType": media_type, "size": len(content), "digest": digest}


def _request(
    console: httpx.Client,
    method: str,
    target: str | httpx.URL,
    content: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    console.cookies.clear()
    url = str(target) if isinstance(target, httpx.URL) else f"{_origin(console)}{target}"
    return console.request(method, url, content=content, headers=headers).raise_for_status()


def pull_by_basic(console: httpx.Client, image: str, secret: Mapping[str, Any]) -> int:
    """Ask for a manifest with a pull secret's login and no token; return the status."""
    host, _, path = image.partition("/")
    repository, _, tag = path.rpartition(":")
    login = secret["auths"][host]
    auth = (login["username"], login["password"])
    url = f"{_origin(console)}/v2/{repository}/manifests/{tag}"
    console.cookies.clear()
    return console.get(url, auth=auth, headers={"Accept": _MANIFEST}).status_code


def _origin(console: httpx.Client) -> str:
    return str(console.base_url.copy_with(path="")).rstrip("/")


def find_robots(console: httpx.Client, prefix: str) -> list[dict[str, Any]]:
    """Return the system's robot accounts whose name holds this."""
    console.cookies.clear()
    response = console.get("/robots", params={"q": f"name=~{prefix}", "page_size": 100})
    robots: list[dict[str, Any]] = response.raise_for_status().json()
    return robots


def clean_up(console: httpx.Client, projects: list[str], prefix: str) -> None:
    """Delete projects with all that is in them, and robot accounts, also the observer's.

    What is not there is well.
    """
    for robot in find_robots(console, prefix):
        _delete(console, f"/robots/{robot['id']}")
    for project in projects:
        console.cookies.clear()
        response = console.get(f"/projects/{project}/repositories", params={"page_size": 100})
        for repository in response.json() if response.status_code == 200 else ():
            name = repository["name"].removeprefix(f"{project}/")
            encoded_name = quote(quote(name, safe=""), safe="")
            _delete(console, f"/projects/{project}/repositories/{encoded_name}")
        _delete(console, f"/projects/{project}")
    remaining = [robot["name"] for robot in find_robots(console, prefix)]
    assert not remaining, f"these robot accounts are left: {remaining}"


def _delete(console: httpx.Client, path: str) -> None:
    console.cookies.clear()
    console.delete(path, headers=_BY_NAME)
