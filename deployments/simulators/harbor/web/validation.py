"""The checks go-swagger makes before any operation: 422 comes before 401."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import JSON, Refusal

# A shape: the Go struct's name, and its fields as Go types or as other shapes.
Fields = Mapping[str, "str | Shape"]
Shape = tuple[str, Fields]

_STRINGS = dict.fromkeys(
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
PROJECT: Shape = (
    "ProjectReq",
    {
        "project_name": "string",
        "public": "bool",
        "metadata": ("ProjectMetadata", _STRINGS),
        "storage_limit": "int64",
        "registry_id": "int64",
    },
)
ROBOT: Shape = (
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
ROBOT_SECRET: Shape = ("RobotSec", {"secret": "string"})
QUOTA: Shape = ("QuotaUpdateReq", {"hard": ("ResourceList", {"storage": "int64"})})
MEMBER: Shape = ("ProjectMember", {"role_id": "int64", "member_user": "object"})
ANYTHING: Shape = ("", {})

_GO_KINDS = {
    "string": str,
    "int64": int,
    "bool": bool,
    "objects": list,
    "object": dict,
}


def unprocessable(text: str) -> Refusal:
    """A 422 in go-swagger's words."""
    return Refusal("UNPROCESSABLE_ENTITY", f"validation failure list:\n{text}")


def body(call: Call, name: str, shape: Shape) -> dict[str, Any]:
    """The JSON object of the request. Unknown fields are dropped silently later on."""
    if not call.body:
        raise unprocessable(f"{name} in body is required")
    media_type = call.headers.get("content-type", "application/octet-stream").partition(";")[0]
    if media_type.strip().lower() != JSON:
        raise unprocessable(f'unsupported media type "{media_type}", only [{JSON}] are allowed')
    try:
        value = json.loads(call.body)
    except ValueError as error:
        raise _unparsable(name, _go_syntax_error(call.body, error)) from None
    problem = _mismatch(value, shape, "")
    if problem:
        raise _unparsable(name, f"json: cannot unmarshal {problem}")
    return {key: item for key, item in (value or {}).items() if item is not None}


def strings(call: Call, name: str) -> dict[str, str]:
    """A JSON object of nothing but strings."""
    given = body(call, name, ANYTHING)
    for value in given.values():
        if not isinstance(value, str):
            cause = f"json: cannot unmarshal {_json_kind(value)} into Go value of type string"
            raise _unparsable(name, cause)
    return given


def _unparsable(name: str, cause: str) -> Refusal:
    return unprocessable(f'parsing {name} body from "" failed, because {cause}')


def _go_syntax_error(text: bytes, error: ValueError) -> str:
    """encoding/json's words for the commonest mistakes."""
    position = getattr(error, "pos", len(text))
    rest = text.decode(errors="replace")[position:]
    if not rest:
        return "unexpected EOF"
    where = "value"
    if "property name" in str(error):
        where = "object key string"
    return f"invalid character '{rest[0]}' looking for beginning of {where}"


def _mismatch(value: object, shape: Shape, path: str) -> str | None:
    struct, known = shape
    if not isinstance(value, dict):
        return None if value is None else f"{_json_kind(value)} into Go value of type {struct}"
    for key, kind in known.items():
        item, place = value.get(key), f"{path}{key}"
        if item is None:
            continue
        if not isinstance(kind, str):
            problem = _mismatch(item, kind, f"{place}.")
        else:
            problem = _wrong_kind(item, kind, f"{struct}.{place}")
        if problem:
            return problem
    return None


def _wrong_kind(item: object, kind: str, place: str) -> str | None:
    wanted = _GO_KINDS[kind]
    if kind == "objects" and isinstance(item, list):
        odd = [one for one in item if not isinstance(one, dict)]
        return _wrong_kind(odd[0], "object", place) if odd else None
    fits = isinstance(item, wanted) and not (wanted is int and isinstance(item, bool))
    return None if fits else f"{_json_kind(item)} into Go struct field {place} of type {kind}"


def _json_kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    names = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return names[type(value)]


def acceptable(call: Call, offered: tuple[str, ...]) -> None:
    """Refuse an Accept header none of the offered types satisfies."""
    accept = call.headers.get("accept", "*/*")
    wanted = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    wild = {"*/*", "", *(kind.partition("/")[0] + "/*" for kind in offered)}
    if not wanted & (wild | set(offered)):
        names = " ".join(offered)
        raise unprocessable(f"unsupported media type requested, only [{names}] are available")
