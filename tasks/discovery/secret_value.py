"""What a key of a Secret holds: read when it is used, kept nowhere, shown in no error."""

import base64
import binascii

from pydantic import SecretStr

from models.errors import ClusterError
from models.managed import SecretKey
from models.reason import Reason
from tasks.kubernetes import failure
from tasks.kubernetes.http import ClusterHttp
from tasks.kubernetes.sources.reading import Where
from tasks.kubernetes.wire import Secret


async def secret_value(http: ClusterHttp, key: SecretKey) -> SecretStr:
    """Read it; see `ClusterReader`."""
    path = Where("api/v1", "secrets", key.namespace, key.name).path
    answer = await http.get(path)
    where = f"the Secret {key.name} in namespace {key.namespace}"
    if answer.status == 404:
        said = f"{where} does not exist"
        raise ClusterError(http.cluster, "GET", path, said, Reason.NOT_FOUND)
    if answer.status != 200:
        raise failure.error_of(http.cluster, answer)
    held = failure.parse(http.cluster, answer, Secret).data or {}
    if not held.get(key.key):
        said = f"{where} has no key {key.key}, or nothing in it"
        raise ClusterError(http.cluster, "GET", path, said, Reason.NOT_FOUND)
    try:
        return SecretStr(base64.b64decode(held[key.key], validate=True).decode())
    except (binascii.Error, ValueError):
        said = f"what {where} holds under {key.key} is no text"
        raise ClusterError(http.cluster, "GET", path, said, Reason.REJECTED) from None
