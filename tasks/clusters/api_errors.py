"""Translate responses and transport errors of a cluster into cluster errors without secrets.

Messages of the API server are matched and rephrased, not quoted: validation errors quote their
input, which may be a Secret.
"""

import re
from typing import TypeVar

from pydantic import ValidationError

from models.clusters.cluster import ClusterRight
from models.clusters.rights import grant_advice, manifest_advice
from models.core.errors import InvalidItems, RemoteError, ResponseTooLarge
from models.core.reasons import Reason
from tasks.clusters.admission import find_denial, find_unreachable_webhook
from tasks.clusters.objects import KubernetesModel, Status, parse_status
from tasks.http.api_model import check_values
from tasks.http.response import Response

ModelT = TypeVar("ModelT", bound=KubernetesModel)

_TOO_LONG = "FieldValueTooLong"
_TERMINATING = "NamespaceTerminating"
_TRANSIENT_REASONS = {429: Reason.THROTTLED, 408: Reason.TIMED_OUT, 504: Reason.TIMED_OUT}
_PERMANENT_REASONS = {
    401: (
        Reason.UNAUTHORIZED,
        "the token or client certificate is not accepted: it may be expired or revoked",
    ),
    404: (Reason.NOT_FOUND, "answered 404 (not found)"),
    409: (Reason.CONFLICT, "answered 409 (conflict): the object was changed at the same time"),
    413: (Reason.SECRET_TOO_LARGE, "the Secret is larger than the limit of 1 MiB"),
}
_DENIED_PATTERN = re.compile(
    r'User "(?P<user>[^"]{1,253})" cannot (?P<verb>[a-z]+) resource "(?P<resource>[a-z]+)"'
)
_OBJECT_PATTERN = re.compile(
    r"/api/v1/(?:namespaces/(?P<namespace>[^/?]+)/)?(?P<resource>[a-z]+)"
    r"(?:/(?P<name>[^/?]+))?(?:\?|$)"
)
_SELECTOR_PATTERN = re.compile(r"fieldSelector=metadata\.name(?:=|%3D)(?P<name>[^&]+)")
_UNEXPLAINED_PATTERN = re.compile(r"is forbidden: $")
"""The whole message when an apply has the right to patch but needs the right to create."""
_CONVERSION_PATTERN = re.compile(
    r"conversion webhook for (?P<group>[a-z0-9.-]{1,253})/[a-z0-9]{1,63}, "
    r"Kind=(?P<kind>[A-Za-z]{1,63}) failed"
)
_IMMUTABLE_TEXT = "field is immutable"
"""The only 422 that writing over a Secret can cause: its type or an `immutable` Secret."""


def cluster_error_from_response(response: Response) -> RemoteError:
    """Return the error for a response with an unexpected status."""
    parsed_status, code = parse_status(response.body), response.status
    if code >= 500 or code in _TRANSIENT_REASONS:
        reason = _TRANSIENT_REASONS.get(code, Reason.SERVER_BROKEN)
        message = f"answered {code}{_describe_conversion_failure(parsed_status)}"
        if parsed_status and (webhook := find_unreachable_webhook(parsed_status.message)):
            message += f': the admission webhook "{webhook}" of the cluster could not be called'
    else:
        reason, message = _describe_refusal(code, parsed_status or Status(), response)
        if parsed_status is None and code not in {401, 413}:
            message += "; check that this is the address of a Kubernetes API"
    return RemoteError(
        response.target,
        response.method,
        response.url,
        message,
        reason,
        status=code,
        retry_after=response.retry_after,
    )


def _describe_conversion_failure(status: Status | None) -> str:
    # https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/
    match = _CONVERSION_PATTERN.match(status.message) if status else None
    if match is None:
        return ""
    return (
        f": the conversion webhook for {match['kind']}.{match['group']} failed: check the operator "
        "that serves it"
    )


def refuses_immutable_field(response: Response) -> bool:
    """Return whether the object on the server must be deleted before it can be written."""
    status = parse_status(response.body) if response.status == 422 else None
    return status is not None and _IMMUTABLE_TEXT in status.message


