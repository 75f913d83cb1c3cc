"""Validation of go-swagger before any operation: 422 comes before 401."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deployments.simulators.harbor.state.errors import HarborError, unprocessable
from deployments.simulators.harbor.web.request import HarborRequest

JSON_TYPE = "application/json"

# A shape: name of the Go struct, and its fields as Go types or shapes.
BodyFields = Mapping[str, "str | BodyShape"]
BodyShape = tuple[str, BodyFields]

METADATA_KEYS = (
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
)
"""Keys of a project's metadata; there is no free-form metadata."""

PROJECT_SHAPE: BodyShape = (
    "ProjectReq",
    {
        "project_name": "string",
        "public": "bool",
        "metadata": ("ProjectMetadata", dict.fromkeys(METADATA_KEYS, "string")),
        "storage_limit": "int64",
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

_GO_KINDS = {
    "string": str,
    "int64": int,
    "bool": bool,
    "objects": list,
    "object": dict,
}


async def parse_body(request: HarborRequest, name: str, shape: BodyShape) -> dict[str, Any]:
    """Return the JSON object of the request. Unknown fields are ignored later."""
    body = await request.body()
    if not body:
        raise unprocessable(f"{name} in body is required")
    media_type = request.headers.get("content-type", "application/octet-stream").partition(";")[0]
    if media_type.strip().lower() != JSON_TYPE:
        raise unprocessable(
            f'unsupported media type "{media_type}", only [{JSON_TYPE}] are allowed'
        )
    try:
        value = json.loads(body)
    except ValueError as error:
        raise _unparsable_error(name, _go_syntax_error(body, error)) from None
    problem = _mismatch_message(value, shape, "")
    if problem:
        raise _unparsable_error(name, f"json: cannot unmarshal {problem}")
    return {key: item for key, item in (value or {}).items() if item is not None}


def _unparsable_error(name: str, cause: str) -> HarborError:
    return unprocessable(f'parsing {name} body from "" failed, because {cause}')


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


def check_accept_header(request: HarborRequest) -> None:
    """Reject an Accept header that does not match JSON."""
    accept = request.headers.get("accept", "*/*")
    media_types = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if not media_types & {"", "*/*", "application/*", JSON_TYPE}:
        raise unprocessable(f"unsupported media type requested, only [{JSON_TYPE}] are available")
