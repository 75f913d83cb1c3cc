"""What a key of a Secret holds: read when it is used, kept nowhere, shown in no error."""

import base64
import binascii

from pydantic import SecretStr

from models.core.errors import ClusterError
from models.core.reasons import Reason
from models.discovery.managed_harbor import SecretKeyRef
from tasks.clusters import api_errors
from tasks.clusters.http import ClusterHttpClient
from tasks.clusters.objects import SecretObject
from tasks.discovery.objects import ResourcePath


async def read_secret_key(http: ClusterHttpClient, key: SecretKeyRef) -> SecretStr:
    """Read it; see `ClusterReader`."""
    path = ResourcePath("api/v1", "secrets", key.namespace, key.name).path
    response = await http.get(path)
    subject = f"the Secret {key.name} in namespace {key.namespace}"
    if response.status == 404:
        message = f"{subject} does not exist"
        raise ClusterError(http.cluster, "GET", path, message, Reason.NOT_FOUND)
    if response.status != 200:
        raise api_errors.cluster_error_from_response(http.cluster, response)
    data = api_errors.parse_object(http.cluster, response, SecretObject).data or {}
    if not data.get(key.key):
        message = f"{subject} has no key {key.key}, or nothing in it"
        raise ClusterError(http.cluster, "GET", path, message, Reason.NOT_FOUND)
    try:
        return SecretStr(base64.b64decode(data[key.key], validate=True).decode())
    except (binascii.Error, ValueError):
        message = f"what {subject} holds under {key.key} is no text"
        raise ClusterError(http.cluster, "GET", path, message, Reason.REJECTED) from None
