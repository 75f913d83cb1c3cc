"""A request as the API handles it, and the log of requests."""

from typing import NamedTuple, cast

from starlette.requests import Request
from starlette.types import Receive, Scope

_SCOPE_KEY = "kubernetes.request"
_READ_METHODS = ("GET", "HEAD")
ACCESS_REVIEW_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
"""Path of questions about one's own rights: a POST that stores nothing."""


class KubernetesRequest(Request):
    """A request whose body was read; the endpoint finds it in the scope.

    Attributes:
        content: the body.
        user_name: the authenticated user.
    """

    content: bytes
    user_name: str

    @classmethod
    async def read(cls, scope: Scope, receive: Receive) -> "KubernetesRequest":
        """Read a request, and add it to its scope."""
        request = cls(scope, receive)
        request.content = await request.body()
        scope[_SCOPE_KEY] = request
        return request

    @classmethod
    def of(cls, scope: Scope) -> "KubernetesRequest":
        """Return the request of a scope."""
        return cast(KubernetesRequest, scope[_SCOPE_KEY])

    @property
    def path(self) -> str:
        """The path, decoded."""
        return cast(str, self.scope["path"])

    def query_value(self, name: str) -> str:
        """Return the value of a query parameter; empty if not given."""
        return self.query_params.get(name, "")


class KubernetesRequestRecord(NamedTuple):
    """A handled request; its path has no query."""

    method: str
    path: str
    status: int


class KubernetesRequestLog(list[KubernetesRequestRecord]):
    """The handled requests, in order."""

    def writes(self) -> list[KubernetesRequestRecord]:
        """Return the modifying requests."""
        return [
            call
            for call in self
            if call.method not in _READ_METHODS and call.path != ACCESS_REVIEW_PATH
        ]
