"""Why a cluster did not do what was asked, in our words and without any secret.

What the API server says is matched and retold, not quoted: validation quotes its input.
"""

import re
import socket
import ssl
from collections.abc import Iterator
from typing import NoReturn, TypeVar

import aiohttp
from pydantic import ValidationError

from models.core.errors import ClusterError, ClusterTransient
from models.core.reasons import Reason
from tasks.clusters.objects import Status, Wire, status_of
from tasks.http import tls
from tasks.http.api_model import check_values
from tasks.http.response import Answer

Shape = TypeVar("Shape", bound=Wire)

_TOO_LONG = "FieldValueTooLong"
_TERMINATING = "NamespaceTerminating"
_PASSING = {429: Reason.THROTTLED, 408: Reason.TIMED_OUT, 504: Reason.TIMED_OUT}
_KNOWN = {
    401: (
        Reason.UNAUTHORIZED,
        "the token or client certificate is not accepted: it may have expired or be revoked",
    ),
    404: (Reason.NOT_FOUND, "answered 404 (not found)"),
    409: (Reason.CONFLICT, "answered 409: somebody else changed it at the same time"),
    413: (Reason.SECRET_TOO_LARGE, "it is larger than a Secret may be (1 MiB)"),
}
_TLS_ADVICE = {
    Reason.UNKNOWN_AUTHORITY: "put its authority into the kubeconfig (certificate-authority-data)",
    Reason.SELF_SIGNED: "put it into the kubeconfig (certificate-authority-data)",
    Reason.WRONG_HOST_NAME: "use the name it is for as server, or as tls-server-name",
    Reason.CERTIFICATE_EXPIRED: "renew the certificate of the API server",
}
_DENIED = re.compile(
    r'User "(?P<user>[^"]{1,253})" cannot (?P<verb>[a-z]+) resource "(?P<resource>[a-z]+)"'
)
_SILENT = re.compile(r"is forbidden: $")
"""All the API server says when an apply may patch, but would have to create."""
_REFUSALS = (
    (re.compile(r'admission webhook "(?P<who>[^"]{1,253})" denied'), "the admission webhook"),
    (re.compile(r"exceeded quota: (?P<who>[a-z0-9.-]{1,253})"), "the resource quota"),
)


def translated(error: Exception, cluster: str, method: str, path: str) -> ClusterError:
    """Say in our words why no complete answer came."""
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, tls.CUT):
            return _untrusted(cause, cluster, method, path)
        if isinstance(cause, socket.gaierror):
            said = "the server's host name is unknown (DNS)"
            return ClusterTransient(cluster, method, path, said, Reason.UNKNOWN_HOST)
        if isinstance(cause, ConnectionRefusedError):
            said = "nothing listens on the server's port"
            return ClusterTransient(cluster, method, path, said, Reason.CONNECTION_REFUSED)
    if isinstance(error, TimeoutError):
        said = "no complete answer in time"
        return ClusterTransient(cluster, method, path, said, Reason.TIMED_OUT)
    if isinstance(error, aiohttp.ClientConnectorError):
        return ClusterTransient(cluster, method, path, "no connection", Reason.UNREACHABLE)
    said = f"the connection was cut ({type(error).__name__})"
    return ClusterTransient(cluster, method, path, said, Reason.UNREACHABLE)


def _untrusted(error: ssl.SSLError, cluster: str, method: str, path: str) -> ClusterError:
    reason, said = tls.refusal(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = _TLS_ADVICE.get(reason, "have a sound certificate issued for the API server")
        said = f"{error.verify_message}: {advice}"
    return ClusterError(cluster, method, path, said, reason)


def _chain(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    while one is not None:
        if not isinstance(one, aiohttp.ClientError):  # some say they are an ssl.SSLError, too
            yield one
        one = one.__cause__ or one.__context__


def error_of(cluster: str, answer: Answer) -> ClusterError:
    """Return the error that an answer's status means."""
    status = status_of(answer.body)
    code = answer.status
    if code >= 500 or code in _PASSING:
        reason = _PASSING.get(code, Reason.SERVER_BROKEN)
        said, after = f"answered {code}", answer.retry_after
        return ClusterTransient(cluster, answer.method, answer.url, said, reason, after)
    reason, said = _refusal(code, status or Status(), answer)
    if status is None and code not in {401, 413}:
        said += "; is this the address of a Kubernetes API?"
    return ClusterError(cluster, answer.method, answer.url, said, reason)


def _refusal(code: int, status: Status, answer: Answer) -> tuple[Reason, str]:
    if code == 403:
        return _forbidden(status, answer)
    if _TOO_LONG in status.causes:
        code = 413
    if code == 404 and status.subject == "namespaces":
        return Reason.NOT_FOUND, "the namespace does not exist"
    if code in _KNOWN:
        return _KNOWN[code]
    if code < 400:
        return Reason.REDIRECTED, f"answered {code}; credentials follow no redirect"
    word = f" ({status.reason})" if re.fullmatch(r"[A-Za-z]{1,40}", status.reason) else ""
    return Reason.REJECTED, f"answered {code}{word}"


def _forbidden(status: Status, answer: Answer) -> tuple[Reason, str]:
    if _TERMINATING in status.causes or "because it is being terminated" in status.message:
        return Reason.NAMESPACE_TERMINATING, "the namespace is being deleted"
    if denied := _DENIED.search(status.message):
        said = _missing(denied["verb"], denied["resource"], answer.url)
        return Reason.FORBIDDEN, f"{said} to {denied['user']}"
    if _SILENT.search(status.message) and answer.method == "PATCH":
        return Reason.FORBIDDEN, _missing("create", status.subject, answer.url)
    for pattern, kind in _REFUSALS:
        if found := pattern.search(status.message):
            return Reason.FORBIDDEN, f'{kind} "{found["who"]}" of the cluster denies it'
    return Reason.FORBIDDEN, "answered 403 (forbidden)"


def _missing(verb: str, resource: str, path: str) -> str:
    """Name a missing right as a person would grant it."""
    subject = _subject(resource, path)
    return f'may not {verb} {subject}: grant the verb "{verb}" on "{resource}"'


def _subject(resource: str, path: str) -> str:
    """Name an object as a person would: `secrets "x" in namespace shop`."""
    parts = path.strip("/").split("/")[2:]
    where = ""
    if len(parts) > 2:
        where, parts = f" in namespace {parts[1]}", parts[2:]
    return resource + (f' "{parts[1]}"' if len(parts) > 1 else "") + where


def parse(cluster: str, answer: Answer, shape: type[Shape]) -> Shape:
    """Read a JSON body.

    Raises:
        ClusterError: it is made for a browser: something else answers there.
        ClusterTransient: it is not JSON, is cut off, or has another shape than documented.
    """
    try:
        check_values(answer.body)
        return shape.model_validate_json(answer.body)
    except ValueError as error:  # pydantic's is one, too
        _refuse_body(cluster, answer, error)


def _refuse_body(cluster: str, answer: Answer, error: ValueError) -> NoReturn:
    if "json" not in answer.headers.get("content-type", "json"):
        said = "answered with no JSON; is this the address of a Kubernetes API?"
        raise ClusterError(cluster, answer.method, answer.url, said, Reason.WRONG_KIND) from None
    said = f"answered {answer.status} with an unreadable body: {_first_of(error)}"
    raise ClusterTransient(cluster, answer.method, answer.url, said, Reason.SERVER_BROKEN) from None


def _first_of(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(step) for step in first["loc"] if step != "data")[:100] or "the body"
    return f"{where}: {first['type']}"
