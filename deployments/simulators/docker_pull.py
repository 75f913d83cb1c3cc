"""Pull the manifest of an image as a node does: request, challenge, token, request.

This is a real client, for simulated and real registries. See
https://distribution.github.io/distribution/spec/auth/token/
"""

import re
from collections.abc import Mapping
from typing import Any

import httpx

_MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.oci.image.index.v1+json"
)
_TIMEOUT_SECONDS = 30.0


def can_pull(image: str, secret: Mapping[str, Any] | None, *, scheme: str = "http") -> bool:
    """Return whether an image can be pulled with the pull secret of a namespace.

    Args:
        image: host/repository:tag.
        secret: a dockerconfigjson; None for a namespace without a pull secret.
    """
    return pull_status(image, secret, scheme=scheme) == 200


def pull_status(image: str, secret: Mapping[str, Any] | None, *, scheme: str = "http") -> int:
    """Return the final HTTP status of a pull; see `can_pull`."""
    host, _, reference = image.partition("/")
    repository, _, tag = reference.rpartition(":")
    login = ((secret or {}).get("auths") or {}).get(host)
    auth = httpx.BasicAuth(login["username"], login["password"]) if login else None
    path = f"/v2/{repository}/manifests/{tag}"
    with httpx.Client(base_url=f"{scheme}://{host}", timeout=_TIMEOUT_SECONDS) as client:
        accept = {"Accept": _MANIFEST_TYPES}
        first = client.get(path, headers=accept)
        if first.status_code != 401:
            return first.status_code
        challenge = first.headers.get("www-authenticate", "")
        if challenge.lower().startswith("basic"):
            return client.get(path, headers=accept, auth=auth).status_code if auth else 401
        token = _fetch_token(client, challenge, auth)
        if token is None:
            return 401
        bearer = {"Authorization": f"Bearer {token}"}
        return client.get(path, headers=accept | bearer).status_code


def _fetch_token(client: httpx.Client, challenge: str, auth: httpx.Auth | None) -> str | None:
    parameters = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    realm = parameters.pop("realm", "")
    answer = client.get(realm, params=parameters, auth=auth)
    if answer.status_code != 200:
        return None
    payload = answer.json()
    token: str | None = payload.get("token") or payload.get("access_token")
    return token
