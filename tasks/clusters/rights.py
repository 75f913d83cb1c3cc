"""Ask a cluster which rights this service has there.

A SelfSubjectAccessReview stores nothing, and every authenticated user may create one (ClusterRole
system:basic-user). See
https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
"""

from collections.abc import Collection

from models.clusters.cluster import ClusterRight
from models.core.availability import Complete, Unavailable
from models.core.errors import RemoteError
from tasks.clusters import api_errors
from tasks.clusters.objects import KubernetesModel
from tasks.concurrency import gather_all
from tasks.http.client import HttpClient

_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class _ReviewStatus(KubernetesModel):
    allowed: bool


class _AccessReview(KubernetesModel):
    status: _ReviewStatus


async def find_missing_rights(
    http: HttpClient, rights: Collection[ClusterRight]
) -> Complete[ClusterRight] | Unavailable:
    """Return which rights are missing; see `ClusterReader`."""
    try:
        answers = await gather_all(*(_is_granted(http, right) for right in rights))
    except RemoteError as error:
        return Unavailable(reason=error.reason, message=error.message)
    missing = (right for right, granted in zip(rights, answers, strict=True) if not granted)
    return Complete[ClusterRight](items=tuple(missing))


async def _is_granted(http: HttpClient, right: ClusterRight) -> bool:
    # Without a namespace, the question is about all namespaces.
    attributes = {"verb": right.verb, "group": right.group, "resource": right.resource}
    if right.name:
        attributes["name"] = right.name
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    response = await http.send("POST", _PATH, json=body)
    if response.status != 201:
        raise api_errors.cluster_error_from_response(response)
    return api_errors.parse_object(response, _AccessReview).status.allowed
