"""What an emulated cluster was asked."""

from typing import NamedTuple

_READ_METHODS = ("GET", "HEAD")


class KubernetesRequestRecord(NamedTuple):
    """One request that was answered; its path has no query."""

    method: str
    path: str
    status: int


class KubernetesRequestLog(list[KubernetesRequestRecord]):
    """The requests that were answered, in order."""

    def writes(self) -> list[KubernetesRequestRecord]:
        """Those that wanted to change something."""
        return [call for call in self if call.method not in _READ_METHODS]
