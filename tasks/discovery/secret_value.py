"""What a key of a Secret holds: read when it is used, kept nowhere, shown in no error."""

import base64
import binascii

from pydantic import SecretStr

from models.core.errors import ClusterError
from models.core.reasons import Reason
from models.discovery.managed_harbor import SecretKey
from tasks.clusters import api_errors
from tasks.clusters.http import ClusterHttp
from tasks.clusters.objects import Secret
from tasks.discovery.objects import Where


async def secret_value(http: ClusterHttp, key: SecretKey) -> SecretStr:
    """Read it; see `ClusterReader`."""
    path = Where("api/v1", "secrets", key.namespace, key.name).path
    answer = await http.get(path)
    where = f"the Secret {key.name} in namespace {key.namespace}"
    if answer.status == 404:
        said = f"{where} does not exist"
        raise ClusterError(http.cluster, "GET", path, said, Reason.NOT_FOUND)
    if answer.status != 200:
        raise api_errors.error_of(http.cluster, answer)
    held = api_errors.parse(http.cluster, answer, Secret).data or {}
    if not held.get(key.key):
        said = f"{where} has no key {key.key}, or nothing in it"
        raise ClusterError(http.cluster, "GET", path, said, Reason.NOT_FOUND)
    try:
        return SecretStr(base64.b64decode(held[key.key], validate=True).decode())
    except (binascii.Error, ValueError):
        said = f"what {where} holds under {key.key} is no text"
        raise ClusterError(http.cluster, "GET", path, said, Reason.REJECTED) from None
