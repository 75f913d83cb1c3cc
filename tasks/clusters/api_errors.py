"""Translate responses and transport errors of a cluster into cluster errors without secrets.

Messages of the API server are matched and rephrased, not quoted: validation errors quote their
input, which may be a Secret.
"""

import re
import socket
import ssl
from collections.abc import Iterator
from typing import NoReturn, TypeVar

import aiohttp
from pydantic import ValidationError

from models.core.errors import ClusterError, TransientClusterError
from models.core.reasons import Reason
from tasks.clusters.objects import KubernetesModel, Status, parse_status
from tasks.http import tls
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
_TLS_ADVICE = {
    Reason.UNKNOWN_AUTHORITY: "add its CA to the kubeconfig (certificate-authority-data)",
    Reason.SELF_SIGNED: "add the certificate to the kubeconfig (certificate-authority-data)",
    Reason.WRONG_HOST_NAME: "use the host name of the certificate as server or as tls-server-name",
    Reason.CERTIFICATE_EXPIRED: "renew the certificate of the API server",
}
_DENIED_PATTERN = re.compile(
    r'User "(?P<user>[^"]{1,253})" cannot (?P<verb>[a-z]+) resource "(?P<resource>[a-z]+)"'
)
_UNEXPLAINED_PATTERN = re.compile(r"is forbidden: $")
"""The whole message when an apply has the right to patch but needs the right to create."""
_REFUSAL_PATTERNS = (
    (re.compile(r'admission webhook "(?P<name>[^"]{1,253})" denied'), "the admission webhook"),
    (re.compile(r"exceeded quota: (?P<name>[a-z0-9.-]{1,253})"), "the resource quota"),
)


def cluster_transport_error(error: Exception, cluster: str, method: str, path: str) -> ClusterError:
    """Return the cluster error for a request that got no complete response.

    Args:
        error: the exception that aiohttp or asyncio raised.
        cluster: name of the cluster.
        method: HTTP method of the request.
        path: path of the request.
    """
    for cause in _cause_chain(error):
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, tls.CONNECTION_CLOSED):
            return _tls_error(cause, cluster, method, path)
        if isinstance(cause, socket.gaierror):
            message = "the host name of the API server cannot be resolved (DNS)"
            return TransientClusterError(cluster, method, path, message, Reason.UNKNOWN_HOST)
        if isinstance(cause, ConnectionRefusedError):
            message = "connection refused: no server listens on the port of the API server"
            return TransientClusterError(cluster, method, path, message, Reason.CONNECTION_REFUSED)
    if isinstance(error, TimeoutError):
        message = "no complete response within the time limit"
        return TransientClusterError(cluster, method, path, message, Reason.TIMED_OUT)
    if isinstance(error, aiohttp.ClientConnectorError):
        message = "the connection could not be established"
        return TransientClusterError(cluster, method, path, message, Reason.UNREACHABLE)
    message = f"the connection was closed unexpectedly ({type(error).__name__})"
    return TransientClusterError(cluster, method, path, message, Reason.UNREACHABLE)


def _tls_error(error: ssl.SSLError, cluster: str, method: str, path: str) -> ClusterError:
    reason, message = tls.describe_tls_error(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = _TLS_ADVICE.get(reason, "install a valid certificate on the API server")
        message = f"{error.verify_message}: {advice}"
    return ClusterError(cluster, method, path, message, reason)


def _cause_chain(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        if not isinstance(cause, aiohttp.ClientError):  # some of them subclass ssl.SSLError
            yield cause
        cause = cause.__cause__ or cause.__context__


def cluster_error_from_response(cluster: str, response: Response) -> ClusterError:
    """Return the error for a response with an unexpected status."""
    status = parse_status(response.body)
    code = response.status
    if code >= 500 or code in _TRANSIENT_REASONS:
        reason = _TRANSIENT_REASONS.get(code, Reason.SERVER_BROKEN)
        message, retry_after = f"answered {code}", response.retry_after
        return TransientClusterError(
            cluster, response.method, response.url, message, reason, retry_after
        )
    reason, message = _describe_refusal(code, status or Status(), response)
    if status is None and code not in {401, 413}:
        message += "; check that this is the address of a Kubernetes API"
    return ClusterError(cluster, response.method, response.url, message, reason)


def _describe_refusal(code: int, status: Status, response: Response) -> tuple[Reason, str]:
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
        message = _missing_permission(denial["verb"], denial["resource"], response.url)
        return Reason.FORBIDDEN, f"{message} to {denial['user']}"
    if _UNEXPLAINED_PATTERN.search(status.message) and response.method == "PATCH":
        return Reason.FORBIDDEN, _missing_permission("create", status.resource, response.url)
    for pattern, kind in _REFUSAL_PATTERNS:
        if match := pattern.search(status.message):
            return Reason.FORBIDDEN, f'{kind} "{match["name"]}" of the cluster denied the request'
    return Reason.FORBIDDEN, "answered 403 (forbidden)"


def _missing_permission(verb: str, resource: str, path: str) -> str:
    subject = _describe_object(resource, path)
    return f'may not {verb} {subject}: grant the verb "{verb}" on "{resource}"'


def _describe_object(resource: str, path: str) -> str:
    # Example: `secrets "x" in namespace shop`.
    parts = path.strip("/").split("/")[2:]
    location = ""
    if len(parts) > 2:
        location, parts = f" in namespace {parts[1]}", parts[2:]
    return resource + (f' "{parts[1]}"' if len(parts) > 1 else "") + location


def parse_object(cluster: str, response: Response, shape: type[ModelT]) -> ModelT:
    """Parse a JSON body.

    Args:
        cluster: name of the cluster, for the error.
        response: the response.
        shape: model of the documented type.

    Raises:
        ClusterError: the content type is not JSON, so this is not a Kubernetes API.
        TransientClusterError: the body is not JSON, is truncated, or has another type than
            documented.
    """
    try:
        check_values(response.body)
        return shape.model_validate_json(response.body)
    except ValueError as error:  # includes pydantic's ValidationError
        _raise_invalid_body(cluster, response, error)


def _raise_invalid_body(cluster: str, response: Response, error: ValueError) -> NoReturn:
    if "json" not in response.headers.get("content-type", "json"):
        message = "the response is not JSON; check that this is the address of a Kubernetes API"
        raise ClusterError(
            cluster, response.method, response.url, message, Reason.WRONG_KIND
        ) from None
    message = f"answered {response.status} with an invalid body: {_first_error(error)}"
    raise TransientClusterError(
        cluster, response.method, response.url, message, Reason.SERVER_BROKEN
    ) from None


def _first_error(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    location = ".".join(str(step) for step in first["loc"] if step != "data")[:100] or "the body"
    return f"{location}: {first['type']}"
