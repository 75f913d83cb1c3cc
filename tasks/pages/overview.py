"""The overview of all registries, as a page with charts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from models.core.plural import amount
from models.overview.overview import Overview, RegistryFigures
from models.registries.condition import Health
from tasks.pages.charts import chart
from tasks.pages.markdown import code, folding, limit, minute, moment, plain, size, stacked, table

MARK = {
    Health.HEALTHY: "✅",
    Health.DEGRADED: "⚠️",
    Health.UNHEALTHY: "❌",
    Health.UNKNOWN: "❔",
}
_SLICES = 10
_SHORTEST = timedelta(minutes=5)
"""A trend of less says nothing."""


def overview_page(overview: Overview, trend: Sequence[tuple[datetime, int]]) -> str:
    """Tell how all registries are, in words, charts and a table."""
    return (
        "\n\n".join(
            part
            for part in (
                "# Registries",
                _totals(overview),
                _attention(overview),
                _table(overview),
                _pie(overview),
                _chart(trend),
                f"As of {moment(overview.at)}.",
            )
            if part
        )
        + "\n"
    )


def overview_news(overview: Overview) -> str:
    """Return the part of the overview that is worth a new version: all but its times."""
    return "\n".join(
        "|".join(
            (
                one.dossier.registry.model_dump_json(),
                one.dossier.diagnosis.model_dump_json(),
                one.totals.model_dump_json(),
                str(one.storage),
            )
        )
        for one in overview.registries
    )


def _totals(overview: Overview) -> str:
    if not overview.registries:
        return "No registry is integrated yet: run **integrate-registry**."
    counted = ", ".join(
        f"{overview.count(health)} {health}" for health in Health if overview.count(health)
    )
    unknown = overview.storage_unknown
    but = f" (and {unknown} that do not tell)" if unknown else ""
    return (
        f"**{amount(len(overview.registries), 'registry')}** ({counted}) · "
        f"**{amount(overview.spaces, 'space')}** "
        f"({overview.public} public, {overview.spaces - overview.public} private) · "
        f"**{amount(overview.repositories, 'repository')}** · "
        f"**{size(overview.storage)} used**{but}"
    )


def _attention(overview: Overview) -> str:
    lines = [
        f"* {MARK[found.health]} **{one.name}**: {plain(found.message)} ({code(found.reason)}"
        f", since {moment(found.since)})"
        for one in overview.registries
        if (found := one.dossier.diagnosis).health in (Health.UNHEALTHY, Health.DEGRADED)
    ]
    return "\n".join(["## Needs attention", "", *lines]) if lines else ""


def _table(overview: Overview) -> str:
    if not overview.registries:
        return ""
    head = (
        "Registry, address, type, origin",
        "Health, reason",
        "Public, private",
        "Repos",
        "Storage, quota",
        "As of (UTC)",
    )
    return "## All registries\n\n" + table(head, (_row(one) for one in overview.registries))


def _row(one: RegistryFigures) -> tuple[str, ...]:
    registry, found = one.dossier.registry, one.dossier.diagnosis
    read = one.dossier.spaces_read_at is not None
    missing = f" (+{one.totals.missing} missing)" if one.totals.missing else ""
    repositories = one.totals.repositories if one.totals.spaces else 0
    return (
        stacked(
            f"**{one.name}**",
            folding(registry.address),
            f"{registry.kind.label}, {registry.origin}",
        ),
        stacked(f"{MARK[found.health]} {found.health}", folding(found.reason)),
        f"{one.totals.public} / {one.totals.private}{missing}" if read else "unknown",
        "unknown" if repositories is None or not read else str(repositories),
        stacked(size(one.storage), limit(one.totals.limits)),
        minute(one.dossier.spaces_read_at),
    )


def _pie(overview: Overview) -> str:
    """Storage by registry, the small ones together."""
    known = sorted(
        ((one.storage, one.name) for one in overview.registries if one.storage), reverse=True
    )
    if not known:
        return ""
    shown = [(name, used) for used, name in known[:_SLICES]]
    rest = sum(used for used, _ in known[_SLICES:])
    shown += [("all others", rest)] if rest else []
    unit, octets = _unit(known[0][0])
    slices = "\n".join(f'    "{name}" : {used / octets:.2f}' for name, used in shown)
    return chart(f"pie showData title Storage by registry ({unit})\n{slices}")


def _chart(trend: Sequence[tuple[datetime, int]]) -> str:
    if not trend or trend[-1][0] - trend[0][0] < _SHORTEST:
        return ""
    most = max(used for _, used in trend)
    unit, octets = _unit(most)
    values = ", ".join(f"{used / octets:.2f}" for _, used in trend)
    span, name = _span(trend[-1][0] - trend[0][0])
    return chart(
        f'xychart-beta\n    title "Storage used in all registries ({unit})"\n'
        f'    x-axis "{name} until now" -{span:.1f} --> 0\n'
        f'    y-axis "{unit}" 0 --> {max(most * 1.1 / octets, 1):.0f}\n    line [{values}]'
    )


def _span(length: timedelta) -> tuple[float, str]:
    """Return a length of time in the unit that suits it."""
    if length > timedelta(days=2):
        return length / timedelta(days=1), "days"
    if length > timedelta(hours=2):
        return length / timedelta(hours=1), "hours"
    return length / timedelta(minutes=1), "minutes"


def _unit(largest: int) -> tuple[str, int]:
    """Choose the unit of a chart, which has one for all its values."""
    return ("GiB", 2**30) if largest >= 2**30 else ("MiB", 2**20)
