"""Read the value of a key of a Secret; it is never stored and never part of an error."""

import base64
import binascii

from pydantic import SecretStr

from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.discovery.managed_harbor import SecretKeyRef
from tasks.clusters import api_errors
from tasks.clusters.objects import SecretObject
from tasks.discovery.objects import ResourcePath
from tasks.http.client import HttpClient


async def read_secret_key(http: HttpClient, key: SecretKeyRef) -> SecretStr:
    """Read the value of a key of a Secret; see `ClusterReader`.

    Args:
        http: HTTP client of the cluster.
        key: reference to the key.

    Raises:
        RemoteError: the Secret or key does not exist, may not be read, or is not UTF-8 text.
    """
    path = ResourcePath("api/v1", "secrets", key.namespace, key.name).path
    response = await http.get(path)
    subject = f"the Secret {key.name} in namespace {key.namespace}"
    if response.status == 404:
        message = f"{subject} does not exist"
        raise RemoteError(http.target, "GET", path, message, Reason.NOT_FOUND)
    if response.status != 200:
        raise api_errors.read_error_from_response(response, "secrets", key.namespace, key.name)
    data = api_errors.parse_object(response, SecretObject).data or {}
    if not data.get(key.key):
        message = f"{subject} has no key {key.key}, or the key is empty"
        raise RemoteError(http.target, "GET", path, message, Reason.NOT_FOUND)
    try:
        return SecretStr(base64.b64decode(data[key.key], validate=True).decode())
    except (binascii.Error, ValueError):
        message = f"the value of {key.key} in {subject} is not text"
        raise RemoteError(http.target, "GET", path, message, Reason.REJECTED) from None
