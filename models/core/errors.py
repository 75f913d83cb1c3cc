"""One tree of errors, sorted by what the caller can do about them.

A transient fault is worth a retry; a permanent one is a state with a reason. No message carries a
secret: only the registry's name, the method, the path and what was answered.
"""

from models.core.reasons import Reason
from models.core.text import one_line


class IntegrationError(Exception):
    """Everything this service raises on purpose."""


class InputRefused(IntegrationError):
    """What was asked cannot be done as asked; nothing was changed, and the text says what to do."""


class Busy(IntegrationError):
    """Another run works on this registry right now; this one stepped aside."""


class PlanRefused(IntegrationError):
    """The plan would remove or narrow more than the brakes allow; nothing was changed."""


class RegistryError(IntegrationError):
    """A registry did not do what was asked.

    Attributes:
        registry: name of the registry.
        method, url: the request; the URL never holds credentials.
        said: what went wrong, for people.
        reason: the CamelCase reason that conditions and outcomes carry.
        retry_after: seconds to wait before another try, if the answer said so.
    """

    usual_reason = Reason.SERVER_BROKEN

    def __init__(
        self,
        registry: str,
        method: str,
        url: str,
        said: str,
        reason: Reason | None = None,
        retry_after: float | None = None,
    ) -> None:
        url, said = one_line(url), one_line(said)
        super().__init__(registry, method, url, said, reason, retry_after)  # so that it pickles
        self.registry, self.method, self.url, self.said = registry, method, url, said
        self.reason = reason or self.usual_reason
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.registry}: {self.method} {self.url}: {self.said}"


class Transient(RegistryError):
    """May pass by itself: retry, then record."""


class Unreachable(Transient):
    """No connection, or it was cut."""

    usual_reason = Reason.UNREACHABLE


class NotAskedAgain(Unreachable):
    """So many connections failed in this run that no further one is tried."""


class TimedOut(Transient):
    """No complete answer in time."""

    usual_reason = Reason.TIMED_OUT


class Throttled(Transient):
    """429: the registry, or a proxy before it, asks for fewer requests."""

    usual_reason = Reason.THROTTLED


class ServerBroken(Transient):
    """5xx, or an answer that makes no sense."""

    usual_reason = Reason.SERVER_BROKEN


class Permanent(RegistryError):
    """Will be answered the same until somebody changes something."""


class Unauthorized(Permanent):
    """401: who we say we are is not accepted (or, on Harbor, not right now)."""

    usual_reason = Reason.UNAUTHORIZED


class Forbidden(Permanent):
    """403: we are known, and may not."""

    usual_reason = Reason.FORBIDDEN


class NotFound(Permanent):
    """404."""

    usual_reason = Reason.NOT_FOUND


class Conflict(Permanent):
    """409 or 412: the registry's state speaks against it."""

    usual_reason = Reason.CONFLICT


class Rejected(Permanent):
    """400, 422 or another 4xx: the request itself is refused."""

    usual_reason = Reason.REJECTED


class ReadOnly(Permanent):
    """The registry is in read-only mode."""

    usual_reason = Reason.READ_ONLY


class WrongKind(Permanent):
    """Something else answers at this address than the kind of registry that was named."""

    usual_reason = Reason.WRONG_KIND


class CredentialsUnread(Transient):
    """Where the credential is kept could not be asked just now; that says nothing about it."""

    usual_reason = Reason.CREDENTIALS_UNPROVED


class TlsFailed(Permanent):
    """The server's certificate is not trusted."""

    usual_reason = Reason.TLS_UNTRUSTED


class AddressRefused(Permanent):
    """A discovered address leads where this service must not connect to."""

    usual_reason = Reason.ADDRESS_FORBIDDEN


class Redirected(Permanent):
    """The answer points elsewhere; credentials do not follow it."""

    usual_reason = Reason.REDIRECTED


class CredentialsMissing(Permanent):
    """The credential that this registry names cannot be read."""

    usual_reason = Reason.CREDENTIALS_MISSING


class CredentialNotForOrigin(Permanent):
    """Nobody gave the credential for this origin: it was not sent."""

    usual_reason = Reason.CREDENTIAL_NOT_FOR_ORIGIN


class ClusterError(IntegrationError):
    """A Kubernetes cluster did not do what was asked; it will not until somebody changes something.

    Attributes:
        cluster: name of the cluster.
        method, path: the request.
        said: what went wrong and what to do, for people; a missing right is named by its verb.
        reason: the CamelCase reason that states and outcomes carry.
    """

    def __init__(self, cluster: str, method: str, path: str, said: str, reason: Reason) -> None:
        path, said = one_line(path), one_line(said)
        super().__init__(cluster, method, path, said, reason)  # so that it pickles
        self.cluster, self.method, self.path = cluster, method, path
        self.said, self.reason = said, reason

    def __str__(self) -> str:
        return f"cluster {self.cluster}: {self.method} {self.path}: {self.said}"


class ClusterTransient(ClusterError):
    """May pass by itself: retry, then record.

    Attributes:
        retry_after: seconds to wait before another try, if the answer said so.
    """

    def __init__(
        self,
        cluster: str,
        method: str,
        path: str,
        said: str,
        reason: Reason,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(cluster, method, path, said, reason)
        self.args = (*self.args, retry_after)  # so that it pickles
        self.retry_after = retry_after


class ClusterNotAskedAgain(ClusterTransient):
    """So many connections failed in this run that no further one is tried."""
