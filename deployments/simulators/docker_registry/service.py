"""The registry: configuration, content, routes and request log."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from deployments.simulators.asgi import report_status, request_target
from deployments.simulators.docker_registry import responses
from deployments.simulators.docker_registry.auth import (
    CATALOG_SCOPE,
    Auth,
    NoAuth,
    TokenAuth,
    TokenScope,
    query_value,
    request_origin,
)
from deployments.simulators.docker_registry.images import (
    Repository,
    StoredManifest,
    build_manifest,
    catalog_page,
)
from deployments.simulators.docker_registry.responses import ErrorResponse

FOREIGN_ORIGIN = "http://elsewhere.test"


@dataclass(frozen=True)
class DockerRequestRecord:
    """One request in the log; of credentials only the scheme."""

    method: str
    target: str
    authorization: str
    status: int


class SimulatedDockerRegistry:
    """A simulated registry: content, configuration and ASGI `app`.

    `catalog`: "forbidden" is 403 DENIED, or with `TokenAuth` a token without the catalog scope
    (401 insufficient_scope); "disabled" is 405 UNSUPPORTED; "missing" is 404, no such page.
    `link` is the form of the link to the next page; `page_limit` is `catalog.maxentries`.
    """

    def __init__(
        self,
        auth: Auth | None = None,
        *,
        catalog: Literal["open", "forbidden", "disabled", "missing"] = "open",
        link: Literal["relative", "absolute", "foreign"] = "relative",
        page_limit: int = 1000,
    ) -> None:
        self.auth = auth or NoAuth()
        self.catalog = catalog
        self.link = link
        self.page_limit = page_limit
        self.requests: list[DockerRequestRecord] = []
        self._repositories: dict[str, Repository] = {}
        self._router = self._build_router()
        if isinstance(self.auth, TokenAuth) and catalog == "forbidden":
            self.auth.catalog = False

    # Changes from outside of the API

    def add_repository(self, name: str, tags: Iterable[str] = ("v1",)) -> None:
        """Add a repository with one small image under each tag."""
        repository = self._repositories.setdefault(name, Repository())
        for tag in tags:
            repository.add(tag, StoredManifest(build_manifest(name, tag)))

    def add_manifest(self, name: str, tag: str, manifest: StoredManifest) -> str:
        """Add a manifest to a repository, under a tag unless it is empty; return its digest."""
        return self._repositories.setdefault(name, Repository()).add(tag, manifest)

    def remove_tags(self, name: str, *tags: str) -> None:
        """Remove tags of a repository, all if none are given: it is still listed."""
        repository = self._repositories.setdefault(name, Repository())
        for tag in tags or tuple(repository.tags):
            del repository.tags[tag]

    def remove_repository(self, name: str) -> None:
        """Remove a repository, as an administrator does in the storage."""
        self._repositories.pop(name, None)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = Request(scope)
        scheme = request.headers.get("authorization", "").partition(" ")[0]

        def log(status: int) -> None:
            record = DockerRequestRecord(request.method, request_target(scope), scheme, status)
            self.requests.append(record)

        await self._router(scope, receive, report_status(send, log))

    def _build_router(self) -> Router:
        routes = [
            Route("/v2/", self._guard(_base_response)),
            Route("/v2/_catalog", self._guard(self._catalog_page)),
            Route("/v2/{name:path}/tags/list", self._guard(self._tags)),
            Route("/v2/{name:path}/manifests/{reference}", self._guard(self._manifest)),
        ]
        if isinstance(self.auth, TokenAuth):
            routes.append(Route("/token", self.auth.issue_token))
        return Router(routes, redirect_slashes=False, default=responses.not_found_response())

    def _guard(
        self, respond: Callable[[Request], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                self.auth.authorize(request, _required_scopes(request))
                return respond(request)
            except ErrorResponse as error:
                return error.response

        return endpoint

    # The endpoints

    def _catalog_page(self, request: Request) -> Response:
        if self.catalog == "missing":
            return responses.not_found_response()
        if self.catalog == "disabled":
            raise ErrorResponse("UNSUPPORTED")
        if self.catalog == "forbidden":
            raise ErrorResponse("DENIED")
        number, last = query_value(request, "n"), query_value(request, "last")
        page = catalog_page(list(self._repositories), number, last, self.page_limit)
        headers = {}
        if page.next_size:
            query = urlencode({"last": page.names[-1], "n": page.next_size})
            origin = {
                "relative": "",
                "absolute": request_origin(request),
                "foreign": FOREIGN_ORIGIN,
            }[self.link]
            headers = {"link": f'<{origin}/v2/_catalog?{query}>; rel="next"'}
        return responses.GoJson({"repositories": page.names}, headers=headers)

    def _tags(self, request: Request) -> Response:
        # docker-registry 2.8 knows no pages here: it ignores `n` and `last`.
        name = request.path_params["name"]
        repository = self._repositories.get(name)
        if repository is None:
            raise ErrorResponse("NAME_UNKNOWN", {"name": name})
        return responses.GoJson({"name": name, "tags": sorted(repository.tags) or None})

    def _manifest(self, request: Request) -> Response:
        name, reference = request.path_params["name"], request.path_params["reference"]
        repository = self._repositories.get(name, Repository())
        digest, manifest = repository.find(name, reference, request)
        headers = {"docker-content-digest": digest, "etag": f'"{digest}"'}
        headers |= responses.VERSION_HEADERS
        return Response(manifest.content, headers=headers, media_type=manifest.media_type)


def _base_response(request: Request) -> Response:
    return responses.base_response()


def _required_scopes(request: Request) -> list[TokenScope]:
    # As in the real one; `/v2/` itself requires no scope.
    if request.url.path == "/v2/_catalog":
        return [CATALOG_SCOPE]
    name = request.path_params.get("name")
    return [TokenScope("repository", name, "pull")] if name else []
