"""When a Secret is refused, in the words of a kube-apiserver."""

import base64
import binascii
import json
from typing import Any

from deployments.simulators.kubernetes import errors
from deployments.simulators.kubernetes.errors import Refused
from deployments.simulators.kubernetes.object_store import Json

LARGEST_BODY = 3_145_728
LARGEST_SECRET = 1_048_576

_DOCKER = "kubernetes.io/dockerconfigjson"
_KEY = ".dockerconfigjson"


def check_size(body: bytes) -> None:
    """Refuse a request that is too large.

    Raises:
        Refused: it is.
    """
    if len(body) > LARGEST_BODY:
        said = f"Request entity too large: limit is {LARGEST_BODY}"
        raise Refused(413, "RequestEntityTooLarge", said)


def check_secret(before: Json | None, after: Json) -> None:
    """Refuse a Secret that may not be so.

    Raises:
        Refused: what is wrong, and in which field.
    """
    data = _decoded(after)
    if sum(len(value) for value in data.values()) > LARGEST_SECRET:
        said = f"Too long: must have at most {LARGEST_SECRET} bytes"
        raise _invalid(after, "data", "FieldValueTooLong", said)
    if after.get("type") == _DOCKER:
        _check_docker(after, data)
    if before is None:
        return
    if before.get("type") != after.get("type"):
        said = f'Invalid value: "{after.get("type")}": field is immutable'
        raise _invalid(after, "type", "FieldValueInvalid", said)
    if before.get("immutable") and before.get("data") != after.get("data"):
        said = "Forbidden: field is immutable when `immutable` is set"
        raise _invalid(after, "data", "FieldValueForbidden", said)


def _check_docker(after: Json, data: dict[str, bytes]) -> None:
    field = f"data[{_KEY}]"
    if _KEY not in data:
        raise _invalid(after, field, "FieldValueRequired", "Required value")
    try:
        json.loads(data[_KEY])
    except ValueError:
        said = 'Invalid value: "<secret contents redacted>": invalid character'
        raise _invalid(after, field, "FieldValueInvalid", said) from None


def _decoded(secret: Json) -> dict[str, bytes]:
    try:
        found: dict[str, Any] = secret.get("data") or {}
        return {key: base64.b64decode(value, validate=True) for key, value in found.items()}
    except (binascii.Error, ValueError, TypeError):
        raise Refused(500, "", "illegal base64 data at input byte 0") from None


def _invalid(secret: Json, field: str, reason: str, said: str) -> Refused:
    return errors.invalid("Secret", secret["metadata"]["name"], field, reason, said)
