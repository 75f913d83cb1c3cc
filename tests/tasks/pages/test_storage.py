"""Storage on pages: unknown is not zero, and a part of it is a lower bound that says so."""

import pytest

from models.overview.overview import Overview, RegistryStatistics, SpaceTotals
from models.registries.observation import Coverage
from tasks.pages.markdown import format_storage
from tasks.pages.overview import overview_page
from tests.support.builders import NOW, registry_record

TIB = 2**40


def covered(counted: int, total: int) -> Coverage:
    return Coverage(counted=counted, total=total)


@pytest.mark.parametrize(
    ("octets", "coverage", "expected"),
    [
        (None, None, "unknown"),
        (0, None, "0 B"),
        (5 * TIB, None, "5.0 TiB"),
        (3 * TIB, covered(7, 7), "3.0 TiB, 100 % of tags"),
        (0, covered(0, 0), "0 B, 100 % of tags"),
        (TIB, covered(38, 100), "≥ 1.0 TiB, 38 % of tags"),
        (TIB, covered(99_999, 100_000), "≥ 1.0 TiB, 99 % of tags"),
        (None, covered(0, 100), "unknown, 0 % of tags"),
    ],
)
def test_storage(octets: int | None, coverage: Coverage | None, expected: str) -> None:
    assert format_storage(octets, coverage) == expected


def _page(*figures: tuple[int | None, Coverage | None]) -> str:
    registries = []
    for number, (octets, coverage) in enumerate(figures):
        record = registry_record()
        update = {
            "registry": record.registry.model_copy(update={"name": f"r{number}"}),
            "storage_used": octets,
            "storage_coverage": coverage,
            "storage_read_at": NOW,
        }
        record = record.model_copy(update=update)
        registries.append(RegistryStatistics(record=record, totals=SpaceTotals()))
    return overview_page(Overview(at=NOW, registries=tuple(registries)), ())


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ([(TIB, None)], "**1.0 TiB used**\n"),
        ([(TIB, None), (TIB, covered(5, 5))], "**2.0 TiB used**\n"),
        (
            [(TIB, None), (TIB, covered(38, 100)), (None, covered(0, 3)), (None, None)],
            "**≥ 2.0 TiB used** (38 % of the tags of r1; unknown for 2 registries)",
        ),
        (
            [(TIB, covered(1, 2))] * 5,
            "**≥ 5.0 TiB used** (50 % of the tags of r0; 50 % of the tags of r1; "
            "50 % of the tags of r2; a part of 2 other registries)",
        ),
    ],
)
def test_totals_say_what_is_not_covered(
    figures: list[tuple[int | None, Coverage | None]], expected: str
) -> None:
    assert expected in _page(*figures)


def test_a_counted_registry_shows_its_time() -> None:
    page = _page((TIB, covered(38, 100)))
    assert "≥ 1.0 TiB, 38 % of tags<br>as of 2026" in page
