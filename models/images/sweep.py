"""A sweep: read all tags of a registry once, in slices of bounded time and requests."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from models.core.base import FrozenModel
from models.core.errors import RemoteError
from models.core.reasons import Reason

SLICE_SECONDS = 30.0
"""Time of one slice: compute-overview, which runs every minute, waits for it."""

MAX_FAILURES = 3
"""Consecutive transient errors that end a slice: the registry does not work just now."""

MAX_STORED_BYTES = 100_000_000
"""What the manifests of one registry may take in the database: 250,000 images of 9 blobs. Further
manifests are not read, and their tags are not counted."""

_BUDGET_PERIOD = timedelta(minutes=1)
_MIN_REQUESTS = 6
"""Requests of a slice that saves anything: where a repository needs its own token, a tag takes
four, the first of which is refused."""

_THROTTLE_PAUSE = timedelta(minutes=10)
_MAX_PAUSE = timedelta(days=1)


class Stage(StrEnum):
    """What a sweep does: list the tags of all repositories, then read what each tag refers to."""

    LIST = "list"
    RESOLVE = "resolve"
    DONE = "done"


class SweepProgress(FrozenModel):
    """How far a sweep is; saved with what it has read, so that a killed run loses little.

    Attributes:
        stage: what it does.
        repository, tag: the last that was read in this stage; empty at its beginning.
        invalid_name_count: names of the catalog that cannot be used.
        slice_at: start of the last slice (UTC).
        published_at: last publication of the figures (UTC).
    """

    stage: Stage = Stage.DONE
    repository: str = ""
    tag: str = ""
    invalid_name_count: int = 0
    slice_at: datetime | None = None
    published_at: datetime | None = None

    def moved(self, repository: str = "", tag: str = "", stage: Stage | None = None) -> Self:
        """Return the progress at another position, in the same stage unless one is given."""
        update = {"repository": repository, "tag": tag, "stage": stage or self.stage}
        return self.model_copy(update=update)

    def is_publication_due(self, interval: timedelta, now: datetime) -> bool:
        """Return whether to publish figures now: the sweep has ended, or the interval passed."""
        if self.stage is Stage.DONE or self.published_at is None:
            return True
        return now - self.published_at >= interval


def slice_requests(progress: SweepProgress, requests_per_minute: int, now: datetime) -> int:
    """Return how many requests a slice may send, so that all slices keep the rate.

    At a low rate, a slice waits until it may send enough requests to save something; 0 until then.
    """
    smallest = max(requests_per_minute, _MIN_REQUESTS)
    if progress.slice_at is None:
        return smallest
    period = _BUDGET_PERIOD * (smallest / requests_per_minute)
    elapsed = min(max(now - progress.slice_at, timedelta()), period)
    requests = int(requests_per_minute * (elapsed / _BUDGET_PERIOD))
    return requests if requests >= _MIN_REQUESTS else 0


def throttle_pause(error: RemoteError) -> timedelta | None:
    """Return how long the sweep pauses after an error; None unless the server throttles."""
    if error.reason is not Reason.THROTTLED:
        return None
    return min(max(_THROTTLE_PAUSE, timedelta(seconds=error.retry_after or 0)), _MAX_PAUSE)
