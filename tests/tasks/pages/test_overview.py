"""When registries were last checked, as the overview shows it."""

from datetime import timedelta

import pytest

from models.core.limits import PollPolicy
from models.overview.overview import Overview, RegistryStatistics, SpaceTotals
from models.registries.condition import ConditionType
from models.registries.schedule import PollHistory
from tasks.pages.markdown import short_timestamp
from tasks.pages.overview import overview_digest_source, overview_page
from tests.support.builders import NOW, condition, registry_record

CHECKED = PollHistory(observed_at=NOW, seconds=0.5)


def _statistics(minutes: float, history: PollHistory = CHECKED) -> RegistryStatistics:
    record = registry_record(condition(), condition(ConditionType.SYNCED), track=history)
    figures = RegistryStatistics(record=record, totals=SpaceTotals())
    return figures.as_of(PollPolicy(), NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize(("minutes", "outdated"), [(1, False), (4, True)])
def test_the_overview_says_when_a_registry_was_last_checked(minutes: float, outdated: bool) -> None:
    figures = _statistics(minutes)
    at = NOW + timedelta(minutes=minutes)
    page = overview_page(Overview(at=at, registries=(figures,)), ())
    assert short_timestamp(NOW) in page
    assert (f"{short_timestamp(NOW)} ⚠️ outdated" in page) is outdated
    assert ("❔ unknown" in page) is outdated
    assert ("not checked since 2026-03-01 12:00 UTC" in page) is outdated


def test_only_an_outdated_check_is_a_reason_for_a_new_page() -> None:
    fresh, later = _statistics(1), _statistics(2, CHECKED.model_copy(update={"seconds": 0.6}))
    outdated = _statistics(4)
    first, second, third = (
        overview_digest_source(Overview(at=NOW, registries=(figures,)))
        for figures in (fresh, later, outdated)
    )
    assert first == second
    assert first != third
