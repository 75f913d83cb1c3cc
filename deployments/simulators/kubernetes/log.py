"""What an emulated cluster was asked."""

from typing import NamedTuple

_READS = ("GET", "HEAD")


class Call(NamedTuple):
    """One request that was answered; its path has no query."""

    method: str
    path: str
    status: int


class Calls(list[Call]):
    """The requests that were answered, in order."""

    def writes(self) -> list[Call]:
        """Those that wanted to change something."""
        return [call for call in self if call.method not in _READS]
