"""What a request is about, and what it wants to do with it."""

from dataclasses import dataclass

from deployments.sandbox.asgi import Request
from deployments.sandbox.kubernetes.refusals import Refused
from deployments.sandbox.kubernetes.world import NAMESPACES, SINGLE, Json

_ONE = {"GET": "get", "PATCH": "patch", "DELETE": "delete"}
_MANY = {"GET": "list", "POST": "create"}


@dataclass(frozen=True)
class Target:
    """What a path names."""

    kind: str
    namespace: str = ""
    name: str = ""

    @property
    def head(self) -> Json:
        """What every answer of one object begins with."""
        return {"kind": SINGLE[self.kind], "apiVersion": "v1"}


def target_of(path: str) -> Target:
    """Read a path below `/api/v1`.

    Raises:
        Refused: nothing of the kind is here.
    """
    parts = path.strip("/").split("/")
    if parts[:2] == ["api", "v1"]:
        match parts[2:]:
            case ["namespaces"]:
                return Target(NAMESPACES)
            case ["namespaces", name]:
                return Target(NAMESPACES, name=name)
            case [kind] if kind in SINGLE:
                return Target(kind)
            case ["namespaces", namespace, kind] if kind in SINGLE:
                return Target(kind, namespace)
            case ["namespaces", namespace, kind, name] if kind in SINGLE:
                return Target(kind, namespace, name)
    raise Refused(404, "NotFound", "the server could not find the requested resource", {})


def verb_of(request: Request, target: Target) -> str:
    """Name what is wanted as a role does.

    See https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb

    Raises:
        Refused: it is not emulated.
    """
    verb = (_ONE if target.name else _MANY).get(request.method)
    if verb is None or request.first("watch"):
        said = "the server does not allow this method on the requested resource"
        raise Refused(405, "MethodNotAllowed", said)
    return verb
