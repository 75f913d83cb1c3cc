"""Geometry of charts; the templates draw them as SVG."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from models.core.base import FrozenModel

WIDTH, HEIGHT = 640.0, 160.0
_MIN_SPAN = timedelta(minutes=5)
"""Shorter trends show nothing useful."""


class TrendChart(FrozenModel):
    """A line from left to right.

    Attributes:
        points: coordinates for a `polyline`, in a field of `width` x `height`.
        area: the same for the `polygon` below the line.
        peak: largest value, at the top of the field; the bottom is 0.
        first, last: first and last value.
        since, until: times of the first and the last value (UTC).
    """

    points: str
    area: str
    peak: int
    first: int
    last: int
    since: datetime
    until: datetime
    width: float = WIDTH
    height: float = HEIGHT


def trend_chart(series: Sequence[tuple[datetime, int]]) -> TrendChart | None:
    """Return the chart of a series, oldest first; None if it is too short to be drawn."""
    if len(series) < 2 or series[-1][0] - series[0][0] < _MIN_SPAN:
        return None
    (since, first), (until, last) = series[0], series[-1]
    peak = max(value for _, value in series)
    points = " ".join(
        f"{WIDTH * ((at - since) / (until - since)):.1f},{_height(value, peak):.1f}"
        for at, value in series
    )
    return TrendChart(
        points=points,
        area=f"0,{HEIGHT:.1f} {points} {WIDTH:.1f},{HEIGHT:.1f}",
        peak=peak,
        first=first,
        last=last,
        since=since,
        until=until,
    )


def _height(value: int, peak: int) -> float:
    return HEIGHT * (1 - value / peak) if peak else HEIGHT
