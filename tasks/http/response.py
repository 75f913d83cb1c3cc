"""What a registry answered, before anybody makes sense of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from models.core.text import replace_invisible
from tasks import clock
from tasks.http.sanitize import sanitize_json

_MAX_DATE_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer.

    Attributes:
        method, url: the request it answers; the URL never holds credentials.
        headers: names in lower case.
        body: if it is JSON, without control and invisible characters; so are the headers.
        seconds: how long it took.
    """

    method: str
    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        """Clean what the server said, here and nowhere else."""
        clean = {name: replace_invisible(value) for name, value in self.headers.items()}
        object.__setattr__(self, "headers", clean)
        object.__setattr__(self, "body", sanitize_json(self.body))

    @property
    def retry_after(self) -> float | None:
        """The seconds that Retry-After asks for, as seconds or as a date.

        See https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
        """
        value = self.headers.get("retry-after", "")
        if len(value) > _MAX_DATE_LENGTH:
            return None
        if re.fullmatch(r"\d{1,6}", value):
            return float(value)
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        return max(0.0, (at - clock.now()).total_seconds()) if at.tzinfo else None
