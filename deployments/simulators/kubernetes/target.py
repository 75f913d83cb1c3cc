"""What a request is about, and what it wants to do with it."""

from dataclasses import dataclass

from deployments.simulators.asgi import Request
from deployments.simulators.kubernetes.errors import GROUPS, Refused
from deployments.simulators.kubernetes.object_store import NAMESPACES, READ_ONLY, SINGLE, Json

_ONE = {"GET": "get", "PATCH": "patch", "DELETE": "delete"}
_MANY = {"GET": "list", "POST": "create"}


@dataclass(frozen=True)
class Target:
    """What a path names."""

    kind: str
    namespace: str = ""
    name: str = ""
    version: str = "v1"

    @property
    def head(self) -> Json:
        """What every answer of one object begins with."""
        group = GROUPS.get(self.kind)
        api = f"{group}/{self.version}" if group else self.version
        return {"kind": SINGLE[self.kind], "apiVersion": api}


def target_of(path: str) -> Target:
    """Read a path below `/api/v1` or `/apis/<group>/<version>`.

    Raises:
        Refused: nothing of the kind is here.
    """
    root, *parts = path.strip("/").split("/")
    group = parts.pop(0) if root == "apis" and parts else ""
    version = parts.pop(0) if parts else ""
    kinds = {kind for kind in SINGLE if GROUPS.get(kind, "") == group}
    match parts:
        case ["namespaces"] if NAMESPACES in kinds:
            return Target(NAMESPACES, version=version)
        case ["namespaces", name] if NAMESPACES in kinds:
            return Target(NAMESPACES, name=name, version=version)
        case [kind] if kind in kinds:
            return Target(kind, version=version)
        case ["namespaces", namespace, kind] if kind in kinds:
            return Target(kind, namespace, version=version)
        case ["namespaces", namespace, kind, name] if kind in kinds:
            return Target(kind, namespace, name, version)
    raise Refused(404, "NotFound", "the server could not find the requested resource", {})


def verb_of(request: Request, target: Target) -> str:
    """Name what is wanted as a role does.

    See https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb

    Raises:
        Refused: it is not emulated.
    """
    verb = (_ONE if target.name else _MANY).get(request.method)
    unchanging = target.kind in READ_ONLY and request.method != "GET"
    if verb is None or unchanging or request.first("watch"):
        said = "the server does not allow this method on the requested resource"
        raise Refused(405, "MethodNotAllowed", said)
    return verb
