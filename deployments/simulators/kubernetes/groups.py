"""Discovery of the served API groups and versions.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#unaggregated-discovery
"""

from collections.abc import Iterable

from deployments.simulators.asgi import AsgiResponse, Request
from deployments.simulators.kubernetes.errors import (
    RESOURCE_GROUPS,
    object_response,
    unserved_response,
)
from deployments.simulators.kubernetes.object_store import (
    HARBOR_CLUSTER_RESOURCE,
    Json,
    ObjectStore,
)

_ROOT = "/apis"


def is_groups_request(request: Request) -> bool:
    """Return whether this is a discovery request, which every user may send."""
    path = request.path.rstrip("/")
    return request.method == "GET" and path.startswith(_ROOT) and path.count("/") < 3


def groups_response(store: ObjectStore, path: str) -> AsgiResponse:
    """Return all groups, or one."""
    groups = {"apps": _group_json("apps", ["v1"])}
    if store.operator_versions:
        name = RESOURCE_GROUPS[HARBOR_CLUSTER_RESOURCE]
        groups[name] = _group_json(name, store.operator_versions)
    group = path.rstrip("/").removeprefix(_ROOT).strip("/")
    head: Json = {"apiVersion": "v1"}
    if not group:
        return object_response(
            200, {"kind": "APIGroupList", **head, "groups": list(groups.values())}
        )
    if group not in groups:
        return unserved_response()
    return object_response(200, {"kind": "APIGroup", **head, **groups[group]})


def _group_json(name: str, versions: Iterable[str]) -> Json:
    entries = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": entries, "preferredVersion": entries[0]}
