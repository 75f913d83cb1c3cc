"""The API: authenticate, authorize and handle requests.

See https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import json
from collections.abc import Callable, Iterable

from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.simulators.asgi import report_status
from deployments.simulators.kubernetes import errors
from deployments.simulators.kubernetes.admission import Admission, check_body_size
from deployments.simulators.kubernetes.errors import RESOURCE_GROUPS, KubernetesApiError
from deployments.simulators.kubernetes.lists import ListHandler, parse_field_selector
from deployments.simulators.kubernetes.object_store import (
    HARBOR_CLUSTER_RESOURCE,
    Json,
    ObjectStore,
)
from deployments.simulators.kubernetes.request import (
    ACCESS_REVIEW_PATH,
    KubernetesRequest,
    KubernetesRequestLog,
    KubernetesRequestRecord,
)
from deployments.simulators.kubernetes.responses import (
    CompactJson,
    error_response,
    unserved_response,
)
from deployments.simulators.kubernetes.rights import ANONYMOUS_USER, ClusterRights
from deployments.simulators.kubernetes.target import RequestTarget, path_target, request_verb
from deployments.simulators.kubernetes.writes import WriteHandler, get_existing

_GROUP_PATHS = ("/apis", "/apis/{group}")
_RESOURCE_PATHS = (
    "/api/{version}/{resource}",
    "/api/{version}/namespaces/{name}",
    *(
        f"{root}/namespaces/{{namespace}}/{{resource}}{name}"
        for root in ("/api/{version}", "/apis/{group}/{version}")
        for name in ("", "/{name}")
    ),
    "/apis/{group}/{version}/{resource}",
    "/apis/{group}/{version}/namespaces/{namespace}/{resource}/{name}/{subresource}",
)

_VERSIONS = ("v1alpha3", "v1beta1")
"""Versions of HarborClusters: objects that are stored in the other one need a conversion."""

Respond = Callable[[KubernetesRequest], Response]


class KubernetesApi:
    """The ASGI app of a cluster."""

    def __init__(self, store: ObjectStore, rights: ClusterRights, admission: Admission) -> None:
        self.requests = KubernetesRequestLog()
        self._store, self._rights = store, rights
        self._lists, self._writes = ListHandler(store), WriteHandler(store, rights, admission)
        groups, resources = self._endpoint(self._list_groups), self._endpoint(self._run_verb)
        self._router = Router(
            [
                *(Route(path, groups, methods=["GET"]) for path in _GROUP_PATHS),
                Route(ACCESS_REVIEW_PATH, self._endpoint(self._review_access), methods=["POST"]),
                *(Route(path, resources) for path in _RESOURCE_PATHS),
            ],
            redirect_slashes=False,
            default=self._endpoint(self._refuse_path),
        )

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        scope = dict(scope)
        request = await KubernetesRequest.read(scope, receive)

        def log(status: int) -> None:
            self.requests.append(KubernetesRequestRecord(request.method, request.path, status))

        await self._router(scope, receive, report_status(send, log))

    def _endpoint(self, respond: Respond) -> ASGIApp:
        return _Endpoint(self._store, self._rights, respond)

    def _list_groups(self, request: KubernetesRequest) -> Response:
        if request.user_name == ANONYMOUS_USER:
            raise errors.unknown_resource()
        return _groups_response(self._store, request.path_params.get("group", ""))

    def _review_access(self, request: KubernetesRequest) -> Response:
        # https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-access-review-v1/
        if request.user_name == ANONYMOUS_USER:
            raise errors.unknown_resource()
        review: Json = json.loads(request.content)
        asked = review["spec"]["resourceAttributes"]
        allowed = self._rights.is_allowed(
            request.user_name, asked["verb"], asked["resource"], asked.get("name", "")
        )
        review |= {"metadata": {"creationTimestamp": None}, "status": {"allowed": allowed}}
        return CompactJson(review, 201)

    def _refuse_path(self, request: KubernetesRequest) -> Response:
        raise errors.unknown_resource()

    def _run_verb(self, request: KubernetesRequest) -> Response:
        target = path_target(request.path_params)
        verb = request_verb(request, target)
        name = parse_field_selector(request).name if verb == "list" else target.name
        self._rights.check(request.user_name, verb, target.permission, target.namespace, name)
        if not self._is_served(target):
            return unserved_response()
        self._check_conversion(target)
        check_body_size(request.content)
        match verb:
            case "list":
                return self._lists.list_page(request, target)
            case "get":
                return CompactJson({**target.type_meta, **get_existing(self._store, target)})
            case "create":
                return self._writes.create(request, target)
            case "patch":
                return self._writes.patch(request, target)
            case _:
                return self._writes.delete(request, target)

    def _check_conversion(self, target: RequestTarget) -> None:
        if target.resource == HARBOR_CLUSTER_RESOURCE and self._store.conversion_status:
            is_cached = self._store.conversion_status == 429
            raise (
                errors.storage_unready()
                if is_cached
                else errors.conversion_failed(
                    next(version for version in _VERSIONS if version != target.version)
                )
            )

    def _is_served(self, target: RequestTarget) -> bool:
        is_operator = target.resource == HARBOR_CLUSTER_RESOURCE
        return target.version in (self._store.operator_versions if is_operator else ("v1",))


class _Endpoint:
    """An endpoint for all methods: authenticates the user, and handles one request at a time."""

    def __init__(self, store: ObjectStore, rights: ClusterRights, respond: Respond) -> None:
        self._store, self._rights, self._respond = store, rights, respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = KubernetesRequest.of(scope)
        with self._store.lock:
            try:
                authorization = request.headers.get("authorization", "")
                request.user_name = self._rights.authenticate(authorization)
                response = self._respond(request)
            except KubernetesApiError as error:
                response = error_response(error)
        await response(scope, receive, send)


def _groups_response(store: ObjectStore, group: str) -> Response:
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
