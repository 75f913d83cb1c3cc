"""Validation of go-swagger before any operation: 422 comes before 401."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import JSON_TYPE, HarborError

# A shape: name of the Go struct, and its fields as Go types or shapes.
BodyFields = Mapping[str, "str | BodyShape"]
BodyShape = tuple[str, BodyFields]

_STRING_FIELDS = dict.fromkeys(
    [
        "public",
        "enable_content_trust",
        "enable_content_trust_cosign",
        "prevent_vul",
        "severity",
        "auto_scan",
        "auto_sbom_generation",
        "reuse_sys_cve_allowlist",
        "retention_id",
        "proxy_speed_kb",
        "max_upstream_conn",
    ],
    "string",
)
PROJECT_SHAPE: BodyShape = (
    "ProjectReq",
    {
        "project_name": "string",
        "public": "bool",
        "metadata": ("ProjectMetadata", _STRING_FIELDS),
        "storage_limit": "int64",
        "registry_id": "int64",
    },
)
ROBOT_SHAPE: BodyShape = (
    "RobotCreate",
    {
        "name": "string",
        "description": "string",
        "secret": "string",
        "level": "string",
        "disable": "bool",
        "duration": "int64",
        "permissions": "objects",
    },
)
ROBOT_SECRET_SHAPE: BodyShape = ("RobotSec", {"secret": "string"})
QUOTA_SHAPE: BodyShape = ("QuotaUpdateReq", {"hard": ("ResourceList", {"storage": "int64"})})
MEMBER_SHAPE: BodyShape = ("ProjectMember", {"role_id": "int64", "member_user": "object"})
ANY_SHAPE: BodyShape = ("", {})

_GO_KINDS = {
    "string": str,
    "int64": int,
    "bool": bool,
    "objects": list,
    "object": dict,
}


def unprocessable_error(text: str) -> HarborError:
    """Return a 422 with go-swagger's message."""
    return HarborError("UNPROCESSABLE_ENTITY", f"validation failure list:\n{text}")


def parse_body(call: HarborRequest, name: str, shape: BodyShape) -> dict[str, Any]:
    """Return the JSON object of the request. Unknown fields are ignored later."""
    if not call.body:
        raise unprocessable_error(f"{name} in body is required")
    media_type = call.headers.get("content-type", "application/octet-stream").partition(";")[0]
    if media_type.strip().lower() != JSON_TYPE:
        raise unprocessable_error(
            f'unsupported media type "{media_type}", only [{JSON_TYPE}] are allowed'
        )
    try:
        value = json.loads(call.body)
    except ValueError as error:
        raise _unparsable_error(name, _go_syntax_error(call.body, error)) from None
    problem = _mismatch_message(value, shape, "")
    if problem:
        raise _unparsable_error(name, f"json: cannot unmarshal {problem}")
    return {key: item for key, item in (value or {}).items() if item is not None}


def parse_string_map(call: HarborRequest, name: str) -> dict[str, str]:
    """Return a JSON object with only string values."""
    payload = parse_body(call, name, ANY_SHAPE)
    for value in payload.values():
        if not isinstance(value, str):
            cause = f"json: cannot unmarshal {_json_kind(value)} into Go value of type string"
            raise _unparsable_error(name, cause)
    return payload


def _unparsable_error(name: str, cause: str) -> HarborError:
    return unprocessable_error(f'parsing {name} body from "" failed, because {cause}')


def _go_syntax_error(text: bytes, error: ValueError) -> str:
    # Messages of Go's encoding/json for the most common errors.
    position = getattr(error, "pos", len(text))
    remainder = text.decode(errors="replace")[position:]
    if not remainder:
        return "unexpected EOF"
    where = "value"
    if "property name" in str(error):
        where = "object key string"
    return f"invalid character '{remainder[0]}' looking for beginning of {where}"


def _mismatch_message(value: object, shape: BodyShape, path: str) -> str | None:
    struct, fields = shape
    if not isinstance(value, dict):
        return None if value is None else f"{_json_kind(value)} into Go value of type {struct}"
    for key, kind in fields.items():
        item, place = value.get(key), f"{path}{key}"
        if item is None:
            continue
        if not isinstance(kind, str):
            problem = _mismatch_message(item, kind, f"{place}.")
        else:
            problem = _wrong_kind_message(item, kind, f"{struct}.{place}")
        if problem:
            return problem
    return None


def _wrong_kind_message(item: object, kind: str, place: str) -> str | None:
    expected_type = _GO_KINDS[kind]
    if kind == "objects" and isinstance(item, list):
        invalid_items = [element for element in item if not isinstance(element, dict)]
        return _wrong_kind_message(invalid_items[0], "object", place) if invalid_items else None
    fits = isinstance(item, expected_type) and not (expected_type is int and isinstance(item, bool))
    return None if fits else f"{_json_kind(item)} into Go struct field {place} of type {kind}"


def _json_kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    names = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return names[type(value)]


def check_accept_header(call: HarborRequest, offered: tuple[str, ...]) -> None:
    """Reject an Accept header that matches none of the offered types."""
    accept = call.headers.get("accept", "*/*")
    media_types = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    wildcards = {"*/*", "", *(kind.partition("/")[0] + "/*" for kind in offered)}
    if not media_types & (wildcards | set(offered)):
        names = " ".join(offered)
        raise unprocessable_error(f"unsupported media type requested, only [{names}] are available")
