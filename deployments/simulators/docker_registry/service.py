"""The registry: configuration, routes, catalog and request log."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from deployments.simulators.asgi import (
    AsgiResponse,
    Receive,
    Request,
    Scope,
    Send,
    read_request,
    send_response,
)
from deployments.simulators.docker_registry import responses
from deployments.simulators.docker_registry.auth import (
    CATALOG_SCOPE,
    Auth,
    NoAuth,
    TokenAuth,
    TokenScope,
)
from deployments.simulators.docker_registry.content import ContentApi, PathParameters
from deployments.simulators.docker_registry.responses import ErrorResponse
from deployments.simulators.docker_registry.store import StoredRepository, build_image, catalog_page

FOREIGN_ORIGIN = "http://elsewhere.test"

_COMPONENT_PATTERN = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME_PATTERN = rf"(?P<name>{_COMPONENT_PATTERN}(?:/{_COMPONENT_PATTERN})*)"
_DIGEST_PATTERN = r"sha256:[0-9a-f]{64}"
_REFERENCE_PATTERN = rf"(?P<reference>{_DIGEST_PATTERN}|\w[\w.-]{{0,127}})"

Handler = Callable[[Request, PathParameters], AsgiResponse]
MethodHandlers = Mapping[str, Handler]
DockerRoute = tuple[re.Pattern[str], MethodHandlers]


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
        self._content = ContentApi()
        self._routes = self._all_routes()
        if isinstance(self.auth, TokenAuth) and catalog == "forbidden":
            self.auth.catalog = False

    # Changes from outside of the API

    def add_repository(self, name: str, tags: Iterable[str] = ("v1",)) -> None:
        """Add a repository with one small image under these tags."""
        manifest, blobs = build_image(name)
        repository = self._content.repository(name)
        self._content.blobs.update(blobs)
        repository.blobs.update(blobs)
        for tag in tags:
            repository.put(tag, manifest)

    def remove_tags(self, name: str) -> None:
        """Remove all tags of a repository: it is still listed, and its tags are null."""
        self._content.repositories[name] = StoredRepository(was_tagged=True)

    def remove_repository(self, name: str) -> None:
        """Remove a repository, as an administrator does in the storage."""
        self._content.repositories.pop(name, None)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = await read_request(scope, receive)
        reply = self.respond(request)
        scheme = request.headers.get("authorization", "").partition(" ")[0]
        self.requests.append(
            DockerRequestRecord(request.method, request.target, scheme, reply.status)
        )
        await send_response(send, reply)

    def respond(self, request: Request) -> AsgiResponse:
        """Return the response to a request."""
        if request.path == "/":
            return AsgiResponse(200, b"", (("Cache-Control", "no-cache"),))
        if request.path == "/token" and isinstance(self.auth, TokenAuth):
            return self.auth.issue_token(request)
        try:
            return self._route(request)
        except ErrorResponse as error:
            return error.response

    def _route(self, request: Request) -> AsgiResponse:
        route = self._find_handlers(request.path)
        if route is None:
            other = request.path[:-1] if request.path.endswith("/") else f"{request.path}/"
            return (
                responses.redirect(other)
                if self._find_handlers(other)
                else responses.not_found_response()
            )
        methods, parts = route
        self.auth.authorize(request, _required_scopes(request, parts))
        if not methods:
            return responses.base_response()
        if request.method not in methods:
            return responses.method_not_allowed_response(tuple(methods))
        return methods[request.method](request, parts)

    def _find_handlers(self, path: str) -> tuple[MethodHandlers, PathParameters] | None:
        for pattern, methods in self._routes:
            match = pattern.fullmatch(path)
            if match:
                return methods, match.groupdict()
        return None

    def _all_routes(self) -> tuple[DockerRoute, ...]:
        content = self._content
        manifest: MethodHandlers = {
            "GET": content.read_manifest,
            "HEAD": content.read_manifest,
            "PUT": content.put_manifest,
            "DELETE": content.delete_manifest,
        }
        blob: MethodHandlers = {
            "GET": content.read_blob,
            "HEAD": content.read_blob,
            "DELETE": content.delete_blob,
        }
        routes: dict[str, MethodHandlers] = {
            "": {},
            "_catalog": {"GET": self._catalog_page},
            f"{_NAME_PATTERN}/tags/list": {"GET": self._tags_list},
            f"{_NAME_PATTERN}/manifests/{_REFERENCE_PATTERN}": manifest,
            f"{_NAME_PATTERN}/blobs/(?P<digest>{_DIGEST_PATTERN})": blob,
            f"{_NAME_PATTERN}/blobs/uploads/": {"POST": content.begin_upload},
            f"{_NAME_PATTERN}/blobs/uploads/(?P<upload>[0-9a-f-]+)": {"PUT": content.finish_upload},
        }
        return tuple((re.compile(f"/v2/{path}"), methods) for path, methods in routes.items())

    # The endpoints

    def _catalog_page(self, request: Request, parts: PathParameters) -> AsgiResponse:
        if self.catalog == "missing":
            return responses.not_found_response()
        if self.catalog == "disabled":
            raise ErrorResponse("UNSUPPORTED")
        if self.catalog == "forbidden":
            raise ErrorResponse("DENIED")
        names = [
            name
            for name, repository in list(self._content.repositories.items())
            if repository.blobs or repository.was_tagged
        ]
        page = catalog_page(
            names, request.query_value("n"), request.query_value("last"), self.page_limit
        )
        link = (
            self._next_page_headers(request, page.names[-1], page.next_size)
            if page.next_size
            else ()
        )
        return responses.json_response({"repositories": page.names}, headers=link)

    def _next_page_headers(
        self, request: Request, last: str, number: int
    ) -> tuple[tuple[str, str], ...]:
        origin = {"relative": "", "absolute": request.origin, "foreign": FOREIGN_ORIGIN}[self.link]
        query = urlencode({"last": last, "n": number})
        return (("Link", f'<{origin}/v2/_catalog?{query}>; rel="next"'),)

    def _tags_list(self, request: Request, parts: PathParameters) -> AsgiResponse:
        repository = self._content.repositories.get(parts["name"])
        if repository is None or not repository.was_tagged:
            raise ErrorResponse("NAME_UNKNOWN", {"name": parts["name"]})
        # 2.8 does not page tags: `n` and `last` are ignored.
        tags = sorted(repository.tags) or None
        return responses.json_response({"name": parts["name"], "tags": tags})


def _required_scopes(request: Request, parts: PathParameters) -> list[TokenScope]:
    # As in the real one; `/v2/` itself requires no scope.
    if request.path == "/v2/_catalog":
        return [CATALOG_SCOPE]
    if "name" not in parts:
        return []
    actions = {"GET": ("pull",), "HEAD": ("pull",), "DELETE": ("delete",)}
    verbs = actions.get(request.method, ("pull", "push"))
    accesses = [TokenScope("repository", parts["name"], action) for action in verbs]
    if request.query_value("mount") and request.query_value("from"):
        accesses.append(TokenScope("repository", request.query_value("from"), "pull"))
    return accesses
