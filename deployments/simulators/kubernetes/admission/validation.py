"""Validation of Secrets, with the messages of a kube-apiserver."""

import base64
import binascii
import json
from typing import Any

from deployments.simulators.kubernetes import errors
from deployments.simulators.kubernetes.errors import KubernetesApiError
from deployments.simulators.kubernetes.object_store import Json

MAX_BODY_BYTES = 3_145_728
MAX_SECRET_DATA_BYTES = 1_048_576

_DOCKER_CONFIG_TYPE = "kubernetes.io/dockerconfigjson"
_DOCKER_CONFIG_KEY = ".dockerconfigjson"


def check_body_size(body: bytes) -> None:
    """Reject a request that is too large.

    Raises:
        KubernetesApiError: the body is too large.
    """
    if len(body) > MAX_BODY_BYTES:
        message = f"Request entity too large: limit is {MAX_BODY_BYTES}"
        raise KubernetesApiError(413, "RequestEntityTooLarge", message)


def check_secret(before: Json | None, after: Json) -> None:
    """Reject an invalid Secret, or an invalid change of one.

    Raises:
        KubernetesApiError: the error, and its field.
    """
    data = _decode_data(after)
    if sum(len(value) for value in data.values()) > MAX_SECRET_DATA_BYTES:
        message = f"Too long: must have at most {MAX_SECRET_DATA_BYTES} bytes"
        raise _invalid_secret(after, "data", "FieldValueTooLong", message)
    if after.get("type") == _DOCKER_CONFIG_TYPE:
        _check_docker(after, data)
    if before is None:
        return
    if before.get("type") != after.get("type"):
        message = f'Invalid value: "{after.get("type")}": field is immutable'
        raise _invalid_secret(after, "type", "FieldValueInvalid", message)
    if before.get("immutable") and before.get("data") != after.get("data"):
        message = "Forbidden: field is immutable when `immutable` is set"
        raise _invalid_secret(after, "data", "FieldValueForbidden", message)


def _check_docker(after: Json, data: dict[str, bytes]) -> None:
    field = f"data[{_DOCKER_CONFIG_KEY}]"
    if _DOCKER_CONFIG_KEY not in data:
        raise _invalid_secret(after, field, "FieldValueRequired", "Required value")
    try:
        json.loads(data[_DOCKER_CONFIG_KEY])
    except ValueError:
        message = 'Invalid value: "<secret contents redacted>": invalid character'
        raise _invalid_secret(after, field, "FieldValueInvalid", message) from None


def _decode_data(secret: Json) -> dict[str, bytes]:
    try:
        data: dict[str, Any] = secret.get("data") or {}
        return {key: base64.b64decode(value, validate=True) for key, value in data.items()}
    except (binascii.Error, ValueError, TypeError):
        raise KubernetesApiError(500, "", "illegal base64 data at input byte 0") from None


def _invalid_secret(secret: Json, field: str, reason: str, message: str) -> KubernetesApiError:
    return errors.invalid_object("Secret", secret["metadata"]["name"], field, reason, message)
