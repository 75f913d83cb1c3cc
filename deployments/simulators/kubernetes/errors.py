"""Errors of a kube-apiserver, with its exact messages."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

RESOURCE_GROUPS = {"deployments": "apps", "harborclusters": "goharbor.io"}
"""API groups of resources; resources of the core group have none."""


class KubernetesApiError(Exception):
    """An error that the API answers with a Status.

    Attributes:
        status: HTTP status.
        details: `details` of the Status; None leaves them out.
        metadata: `metadata` of the Status.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        details: Json | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message
        self.details = details
        self.metadata = dict(metadata or {})


def unauthorized() -> KubernetesApiError:
    """Return the error for an unknown token."""
    return KubernetesApiError(401, "Unauthorized", "Unauthorized")


def forbidden(kind: str, name: str, why: str, causes: Sequence[Json] = ()) -> KubernetesApiError:
    """Return the error for a user without the right."""
    subject = f'{_qualified_name(kind)} "{name}"' if name else _qualified_name(kind)
    details = _status_details(kind, name)
    if causes:
        details["causes"] = list(causes)
    return KubernetesApiError(403, "Forbidden", f"{subject} is forbidden: {why}", details)


def terminating(kind: str, name: str, namespace: str) -> KubernetesApiError:
    """Return the error for creating an object in a terminating namespace."""
    message = (
        f"unable to create new content in namespace {namespace} because it is being terminated"
    )
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    return forbidden(kind, name, message, [cause])


def not_found(kind: str, name: str) -> KubernetesApiError:
    """Return the error for an object that does not exist."""
    message = f'{_qualified_name(kind)} "{name}" not found'
    return KubernetesApiError(404, "NotFound", message, _status_details(kind, name))


def already_exists(kind: str, name: str) -> KubernetesApiError:
    """Return the error for creating an object that exists."""
    message = f'{kind} "{name}" already exists'
    return KubernetesApiError(409, "AlreadyExists", message, {"name": name, "kind": kind})


def version_conflict(kind: str, name: str) -> KubernetesApiError:
    """Return the error for a patch with an outdated resourceVersion."""
    message = (
        f'Operation cannot be fulfilled on {kind} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    return KubernetesApiError(409, "Conflict", message, {"name": name, "kind": kind})


def uid_mismatch(kind: str, name: str, uid: str) -> KubernetesApiError:
    """Return the error for an apply that would create an object, but has a uid."""
    message = (
        f'Operation cannot be fulfilled on {kind} "{name}": uid mismatch: the provided object '
        f"specified uid {uid}, and no existing object was found"
    )
    return KubernetesApiError(409, "Conflict", message, {"name": name, "kind": kind})


def precondition_failed(
    single: str, name: str, key: str, expected: str, actual: str
) -> KubernetesApiError:
    """Return the error for a failed precondition of a DELETE."""
    guess = "modified" if key == "ResourceVersion" else "deleted and then recreated"
    message = (
        f'Operation cannot be fulfilled on {single} "{name}": the {key} in the precondition '
        f"({expected}) does not match the {key} in record ({actual}). The object might have been "
        f"{guess}"
    )
    return KubernetesApiError(409, "Conflict", message, {"name": name, "kind": single})


def apply_conflict(pairs: Sequence[tuple[str, str]]) -> KubernetesApiError:
    """Return the error for fields owned by other managers; `pairs` is (manager, field)."""
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {manager}",
            "field": field,
        }
        for manager, field in pairs
    ]
    plural = "s" if len(pairs) > 1 else ""
    causes_text = "; ".join(f"{cause['message']}: {cause['field']}" for cause in causes)
    message = f"Apply failed with {len(pairs)} conflict{plural}: {causes_text}"
    return KubernetesApiError(409, "Conflict", message, {"causes": causes})


def invalid_object(
    single: str, name: str, field: str, reason: str, message: str
) -> KubernetesApiError:
    """Return the error for an invalid object."""
    cause = {"reason": reason, "message": message, "field": field}
    details = {"name": name, "kind": single, "causes": [cause]}
    return KubernetesApiError(
        422, "Invalid", f'{single} "{name}" is invalid: {field}: {message}', details
    )


def invalid_custom_object(kind: str, name: str, causes: Sequence[Json]) -> KubernetesApiError:
    """Return the error for a custom object that its schema does not accept."""
    group = RESOURCE_GROUPS[f"{kind.lower()}s"]
    texts = [f"{cause['field']}: {cause['message']}" for cause in causes]
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details = {"name": name, "group": group, "kind": kind, "causes": list(causes)}
    return KubernetesApiError(
        422, "Invalid", f'{kind}.{group} "{name}" is invalid: {text}', details
    )


def missing_field_manager() -> KubernetesApiError:
    """Return the error for an apply without a field manager."""
    detail = "Required value: is required for apply patch"
    cause = {"reason": "FieldValueRequired", "message": detail, "field": "fieldManager"}
    details = {"group": "meta.k8s.io", "kind": "PatchOptions", "causes": [cause]}
    message = f'PatchOptions.meta.k8s.io "" is invalid: fieldManager: {detail}'
    return KubernetesApiError(422, "Invalid", message, details)


def unknown_resource() -> KubernetesApiError:
    """Return the error for a path that is not simulated."""
    message = "the server could not find the requested resource"
    return KubernetesApiError(404, "NotFound", message, {})


def bad_request(message: str) -> KubernetesApiError:
    """Return the error for a malformed request."""
    return KubernetesApiError(400, "BadRequest", message)


def conversion_failed(version: str) -> KubernetesApiError:
    """Return the error of all requests for a kind whose conversion webhook is down."""
    message = (
        f"conversion webhook for goharbor.io/{version}, Kind=HarborCluster failed: Post "
        '"https://harbor-operator.harbor-operator-ns.svc:443/convert?timeout=30s": dial tcp '
        "10.96.77.1:443: connect: connection refused"
    )
    return KubernetesApiError(500, "", message, {})


def storage_unready() -> KubernetesApiError:
    """Return the error while the watch cache of a kind cannot be filled."""
    message, details = "storage is (re)initializing", {"retryAfterSeconds": 1}
    return KubernetesApiError(429, "TooManyRequests", message, details)


def expired_token(more: str) -> KubernetesApiError:
    """Return the error for a continue token whose state was compacted."""
    message = (
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
        "response to retrieve the remainder of the results. Continuing with the provided token "
        "results in an inconsistent list - objects that were created, modified, or deleted between "
        "the time the first chunk was returned and now may show up in the list."
    )
    return KubernetesApiError(410, "Expired", message, metadata={"continue": more})


def _qualified_name(kind: str) -> str:
    return f"{kind}.{RESOURCE_GROUPS[kind]}" if kind in RESOURCE_GROUPS else kind


def _status_details(kind: str, name: str) -> Json:
    group = {"group": RESOURCE_GROUPS[kind]} if kind in RESOURCE_GROUPS else {}
    return ({"name": name} if name else {}) | group | {"kind": kind}
