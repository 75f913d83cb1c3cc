"""The schema of HarborClusters in version v1beta1, as far as it has required fields.

See https://github.com/goharbor/harbor-operator/blob/main/apis/goharbor.io/v1beta1/harborcluster_types.go
"""

from collections.abc import Iterator, Mapping
from typing import Any

from deployments.simulators.kubernetes import errors

_COMPONENT: dict[str, Any] = {"kind": str, "spec": {}}
_SPEC: dict[str, Any] = {
    "externalURL": str,
    "harborAdminPasswordRef": str,
    "version": str,
    "expose": {},
    "cache": _COMPONENT,
    "database": _COMPONENT,
    "storage": _COMPONENT,
}
_STATUS: dict[str, Any] = {"status": str, "revision": int}
REQUIRED_SERVICES: dict[str, Any] = {
    "cache": {"kind": "Redis", "spec": {"redis": {"host": "redis.invalid", "port": 6379}}},
    "database": {
        "kind": "PostgreSQL",
        "spec": {
            "postgresql": {
                "hosts": [{"host": "postgresql.invalid", "port": 5432}],
                "username": "postgres",
                "passwordRef": "none",
            }
        },
    },
    "storage": {
        "kind": "FileSystem",
        "spec": {"fileSystem": {"registryPersistentVolume": {"claimName": "none"}}},
    },
}
"""The services that a HarborCluster has to name; nothing runs under these names."""

_TYPE_NAMES = {str: "string", int: "integer", dict: "object"}


def check_harbor_cluster(manifest: Mapping[str, Any]) -> None:
    """Reject a HarborCluster that the CRD does not accept; the status only if there is one.

    Raises:
        KubernetesApiError: all errors, with their fields.
    """
    causes = list(_find_errors(_SPEC, manifest.get("spec", {}), "spec"))
    if manifest.get("status"):
        causes += _find_errors(_STATUS, manifest["status"], "status")
    if causes:
        raise errors.invalid_custom_object("HarborCluster", manifest["metadata"]["name"], causes)


def _find_errors(required: Mapping[str, Any], part: object, path: str) -> Iterator[dict[str, str]]:
    if not isinstance(part, dict):
        yield _type_error(path, part, dict)
        return
    for name, shape in required.items():
        field = f"{path}.{name}"
        if name not in part:
            yield {"reason": "FieldValueRequired", "message": "Required value", "field": field}
        elif isinstance(shape, dict):
            yield from _find_errors(shape, part[name], field)
        elif not isinstance(part[name], shape):
            yield _type_error(field, part[name], shape)


def _type_error(field: str, value: object, shape: type) -> dict[str, str]:
    name = _TYPE_NAMES.get(type(value), "array" if isinstance(value, list) else "number")
    message = (
        f'Invalid value: "{name}": {field} in body must be of type {_TYPE_NAMES[shape]}: "{name}"'
    )
    return {"reason": "FieldValueTypeInvalid", "message": message, "field": field}
