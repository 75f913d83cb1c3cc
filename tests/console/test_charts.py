"""The geometry of charts."""

from datetime import timedelta

import pytest

from deployments.console.charts import HEIGHT, WIDTH, trend_chart
from tests.support.builders import NOW

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    "series", [[], [(NOW, 5)], [(NOW, 5), (NOW, 6)], [(NOW, 5), (NOW + HOUR / 60, 6)]]
)
def test_a_short_trend_is_not_drawn(series: list[tuple[object, int]]) -> None:
    assert trend_chart(series) is None  # type: ignore[arg-type]


def test_a_trend_goes_from_left_to_right_and_its_peak_is_at_the_top() -> None:
    chart = trend_chart([(NOW, 0), (NOW + HOUR, 50), (NOW + 4 * HOUR, 100)])
    assert chart is not None
    assert chart.points == f"0.0,{HEIGHT} {WIDTH / 4},{HEIGHT / 2} {WIDTH},0.0"
    assert (chart.peak, chart.first, chart.last) == (100, 0, 100)


def test_nothing_used_is_a_line_at_the_bottom() -> None:
    chart = trend_chart([(NOW, 0), (NOW + HOUR, 0)])
    assert chart is not None
    assert chart.points == f"0.0,{HEIGHT} {WIDTH},{HEIGHT}"
