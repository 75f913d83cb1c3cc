"""Target and verb of a request."""

from dataclasses import dataclass

from deployments.simulators.asgi import Request
from deployments.simulators.kubernetes.errors import RESOURCE_GROUPS, KubernetesApiError
from deployments.simulators.kubernetes.object_store import (
    KIND_BY_RESOURCE,
    NAMESPACE_RESOURCE,
    READ_ONLY_RESOURCES,
    Json,
)

_OBJECT_VERBS = {"GET": "get", "PATCH": "patch", "DELETE": "delete"}
_LIST_VERBS = {"GET": "list", "POST": "create"}


@dataclass(frozen=True)
class RequestTarget:
    """The resource and object of a path."""

    resource: str
    namespace: str = ""
    name: str = ""
    version: str = "v1"

    @property
    def type_meta(self) -> Json:
        """The first fields of every response with one object."""
        group = RESOURCE_GROUPS.get(self.resource)
        api = f"{group}/{self.version}" if group else self.version
        return {"kind": KIND_BY_RESOURCE[self.resource], "apiVersion": api}


def parse_target(path: str) -> RequestTarget:
    """Parse a path below `/api/v1` or `/apis/<group>/<version>`.

    Raises:
        KubernetesApiError: the path is not simulated.
    """
    root, *parts = path.strip("/").split("/")
    group = parts.pop(0) if root == "apis" and parts else ""
    version = parts.pop(0) if parts else ""
    resources = {
        resource for resource in KIND_BY_RESOURCE if RESOURCE_GROUPS.get(resource, "") == group
    }
    match parts:
        case ["namespaces"] if NAMESPACE_RESOURCE in resources:
            return RequestTarget(NAMESPACE_RESOURCE, version=version)
        case ["namespaces", name] if NAMESPACE_RESOURCE in resources:
            return RequestTarget(NAMESPACE_RESOURCE, name=name, version=version)
        case [resource] if resource in resources:
            return RequestTarget(resource, version=version)
        case ["namespaces", namespace, resource] if resource in resources:
            return RequestTarget(resource, namespace, version=version)
        case ["namespaces", namespace, resource, name] if resource in resources:
            return RequestTarget(resource, namespace, name, version)
    raise KubernetesApiError(
        404, "NotFound", "the server could not find the requested resource", {}
    )


def request_verb(request: Request, target: RequestTarget) -> str:
    """Return the verb of a request, as in a role.

    See https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb

    Raises:
        KubernetesApiError: the verb is not simulated.
    """
    verb = (_OBJECT_VERBS if target.name else _LIST_VERBS).get(request.method)
    is_unsupported_write = target.resource in READ_ONLY_RESOURCES and request.method != "GET"
    if verb is None or is_unsupported_write or request.query_value("watch"):
        message = "the server does not allow this method on the requested resource"
        raise KubernetesApiError(405, "MethodNotAllowed", message)
    return verb
