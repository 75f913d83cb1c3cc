"""Target and verb of a request."""

from collections.abc import Mapping
from dataclasses import dataclass

from deployments.simulators.kubernetes import errors
from deployments.simulators.kubernetes.errors import RESOURCE_GROUPS, KubernetesApiError
from deployments.simulators.kubernetes.object_store import (
    KIND_BY_RESOURCE,
    NAMESPACE_RESOURCE,
    STATUS_RESOURCES,
    Json,
)
from deployments.simulators.kubernetes.request import KubernetesRequest

_OBJECT_VERBS = {"GET": "get", "PATCH": "patch", "DELETE": "delete"}
_LIST_VERBS = {"GET": "list", "POST": "create"}


@dataclass(frozen=True)
class RequestTarget:
    """The resource and object of a path."""

    resource: str
    namespace: str = ""
    name: str = ""
    version: str = "v1"
    subresource: str = ""

    @property
    def permission(self) -> str:
        """The resource as in roles."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    @property
    def type_meta(self) -> Json:
        """The first fields of every response with one object."""
        group = RESOURCE_GROUPS.get(self.resource)
        api = f"{group}/{self.version}" if group else self.version
        return {"kind": KIND_BY_RESOURCE[self.resource], "apiVersion": api}


def path_target(parameters: Mapping[str, str]) -> RequestTarget:
    """Return the target of a path below `/api/v1` or `/apis/<group>/<version>`.

    Args:
        parameters: the parameters of the route.

    Raises:
        KubernetesApiError: the resource is not simulated.
    """
    resource = parameters.get("resource", NAMESPACE_RESOURCE)
    group = parameters.get("group", "")
    if resource not in KIND_BY_RESOURCE or RESOURCE_GROUPS.get(resource, "") != group:
        raise errors.unknown_resource()
    namespace, name = parameters.get("namespace", ""), parameters.get("name", "")
    subresource = parameters.get("subresource", "")
    if subresource and (subresource != "status" or resource not in STATUS_RESOURCES):
        raise errors.unknown_resource()
    return RequestTarget(resource, namespace, name, parameters["version"], subresource)


def request_verb(request: KubernetesRequest, target: RequestTarget) -> str:
    """Return the verb of a request, as in a role.

    See https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb

    Raises:
        KubernetesApiError: the verb is not simulated.
    """
    verb = (_OBJECT_VERBS if target.name else _LIST_VERBS).get(request.method)
    is_unsupported = bool(target.subresource) and verb != "patch"
    if verb is None or is_unsupported or request.query_value("watch"):
        message = "the server does not allow this method on the requested resource"
        raise KubernetesApiError(405, "MethodNotAllowed", message)
    return verb
