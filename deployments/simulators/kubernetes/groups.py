"""Discovery of the served API groups and versions.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#unaggregated-discovery
"""

from collections.abc import Iterable

from starlette.responses import Response

from deployments.simulators.kubernetes.errors import RESOURCE_GROUPS
from deployments.simulators.kubernetes.object_store import (
    HARBOR_CLUSTER_RESOURCE,
    Json,
    ObjectStore,
)
from deployments.simulators.kubernetes.responses import CompactJson, unserved_response


def groups_response(store: ObjectStore, group: str) -> Response:
    """Return one group, or all of them if it is empty."""
    groups = {"apps": _group_json("apps", ["v1"])}
    if store.operator_versions:
        name = RESOURCE_GROUPS[HARBOR_CLUSTER_RESOURCE]
        groups[name] = _group_json(name, store.operator_versions)
    head: Json = {"apiVersion": "v1"}
    if not group:
        return CompactJson({"kind": "APIGroupList", **head, "groups": list(groups.values())})
    if group not in groups:
        return unserved_response()
    return CompactJson({"kind": "APIGroup", **head, **groups[group]})


def _group_json(name: str, versions: Iterable[str]) -> Json:
    entries = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": entries, "preferredVersion": entries[0]}
