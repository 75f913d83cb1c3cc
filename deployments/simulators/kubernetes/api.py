"""The API: authenticate, authorize and handle requests.

See https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from deployments.simulators.asgi import (
    AsgiResponse,
    Receive,
    Request,
    Scope,
    Send,
    read_request,
    send_response,
)
from deployments.simulators.kubernetes.errors import (
    KubernetesApiError,
    error_response,
    object_response,
    unserved_response,
)
from deployments.simulators.kubernetes.groups import groups_response, is_groups_request
from deployments.simulators.kubernetes.lists import ListHandler, parse_name_selector
from deployments.simulators.kubernetes.log import KubernetesRequestLog, KubernetesRequestRecord
from deployments.simulators.kubernetes.object_store import HARBOR_CLUSTER_RESOURCE, ObjectStore
from deployments.simulators.kubernetes.rights import ANONYMOUS_USER, ClusterRights
from deployments.simulators.kubernetes.target import RequestTarget, parse_target, request_verb
from deployments.simulators.kubernetes.validation import check_body_size
from deployments.simulators.kubernetes.writes import WriteHandler, get_existing


class KubernetesApi:
    """The ASGI app of a cluster."""

    def __init__(self, store: ObjectStore, rights: ClusterRights) -> None:
        self.requests = KubernetesRequestLog()
        self._store, self._rights = store, rights
        self._lists, self._writes = ListHandler(store), WriteHandler(store, rights)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = await read_request(scope, receive)
        with self._store.lock:
            try:
                answer = self._respond(request)
            except KubernetesApiError as error:
                answer = error_response(error)
            self.requests.append(
                KubernetesRequestRecord(request.method, request.path, answer.status)
            )
        await send_response(send, answer)

    def _respond(self, request: Request) -> AsgiResponse:
        user = self._rights.authenticate(request.headers.get("authorization", ""))
        if user != ANONYMOUS_USER and is_groups_request(request):
            return groups_response(self._store, request.path)
        target = parse_target(request.path)
        verb = request_verb(request, target)
        name = parse_name_selector(request) if verb == "list" else target.name
        self._rights.check(user, verb, target.resource, target.namespace, name)
        if not self._is_served(target):
            return unserved_response()
        check_body_size(request.body)
        return self._run_verb(verb, request, target, user)

    def _run_verb(
        self, verb: str, request: Request, target: RequestTarget, user: str
    ) -> AsgiResponse:
        match verb:
            case "list":
                return self._lists.list_page(request, target)
            case "get":
                return object_response(
                    200, {**target.type_meta, **get_existing(self._store, target)}
                )
            case "create":
                return self._writes.create(request, target)
            case "patch":
                return self._writes.patch(request, target, user)
            case _:
                return self._writes.delete(request, target)

    def _is_served(self, target: RequestTarget) -> bool:
        versions = (
            self._store.operator_versions if target.resource == HARBOR_CLUSTER_RESOURCE else ("v1",)
        )
        return target.version in versions
