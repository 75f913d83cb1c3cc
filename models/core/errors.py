"""The error hierarchy, ordered by what the caller can do about an error.

Retry a transient error; record a permanent error as a state with a reason. A message never contains
a secret: only the registry's name, the method, the path and the response.
"""

from models.core.reasons import Reason
from models.core.text import to_single_line


class IntegrationError(Exception):
    """Base class of all expected errors."""


class InvalidRequest(IntegrationError):
    """The request cannot be carried out; nothing was changed. The message contains the advice."""


class LeaseHeld(IntegrationError):
    """Another run holds the lease of this registry; this run skips it."""


class UnsafePlan(IntegrationError):
    """The plan exceeds the safety limits; nothing was changed."""


class RegistryError(IntegrationError):
    """A request to a registry failed.

    Attributes:
        registry: name of the registry.
        method, url: the request; the URL never contains credentials.
        message: human-readable description of the error.
        reason: CamelCase reason for conditions and change results.
        retry_after: seconds to wait before a retry, if the response contains them.
    """

    default_reason = Reason.SERVER_BROKEN

    def __init__(
        self,
        registry: str,
        method: str,
        url: str,
        message: str,
        reason: Reason | None = None,
        retry_after: float | None = None,
    ) -> None:
        url, message = to_single_line(url), to_single_line(message)
        super().__init__(registry, method, url, message, reason, retry_after)  # for pickle
        self.registry, self.method, self.url, self.message = registry, method, url, message
        self.reason = reason or self.default_reason
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.registry}: {self.method} {self.url}: {self.message}"


class TransientRegistryError(RegistryError):
    """A temporary error: retry first, then record it."""


class Unreachable(TransientRegistryError):
    """The connection failed or was closed."""

    default_reason = Reason.UNREACHABLE


class CircuitOpen(Unreachable):
    """The circuit breaker is open: too many connections to this registry failed in this run."""


class TimedOut(TransientRegistryError):
    """No complete response before the time-out."""

    default_reason = Reason.TIMED_OUT


class Throttled(TransientRegistryError):
    """429: the registry, or a proxy in front of it, limits the request rate."""

    default_reason = Reason.THROTTLED


class ServerError(TransientRegistryError):
    """5xx, or a response that cannot be parsed."""

    default_reason = Reason.SERVER_BROKEN


class PermanentRegistryError(RegistryError):
    """An error that a retry does not solve: a configuration or the server has to change."""


class Unauthorized(PermanentRegistryError):
    """401: the credential is not accepted (on Harbor also while the account is locked)."""

    default_reason = Reason.UNAUTHORIZED


class Forbidden(PermanentRegistryError):
    """403: the credential is valid but lacks the permission."""

    default_reason = Reason.FORBIDDEN


class NotFound(PermanentRegistryError):
    """404: the object does not exist."""

    default_reason = Reason.NOT_FOUND


class Conflict(PermanentRegistryError):
    """409 or 412: the request conflicts with the registry's state."""

    default_reason = Reason.CONFLICT


class Rejected(PermanentRegistryError):
    """400, 422 or another 4xx: the registry rejects the request as invalid."""

    default_reason = Reason.REJECTED


class ReadOnly(PermanentRegistryError):
    """The registry is in read-only mode."""

    default_reason = Reason.READ_ONLY


class WrongKind(PermanentRegistryError):
    """The server at this address is not of the configured kind."""

    default_reason = Reason.WRONG_KIND


class CredentialsUnavailable(TransientRegistryError):
    """The credential store cannot be read now; the credential itself may be valid."""

    default_reason = Reason.CREDENTIALS_UNPROVED


class TlsFailed(PermanentRegistryError):
    """The server's certificate is not trusted."""

    default_reason = Reason.TLS_UNTRUSTED


class AddressNotAllowed(PermanentRegistryError):
    """A discovered address points to a network that this service must not connect to."""

    default_reason = Reason.ADDRESS_FORBIDDEN


class Redirected(PermanentRegistryError):
    """The response is a redirect to another origin; credentials are not sent there."""

    default_reason = Reason.REDIRECTED


class CredentialsMissing(PermanentRegistryError):
    """The credential that this registry refers to does not exist or cannot be read."""

    default_reason = Reason.CREDENTIALS_MISSING


class CredentialNotForOrigin(PermanentRegistryError):
    """The credential is not allowed for this origin; it was not sent."""

    default_reason = Reason.CREDENTIAL_NOT_FOR_ORIGIN


class ClusterError(IntegrationError):
    """A request to a Kubernetes cluster failed; a retry does not help.

    Attributes:
        cluster: name of the cluster.
        method, path: the request.
        message: human-readable error and advice; a missing permission is named with its verb.
        reason: CamelCase reason for states and change results.
    """

    def __init__(self, cluster: str, method: str, path: str, message: str, reason: Reason) -> None:
        path, message = to_single_line(path), to_single_line(message)
        super().__init__(cluster, method, path, message, reason)  # for pickle
        self.cluster, self.method, self.path = cluster, method, path
        self.message, self.reason = message, reason

    def __str__(self) -> str:
        return f"cluster {self.cluster}: {self.method} {self.path}: {self.message}"


class TransientClusterError(ClusterError):
    """A temporary error: retry first, then record it.

    Attributes:
        retry_after: seconds to wait before a retry, if the response contains them.
    """

    def __init__(
        self,
        cluster: str,
        method: str,
        path: str,
        message: str,
        reason: Reason,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(cluster, method, path, message, reason)
        self.args = (*self.args, retry_after)  # for pickle
        self.retry_after = retry_after


class ClusterCircuitOpen(TransientClusterError):
    """The circuit breaker is open: too many connections to this cluster failed in this run."""
