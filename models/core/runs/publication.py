"""When a page is published again."""

from datetime import datetime, timedelta

from models.core.base import FrozenModel

_MAX_AGE = timedelta(hours=1)
"""An unchanged page is published again after this time, so that the times on it stay recent."""


class Publication(FrozenModel):
    """The last published version of a page.

    Attributes:
        digest: digest of its content, without times.
        at: when it was published (UTC).
    """

    digest: str
    at: datetime


def is_publication_due(last: Publication | None, digest: str, now: datetime) -> bool:
    """Return whether a page is published again: it is new or changed, or its times are old."""
    return last is None or last.digest != digest or now - last.at > _MAX_AGE
