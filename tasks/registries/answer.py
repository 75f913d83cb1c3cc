"""What a registry answered, before anybody makes sense of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer.

    Attributes:
        method, url: the request it answers; the URL never holds credentials.
        headers: names in lower case.
        seconds: how long it took.
    """

    method: str
    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    seconds: float = 0.0
