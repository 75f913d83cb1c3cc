"""One tree of errors, sorted by what the caller can do about them.

A transient fault is worth a retry; a permanent one is a state with a reason. No message carries a
secret: only the registry's name, the method, the path and what was answered.
"""

from models.core.reasons import Reason
from models.core.text import to_single_line


class IntegrationError(Exception):
    """Everything this service raises on purpose."""


class InvalidRequest(IntegrationError):
    """What was asked cannot be done as asked; nothing was changed, and the text says what to do."""


class LeaseHeld(IntegrationError):
    """Another run works on this registry right now; this one stepped aside."""


class UnsafePlan(IntegrationError):
    """The plan would remove or narrow more than the brakes allow; nothing was changed."""


class RegistryError(IntegrationError):
    """A registry did not do what was asked.

    Attributes:
        registry: name of the registry.
        method, url: the request; the URL never holds credentials.
        message: what went wrong, for people.
        reason: the CamelCase reason that conditions and outcomes carry.
        retry_after: seconds to wait before another try, if the answer said so.
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
        super().__init__(registry, method, url, message, reason, retry_after)  # so that it pickles
        self.registry, self.method, self.url, self.message = registry, method, url, message
        self.reason = reason or self.default_reason
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.registry}: {self.method} {self.url}: {self.message}"


class TransientRegistryError(RegistryError):
    """May pass by itself: retry, then record."""


class Unreachable(TransientRegistryError):
    """No connection, or it was cut."""

    default_reason = Reason.UNREACHABLE


class CircuitOpen(Unreachable):
    """So many connections failed in this run that no further one is tried."""


class TimedOut(TransientRegistryError):
    """No complete answer in time."""

    default_reason = Reason.TIMED_OUT


class Throttled(TransientRegistryError):
    """429: the registry, or a proxy before it, asks for fewer requests."""

    default_reason = Reason.THROTTLED


class ServerError(TransientRegistryError):
    """5xx, or an answer that makes no sense."""

    default_reason = Reason.SERVER_BROKEN


class PermanentRegistryError(RegistryError):
    """Will be answered the same until somebody changes something."""


class Unauthorized(PermanentRegistryError):
    """401: who we say we are is not accepted (or, on Harbor, not right now)."""

    default_reason = Reason.UNAUTHORIZED


class Forbidden(PermanentRegistryError):
    """403: we are known, and may not."""

    default_reason = Reason.FORBIDDEN


class NotFound(PermanentRegistryError):
    """404."""

    default_reason = Reason.NOT_FOUND


class Conflict(PermanentRegistryError):
    """409 or 412: the registry's state speaks against it."""

    default_reason = Reason.CONFLICT


class Rejected(PermanentRegistryError):
    """400, 422 or another 4xx: the request itself is refused."""

    default_reason = Reason.REJECTED


class ReadOnly(PermanentRegistryError):
    """The registry is in read-only mode."""

    default_reason = Reason.READ_ONLY


class WrongKind(PermanentRegistryError):
    """Something else answers at this address than the kind of registry that was named."""

    default_reason = Reason.WRONG_KIND


class CredentialsUnavailable(TransientRegistryError):
    """Where the credential is kept could not be asked just now; that says nothing about it."""

    default_reason = Reason.CREDENTIALS_UNPROVED


class TlsFailed(PermanentRegistryError):
    """The server's certificate is not trusted."""

    default_reason = Reason.TLS_UNTRUSTED


class AddressNotAllowed(PermanentRegistryError):
    """A discovered address leads where this service must not connect to."""

    default_reason = Reason.ADDRESS_FORBIDDEN


class Redirected(PermanentRegistryError):
    """The answer points elsewhere; credentials do not follow it."""

    default_reason = Reason.REDIRECTED


class CredentialsMissing(PermanentRegistryError):
    """The credential that this registry names cannot be read."""

    default_reason = Reason.CREDENTIALS_MISSING


class CredentialNotForOrigin(PermanentRegistryError):
    """Nobody gave the credential for this origin: it was not sent."""

    default_reason = Reason.CREDENTIAL_NOT_FOR_ORIGIN


class ClusterError(IntegrationError):
    """A Kubernetes cluster did not do what was asked; it will not until somebody changes something.

    Attributes:
        cluster: name of the cluster.
        method, path: the request.
        message: what went wrong and what to do, for people; a missing right is named by its verb.
        reason: the CamelCase reason that states and outcomes carry.
    """

    def __init__(self, cluster: str, method: str, path: str, message: str, reason: Reason) -> None:
        path, message = to_single_line(path), to_single_line(message)
        super().__init__(cluster, method, path, message, reason)  # so that it pickles
        self.cluster, self.method, self.path = cluster, method, path
        self.message, self.reason = message, reason

    def __str__(self) -> str:
        return f"cluster {self.cluster}: {self.method} {self.path}: {self.message}"


class TransientClusterError(ClusterError):
    """May pass by itself: retry, then record.

    Attributes:
        retry_after: seconds to wait before another try, if the answer said so.
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
        self.args = (*self.args, retry_after)  # so that it pickles
        self.retry_after = retry_after


class ClusterCircuitOpen(TransientClusterError):
    """So many connections failed in this run that no further one is tried."""
