"""Request log of a simulated cluster."""

from typing import NamedTuple

_READ_METHODS = ("GET", "HEAD")


class KubernetesRequestRecord(NamedTuple):
    """A handled request; its path has no query."""

    method: str
    path: str
    status: int


class KubernetesRequestLog(list[KubernetesRequestRecord]):
    """The handled requests, in order."""

    def writes(self) -> list[KubernetesRequestRecord]:
        """Return the modifying requests."""
        return [call for call in self if call.method not in _READ_METHODS]