def _describe_refusal(code: int, status: Status, response: Response) -> tuple[Reason, str]:
    if denial := find_denial(status.message, _describe_object(status.resource, response.url)):
        return denial
    if code == 403:
        return _describe_forbidden(status, response)
    if _TOO_LONG in status.cause_reasons:
        code = 413
    if code == 404 and status.resource == "namespaces":
        return Reason.NOT_FOUND, "the namespace does not exist"
    if code in _PERMANENT_REASONS:
        return _PERMANENT_REASONS[code]
    if code < 400:
        return Reason.REDIRECTED, f"answered {code}; credentials do not follow redirects"
    suffix = f" ({status.reason})" if re.fullmatch(r"[A-Za-z]{1,40}", status.reason) else ""
    return Reason.REJECTED, f"answered {code}{suffix}"


def _describe_forbidden(status: Status, response: Response) -> tuple[Reason, str]:
    if _TERMINATING in status.cause_reasons or "because it is being terminated" in status.message:
        return Reason.NAMESPACE_TERMINATING, "the namespace is being deleted"
    if denial := _DENIED_PATTERN.search(status.message):
        verb, resource, user = denial["verb"], denial["resource"], denial["user"]
        return Reason.FORBIDDEN, _missing_permission(verb, resource, response.url, user)
    if _UNEXPLAINED_PATTERN.search(status.message) and response.method == "PATCH":
        return Reason.FORBIDDEN, _missing_permission("create", status.resource, response.url)
    return Reason.FORBIDDEN, "answered 403 (forbidden)"


def read_error_from_response(
    response: Response, resource: str, namespace: str, name: str
) -> RemoteError:
    """Return the error for an object that could not be read; a missing right with its advice.

    Args:
        response: the response to a GET of the object.
        resource: plural resource name, as in roles.
        namespace: namespace of the object.
        name: name of the object.
    """
    error, status = cluster_error_from_response(response), parse_status(response.body)
    denial = _DENIED_PATTERN.search(status.message) if status else None
    if error.reason is not Reason.FORBIDDEN or denial is None:
        return error
    advice = grant_advice(resource, namespace, name, denial["user"])
    message = f'may not get {resource} "{name}" in namespace {namespace}: {advice}'
    return RemoteError(
        response.target, response.method, response.url, message, error.reason, status=403
    )


def _missing_permission(verb: str, resource: str, path: str, user: str = "") -> str:
    match = _SELECTOR_PATTERN.search(path) or _OBJECT_PATTERN.search(path)
    name = (match["name"] if match else "") or ""
    right = ClusterRight(verb=verb, resource=resource, name=name)
    return f"may not {verb} {_describe_object(resource, path)}: {manifest_advice(right, user)}"


def _describe_object(resource: str, url: str) -> str:
    # Example: `secrets "x" in namespace shop`.
    match = _OBJECT_PATTERN.search(url)
    if match is None:
        return resource
    resource = resource or match["resource"]
    location = f" in namespace {match['namespace']}" if match["namespace"] else ""
    return resource + (f' "{match["name"]}"' if match["name"] else "") + location


def parse_object(response: Response, shape: type[ModelT]) -> ModelT:
    """Parse a JSON body.

    Args:
        response: the response.
        shape: model of the documented type.

    Raises:
        ResponseTooLarge: the body has more values than allowed.
        InvalidItems: an item of a list has another type than documented.
        RemoteError: the content type is not JSON, so this is not a Kubernetes API (reason
            WrongKind); or the body is not JSON, is truncated, or has another type than documented.
    """
    try:
        check_values(response.body)
        return shape.model_validate_json(response.body)
    except ValueError as error:  # includes pydantic's ValidationError
        error_class, reason = _body_error_class(error), Reason.SERVER_BROKEN
        message = f"answered {response.status} with an invalid body: {_first_error(error)}"
        if "json" not in response.headers.get("content-type", "json"):
            error_class, reason = RemoteError, Reason.WRONG_KIND
            message = "the response is not JSON; check that this is the address of a Kubernetes API"
        raise error_class(
            response.target, response.method, response.url, message, reason, status=response.status
        ) from None


def _body_error_class(error: ValueError) -> type[RemoteError]:
    if not isinstance(error, ValidationError):
        return ResponseTooLarge
    location = error.errors(include_input=False, include_url=False)[0]["loc"]
    is_in_item = len(location) > 1 and location[0] == "items"
    return InvalidItems if is_in_item else RemoteError


def _first_error(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    location = ".".join(str(step) for step in first["loc"] if step != "data")[:100] or "the body"
    return f"{location}: {first['type']}"
