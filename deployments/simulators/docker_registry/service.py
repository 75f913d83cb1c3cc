"""The registry itself: its configuration, its routes, the catalog and the log."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from deployments.simulators.asgi import (
    Receive,
    Reply,
    Request,
    Scope,
    Send,
    read_request,
    send_reply,
)
from deployments.simulators.docker_registry import responses
from deployments.simulators.docker_registry.auth import CATALOG, Access, Auth, NoAuth, Token
from deployments.simulators.docker_registry.content import Content, Parts
from deployments.simulators.docker_registry.responses import RefusedError
from deployments.simulators.docker_registry.store import Repository, catalog_page, tiny_image

FOREIGN_ORIGIN = "http://elsewhere.test"

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = rf"(?P<name>{_PART}(?:/{_PART})*)"
_DIGEST = r"sha256:[0-9a-f]{64}"
_REFERENCE = rf"(?P<reference>{_DIGEST}|\w[\w.-]{{0,127}})"

Answer = Callable[[Request, Parts], Reply]
Methods = Mapping[str, Answer]
Route = tuple[re.Pattern[str], Methods]


@dataclass(frozen=True)
class RequestSeen:
    """One line of the log; of the credentials only their scheme."""

    method: str
    target: str
    authorization: str
    status: int


class DockerRegistry:
    """The registry: what it holds, how it is configured, and its ASGI `app`.

    `catalog`: "forbidden" is 403 DENIED, or with `Token` a token without the catalog scope
    (401 insufficient_scope); "disabled" is 405 UNSUPPORTED; "missing" is 404, no such page.
    `link` is how the next page is named; `page_limit` is `catalog.maxentries` of the real one.
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
        self.requests: list[RequestSeen] = []
        self._content = Content()
        self._routes = self._all_routes()
        if isinstance(self.auth, Token) and catalog == "forbidden":
            self.auth.catalog = False

    # What the world outside may do to it

    def add_repository(self, name: str, tags: Iterable[str] = ("v1",)) -> None:
        """Add a repository with one small image under these tags."""
        manifest, blobs = tiny_image(name)
        repository = self._content.repository(name)
        self._content.blobs.update(blobs)
        repository.blobs.update(blobs)
        for tag in tags:
            repository.put(tag, manifest)

    def empty_repository(self, name: str) -> None:
        """Make it a repository that once had tags: still listed, its tags null."""
        self._content.repositories[name] = Repository(tagged=True)

    def remove_repository(self, name: str) -> None:
        """Take a repository away, as an administrator does in the storage."""
        self._content.repositories.pop(name, None)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = await read_request(scope, receive)
        reply = self.answer(request)
        scheme = request.headers.get("authorization", "").partition(" ")[0]
        self.requests.append(RequestSeen(request.method, request.target, scheme, reply.status))
        await send_reply(send, reply)

    def answer(self, request: Request) -> Reply:
        """Decide the answer to a request."""
        if request.path == "/":
            return Reply(200, b"", (("Cache-Control", "no-cache"),))
        if request.path == "/token" and isinstance(self.auth, Token):
            return self.auth.issue(request)
        try:
            return self._route(request)
        except RefusedError as refused:
            return refused.reply

    def _route(self, request: Request) -> Reply:
        found = self._find(request.path)
        if found is None:
            other = request.path[:-1] if request.path.endswith("/") else f"{request.path}/"
            return responses.moved(other) if self._find(other) else responses.page_not_found()
        methods, parts = found
        self.auth.admit(request, _wanted(request, parts))
        if not methods:
            return responses.base()
        if request.method not in methods:
            return responses.method_not_allowed(tuple(methods))
        return methods[request.method](request, parts)

    def _find(self, path: str) -> tuple[Methods, Parts] | None:
        for pattern, methods in self._routes:
            match = pattern.fullmatch(path)
            if match:
                return methods, match.groupdict()
        return None

    def _all_routes(self) -> tuple[Route, ...]:
        content = self._content
        manifest: Methods = {
            "GET": content.read_manifest,
            "HEAD": content.read_manifest,
            "PUT": content.put_manifest,
            "DELETE": content.delete_manifest,
        }
        blob: Methods = {
            "GET": content.read_blob,
            "HEAD": content.read_blob,
            "DELETE": content.delete_blob,
        }
        routes: dict[str, Methods] = {
            "": {},
            "_catalog": {"GET": self._catalog},
            f"{_NAME}/tags/list": {"GET": self._tags},
            f"{_NAME}/manifests/{_REFERENCE}": manifest,
            f"{_NAME}/blobs/(?P<digest>{_DIGEST})": blob,
            f"{_NAME}/blobs/uploads/": {"POST": content.begin_upload},
            f"{_NAME}/blobs/uploads/(?P<upload>[0-9a-f-]+)": {"PUT": content.finish_upload},
        }
        return tuple((re.compile(f"/v2/{path}"), methods) for path, methods in routes.items())

    # The endpoints

    def _catalog(self, request: Request, parts: Parts) -> Reply:
        if self.catalog == "missing":
            return responses.page_not_found()
        if self.catalog == "disabled":
            raise RefusedError("UNSUPPORTED")
        if self.catalog == "forbidden":
            raise RefusedError("DENIED")
        listed = [
            name for name, it in list(self._content.repositories.items()) if it.blobs or it.tagged
        ]
        page = catalog_page(listed, request.first("n"), request.first("last"), self.page_limit)
        link = self._next(request, page.names[-1], page.more) if page.more else ()
        return responses.json_reply({"repositories": page.names}, headers=link)

    def _next(self, request: Request, last: str, number: int) -> tuple[tuple[str, str], ...]:
        origin = {"relative": "", "absolute": request.origin, "foreign": FOREIGN_ORIGIN}[self.link]
        query = urlencode({"last": last, "n": number})
        return (("Link", f'<{origin}/v2/_catalog?{query}>; rel="next"'),)

    def _tags(self, request: Request, parts: Parts) -> Reply:
        repository = self._content.repositories.get(parts["name"])
        if repository is None or not repository.tagged:
            raise RefusedError("NAME_UNKNOWN", {"name": parts["name"]})
        # 2.8 does not page tags: `n` and `last` are ignored.
        tags = sorted(repository.tags) or None
        return responses.json_reply({"name": parts["name"], "tags": tags})


def _wanted(request: Request, parts: Parts) -> list[Access]:
    """What the real one asks its doorkeeper for; nothing for `/v2/` itself."""
    if request.path == "/v2/_catalog":
        return [CATALOG]
    if "name" not in parts:
        return []
    actions = {"GET": ("pull",), "HEAD": ("pull",), "DELETE": ("delete",)}
    does = actions.get(request.method, ("pull", "push"))
    wanted = [Access("repository", parts["name"], action) for action in does]
    if request.first("mount") and request.first("from"):
        wanted.append(Access("repository", request.first("from"), "pull"))
    return wanted
