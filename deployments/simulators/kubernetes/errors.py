"""How a kube-apiserver refuses: a Status, and its words."""

import json
from collections.abc import Sequence
from typing import Any

import kmock

from deployments.simulators.asgi import Reply

Refused = kmock.KubernetesError
Json = dict[str, Any]

JSON = (("Content-Type", "application/json"),)
PLAIN = (("Content-Type", "text/plain; charset=utf-8"),)

GROUPS = {"deployments": "apps", "harborclusters": "goharbor.io"}
"""Of the kinds that have one; the core's have none."""


def reply(status: int, body: Json) -> Reply:
    """Answer JSON as compact as the real one."""
    return Reply(status, json.dumps(body, separators=(",", ":")).encode() + b"\n", JSON)


def refusal(error: Refused) -> Reply:
    """Answer a Status."""
    body: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    body |= {"message": error.message, "reason": error.reason, "code": error.status}
    if error.details is not None and "continue" in error.details:
        body["metadata"] = error.details
    elif error.details is not None:
        body["details"] = error.details
    return reply(error.status, body)


def unauthorized() -> Refused:
    """A token nobody knows."""
    return Refused(401, "Unauthorized", "Unauthorized")


def forbidden(kind: str, name: str, why: str, causes: Sequence[Json] = ()) -> Refused:
    """Known, and may not."""
    named = f'{_qualified(kind)} "{name}"' if name else _qualified(kind)
    details = _details(kind, name)
    if causes:
        details["causes"] = list(causes)
    return Refused(403, "Forbidden", f"{named} is forbidden: {why}", details)


def terminating(kind: str, name: str, namespace: str) -> Refused:
    """Nothing new in a namespace that is being deleted."""
    said = f"unable to create new content in namespace {namespace} because it is being terminated"
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    return forbidden(kind, name, said, [cause])


def not_found(kind: str, name: str) -> Refused:
    """No such object."""
    said = f'{_qualified(kind)} "{name}" not found'
    return Refused(404, "NotFound", said, _details(kind, name))


def exists(kind: str, name: str) -> Refused:
    """Created already."""
    said = f'{kind} "{name}" already exists'
    return Refused(409, "AlreadyExists", said, {"name": name, "kind": kind})


def modified(kind: str, name: str) -> Refused:
    """The version that a patch was bound to is not the present one."""
    said = (
        f'Operation cannot be fulfilled on {kind} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    return Refused(409, "Conflict", said, {"name": name, "kind": kind})


def mismatch(kind: str, name: str, uid: str) -> Refused:
    """An apply would create, but names the uid of something else."""
    said = (
        f'Operation cannot be fulfilled on {kind} "{name}": uid mismatch: the provided object '
        f"specified uid {uid}, and no existing object was found"
    )
    return Refused(409, "Conflict", said, {"name": name, "kind": kind})


def precondition(single: str, name: str, what: str, wanted: str, found: str) -> Refused:
    """A precondition of a DELETE does not hold."""
    guess = "modified" if what == "ResourceVersion" else "deleted and then recreated"
    said = (
        f'Operation cannot be fulfilled on {single} "{name}": the {what} in the precondition '
        f"({wanted}) does not match the {what} in record ({found}). The object might have been "
        f"{guess}"
    )
    return Refused(409, "Conflict", said, {"name": name, "kind": single})


def conflicts(found: Sequence[tuple[str, str]]) -> Refused:
    """Other managers own fields that an apply would change: pairs of manager and field."""
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {manager}",
            "field": field,
        }
        for manager, field in found
    ]
    many = "s" if len(found) > 1 else ""
    listed = "; ".join(f"{cause['message']}: {cause['field']}" for cause in causes)
    said = f"Apply failed with {len(found)} conflict{many}: {listed}"
    return Refused(409, "Conflict", said, {"causes": causes})


def invalid(single: str, name: str, field: str, reason: str, said: str) -> Refused:
    """The object would not be valid."""
    cause = {"reason": reason, "message": said, "field": field}
    details = {"name": name, "kind": single, "causes": [cause]}
    return Refused(422, "Invalid", f'{single} "{name}" is invalid: {field}: {said}', details)


def no_manager() -> Refused:
    """An apply must say who applies."""
    said = "Required value: is required for apply patch"
    cause = {"reason": "FieldValueRequired", "message": said, "field": "fieldManager"}
    details = {"group": "meta.k8s.io", "kind": "PatchOptions", "causes": [cause]}
    message = f'PatchOptions.meta.k8s.io "" is invalid: fieldManager: {said}'
    return Refused(422, "Invalid", message, details)


def bad_request(said: str) -> Refused:
    """The request makes no sense."""
    return Refused(400, "BadRequest", said)


def expired(more: str) -> Refused:
    """The state that a list's pages share was compacted."""
    said = (
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
        "response to retrieve the remainder of the results. Continuing with the provided token "
        "results in an inconsistent list - objects that were created, modified, or deleted between "
        "the time the first chunk was returned and now may show up in the list."
    )
    return Refused(410, "Expired", said, {"continue": more})


def unserved() -> Reply:
    """No such group or version: answered before it comes to objects."""
    return Reply(404, b"404 page not found\n", PLAIN)


def _qualified(kind: str) -> str:
    return f"{kind}.{GROUPS[kind]}" if kind in GROUPS else kind


def _details(kind: str, name: str) -> Json:
    group = {"group": GROUPS[kind]} if kind in GROUPS else {}
    return ({"name": name} if name else {}) | group | {"kind": kind}
