"""The error hierarchy, ordered by what the caller can do about an error.

Retry a transient error; record a permanent error as a state with a reason. A message never contains
a secret: only the server's name, the method, the path and the response. `RemoteError` has a
subclass only where a caller catches it by name; everything else is a reason.
"""

from models.core.reasons import Reason
from models.core.runs.lease import LeaseConflict
from models.core.text import to_single_line

TRANSIENT_REASONS = frozenset(
    {
        Reason.UNREACHABLE,
        Reason.UNKNOWN_HOST,
        Reason.CONNECTION_REFUSED,
        Reason.PROXY_UNREACHABLE,
        Reason.TIMED_OUT,
        Reason.THROTTLED,
        Reason.SERVER_BROKEN,
        Reason.CREDENTIALS_UNPROVED,
        Reason.TOKEN_SERVICE_UNREACHABLE,
    }
)
"""Reasons of errors that a retry may solve."""

CREDENTIAL_REASONS = frozenset({Reason.UNAUTHORIZED, Reason.CREDENTIALS_MISSING})
"""Reasons of errors that only a new credential solves."""

NEEDS_PERSON_REASONS = CREDENTIAL_REASONS | {Reason.CLUSTER_REPLACED}
"""Reasons of clusters that no later run can read: a person must correct the registration."""

_MAX_URL_LENGTH = 300
"""A URL may contain a token of the next page, which has some hundred characters."""


class IntegrationError(Exception):
    """Base class of all expected errors."""


class InvalidRequest(IntegrationError):
    """The request cannot be carried out; nothing was changed. The message contains the advice."""


class LeaseHeld(IntegrationError):
    """Another run holds the lease, or has taken it over.

    Attributes:
        conflict: the other run.
    """

    def __init__(self, message: str, conflict: LeaseConflict | None = None) -> None:
        self.conflict = conflict or LeaseConflict()
        super().__init__(message)


class UnsafePlan(IntegrationError):
    """The plan exceeds the safety limits; nothing was changed."""


class RemoteError(IntegrationError):
    """A request to a registry or a cluster failed.

    Attributes:
        target: the server, for example `prod` or `cluster eu`.
        method, url: the request; the URL never contains credentials.
        message: human-readable description of the error, with advice where there is any.
        reason: CamelCase reason for conditions and change results.
        status: HTTP status; 0 without a complete response.
        retry_after: seconds to wait before a retry, if the response contains them.
        transient: whether a retry may succeed; depends on the reason unless given.
    """

    default_reason = Reason.SERVER_BROKEN

    def __init__(
        self,
        target: str,
        method: str,
        url: str,
        message: str,
        reason: Reason | None = None,
        *,
        status: int = 0,
        retry_after: float | None = None,
        transient: bool | None = None,
    ) -> None:
        self.target, self.method, self.status = target, method, status
        self.url = to_single_line(url, _MAX_URL_LENGTH)
        self.message = to_single_line(message)
        self.reason = reason or self.default_reason
        self.retry_after = retry_after
        self.transient = self.reason in TRANSIENT_REASONS if transient is None else transient
        super().__init__(str(self))

    def __str__(self) -> str:
        return f"{self.target}: {self.method} {self.url}: {self.message}"

    def __reduce__(self) -> tuple[object, ...]:
        """Support pickle, which Prefect uses for exceptions: keep all attributes."""
        arguments = self.target, self.method, self.url, self.message, self.reason
        return type(self), arguments, self.__dict__


class Unreachable(RemoteError):
    """The connection failed or was closed."""

    default_reason = Reason.UNREACHABLE


class CircuitOpen(Unreachable):
    """The circuit breaker is open: too many connections to this server failed in this run."""


class ServerError(RemoteError):
    """5xx, or a response that cannot be parsed."""

    default_reason = Reason.SERVER_BROKEN


class Unauthorized(RemoteError):
    """401: the credential is not accepted (on Harbor also while the account is locked)."""

    default_reason = Reason.UNAUTHORIZED


class Forbidden(RemoteError):
    """403: the credential is valid but lacks the permission."""

    default_reason = Reason.FORBIDDEN


class NotFound(RemoteError):
    """404: the object does not exist."""

    default_reason = Reason.NOT_FOUND


class Conflict(RemoteError):
    """409 or 412: the request conflicts with the server's state."""

    default_reason = Reason.CONFLICT


class Rejected(RemoteError):
    """400, 422 or another 4xx: the server rejects the request as invalid."""

    default_reason = Reason.REJECTED


class ResponseTooLarge(Rejected):
    """The response has more bytes or values than allowed; a smaller page of a list may not."""


class InvalidItems(ServerError):
    """An item of a list is not valid; a page without it is."""


class CredentialError(RemoteError):
    """The credential cannot be used: missing, unreadable, or not approved for this origin."""

    default_reason = Reason.CREDENTIALS_MISSING
