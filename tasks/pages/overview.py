"""Overview page of all registries, with charts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from models.core.plural import pluralize
from models.core.reasons import Reason
from models.overview.overview import Overview, RegistryStatistics
from models.registries.condition import Health
from tasks.pages.charts import mermaid_chart
from tasks.pages.markdown import (
    breakable,
    escape_markdown,
    format_bytes,
    format_quota,
    format_storage,
    inline_code,
    markdown_table,
    short_timestamp,
    stack_lines,
    timestamp,
)

HEALTH_ICON = {
    Health.HEALTHY: "✅",
    Health.DEGRADED: "⚠️",
    Health.UNHEALTHY: "❌",
    Health.UNKNOWN: "❔",
}
PUBLICATION_NOTE = (
    "A new version is published when something changes, at the latest after one hour; times of "
    "checks are those of this version."
)
_MAX_SLICES = 10
_MAX_NOTES = 3
"""Registries that are named after the total, if it contains a part of their storage."""

_MIN_SPAN = timedelta(minutes=5)
"""Shorter trends are not drawn: they show nothing useful."""


def overview_page(overview: Overview, trend: Sequence[tuple[datetime, int]]) -> str:
    """Return the overview page: totals, problems, a table of all registries, and charts.

    Args:
        trend: (time, bytes used in all registries), oldest first.
    """
    return (
        "\n\n".join(
            part
            for part in (
                "# Registries",
                _totals_section(overview),
                _attention_section(overview),
                _registries_table(overview),
                _storage_pie(overview),
                _trend_chart(trend),
                f"As of {timestamp(overview.at)}. {PUBLICATION_NOTE}",
            )
            if part
        )
        + "\n"
    )


def overview_digest_source(overview: Overview) -> str:
    """Return the page content that justifies a new version: everything except times."""
    return "\n".join(
        "|".join(
            (
                figures.record.registry.model_dump_json(),
                figures.record.health_summary.model_dump_json(),
                figures.totals.model_dump_json(),
                f"{figures.storage_used} {figures.record.storage_coverage}",
                str(figures.is_outdated),
            )
        )
        for figures in overview.registries
    )


def _totals_section(overview: Overview) -> str:
    if not overview.registries:
        return "No registries yet. Run **integrate-registry** to add one."
    health_counts = ", ".join(
        f"{overview.count_by_health(health)} {health}"
        for health in Health
        if overview.count_by_health(health)
    )
    private_count = overview.space_count - overview.public_count
    return (
        f"**{pluralize(len(overview.registries), 'registry')}** ({health_counts}) · "
        f"**{pluralize(overview.space_count, 'space')}** "
        f"({overview.public_count} public, {private_count} private) · "
        f"**{pluralize(overview.repository_count, 'repository')}** · "
        f"{_storage_total(overview)}"
    )


def _storage_total(overview: Overview) -> str:
    partial, unknown = overview.partial_storage, overview.unknown_storage_count
    notes = [
        f"{coverage.percent} % of the tags of {registry.name}"
        for registry in partial[:_MAX_NOTES]
        if (coverage := registry.record.storage_coverage) is not None
    ]
    if len(partial) > _MAX_NOTES:
        notes.append(f"a part of {pluralize(len(partial) - _MAX_NOTES, 'other registry')}")
    if unknown:
        notes.append(f"unknown for {pluralize(unknown, 'registry')}")
    at_least = "≥ " if partial else ""
    note = f" ({'; '.join(notes)})" if notes else ""
    return f"**{at_least}{format_bytes(overview.storage_used)} used**{note}"


def _attention_section(overview: Overview) -> str:
    summaries = {figures.name: figures.record.health_summary for figures in overview.registries}
    items = [
        f"* {HEALTH_ICON[summary.health]} **{name}**: {escape_markdown(summary.message, 900)} "
        f"({inline_code(summary.reason)}, since {timestamp(summary.since)})"
        for name, summary in summaries.items()
        if summary.health is not Health.HEALTHY and summary.reason is not Reason.NOT_PROBED
    ]
    return "\n".join(["## Needs attention", "", *items]) if items else ""


def _registries_table(overview: Overview) -> str:
    if not overview.registries:
        return ""
    head = (
        "Registry, address, type, origin",
        "Health, reason",
        "Public, private",
        "Repos",
        "Storage, quota",
        "Last checked, spaces as of (UTC)",
    )
    return "## All registries\n\n" + markdown_table(
        head, (_registry_row(figures) for figures in overview.registries)
    )


def _registry_row(figures: RegistryStatistics) -> tuple[str, ...]:
    registry, health_summary = figures.record.registry, figures.record.health_summary
    spaces_known = figures.record.spaces_read_at is not None
    missing = f" (+{figures.totals.missing_count} missing)" if figures.totals.missing_count else ""
    repositories = figures.totals.repository_count if figures.totals.space_count else 0
    return (
        stack_lines(
            f"**{figures.name}**",
            breakable(registry.address),
            f"{registry.capabilities.label}, {registry.origin}",
        ),
        stack_lines(
            f"{HEALTH_ICON[health_summary.health]} {health_summary.health}",
            breakable(health_summary.reason),
        ),
        f"{figures.totals.public_count} / {figures.totals.private_count}{missing}"
        if spaces_known
        else "unknown",
        "unknown" if repositories is None or not spaces_known else str(repositories),
        _storage_cell(figures),
        stack_lines(
            last_checked_cell(figures), f"spaces: {short_timestamp(figures.record.spaces_read_at)}"
        ),
    )


def last_checked_cell(figures: RegistryStatistics) -> str:
    """Return when the registry was last observed, with a warning if that is too long ago."""
    time = short_timestamp(figures.record.poll_history.observed_at)
    return f"{time} ⚠️ outdated" if figures.is_outdated else time


def _storage_cell(figures: RegistryStatistics) -> str:
    record = figures.record
    used = format_storage(figures.storage_used, record.storage_coverage)
    if record.storage_coverage is None:
        return stack_lines(used, format_quota(figures.totals.storage_limit))
    return stack_lines(used, f"as of {short_timestamp(record.storage_read_at)}")


def _storage_pie(overview: Overview) -> str:
    # Registries beyond the largest ones share one slice.
    usage = sorted(
        (
            (figures.storage_used, figures.name)
            for figures in overview.registries
            if figures.storage_used
        ),
        reverse=True,
    )
    if not usage:
        return ""
    entries = [(name, used) for used, name in usage[:_MAX_SLICES]]
    other_bytes = sum(used for used, _ in usage[_MAX_SLICES:])
    entries += [("others", other_bytes)] if other_bytes else []
    unit, octets = _size_axis(usage[0][0])
    slices = "\n".join(f'    "{name}" : {used / octets:.2f}' for name, used in entries)
    return mermaid_chart(f"pie showData title Storage by registry ({unit})\n{slices}")


def _trend_chart(trend: Sequence[tuple[datetime, int]]) -> str:
    if not trend or trend[-1][0] - trend[0][0] < _MIN_SPAN:
        return ""
    peak = max(used for _, used in trend)
    unit, octets = _size_axis(peak)
    values = ", ".join(f"{used / octets:.2f}" for _, used in trend)
    span, name = _time_axis(trend[-1][0] - trend[0][0])
    return mermaid_chart(
        f'xychart-beta\n    title "Storage used in all registries ({unit})"\n'
        f'    x-axis "{name} until now" -{span:.1f} --> 0\n'
        f'    y-axis "{unit}" 0 --> {max(peak * 1.1 / octets, 1):.0f}\n    line [{values}]'
    )


def _time_axis(length: timedelta) -> tuple[float, str]:
    """Return the length of a trend and its unit."""
    if length > timedelta(days=2):
        return length / timedelta(days=1), "days"
    if length > timedelta(hours=2):
        return length / timedelta(hours=1), "hours"
    return length / timedelta(minutes=1), "minutes"


def _size_axis(largest: int) -> tuple[str, int]:
    """Return the unit of a chart, and its bytes; all values of a chart share one unit."""
    return ("GiB", 2**30) if largest >= 2**30 else ("MiB", 2**20)
