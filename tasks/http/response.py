"""A complete HTTP response, sanitized but not yet parsed."""

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
    """A complete HTTP response.

    Attributes:
        target: the server, for errors, for example `prod` or `cluster eu`.
        method: HTTP method of the request.
        url: URL of the request, without credentials.
        headers: response headers with lower-case names; control and invisible characters are
            replaced.
        body: decoded body; in JSON, control and invisible characters are replaced.
        seconds: duration of the request.
        raw_body: decoded body as it was received, to compute its digest: never show or store it.
    """

    target: str
    method: str
    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    seconds: float = 0.0
    raw_body: bytes = field(default=b"", init=False, repr=False)

    def __post_init__(self) -> None:
        """Sanitize headers and body, so that no caller can forget it."""
        clean = {name: replace_invisible(value) for name, value in self.headers.items()}
        object.__setattr__(self, "headers", clean)
        object.__setattr__(self, "raw_body", self.body)
        object.__setattr__(self, "body", sanitize_json(self.body))

    @property
    def retry_after(self) -> float | None:
        """The delay of the Retry-After header in seconds; None if absent or invalid.

        The header holds seconds or a date, see
        https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
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
