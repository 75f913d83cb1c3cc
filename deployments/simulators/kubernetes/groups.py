"""Which groups of the API are served, and in which versions.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#unaggregated-discovery
"""

from collections.abc import Iterable

from deployments.simulators.asgi import Reply, Request
from deployments.simulators.kubernetes.errors import GROUPS, reply, unserved
from deployments.simulators.kubernetes.object_store import HARBORS, Json, World

_ROOT = "/apis"


def asks_for_groups(request: Request) -> bool:
    """Whether it asks what is served; every user may."""
    path = request.path.rstrip("/")
    return request.method == "GET" and path.startswith(_ROOT) and path.count("/") < 3


def answered_groups(world: World, path: str) -> Reply:
    """Answer all groups, or one."""
    served = {"apps": _group("apps", ["v1"])}
    if world.operator:
        name = GROUPS[HARBORS]
        served[name] = _group(name, world.operator)
    wanted = path.rstrip("/").removeprefix(_ROOT).strip("/")
    head: Json = {"apiVersion": "v1"}
    if not wanted:
        return reply(200, {"kind": "APIGroupList", **head, "groups": list(served.values())})
    if wanted not in served:
        return unserved()
    return reply(200, {"kind": "APIGroup", **head, **served[wanted]})


def _group(name: str, versions: Iterable[str]) -> Json:
    listed = [{"groupVersion": f"{name}/{one}", "version": one} for one in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}
