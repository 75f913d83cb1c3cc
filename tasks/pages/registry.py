"""Page of one registry: its conditions, access and spaces."""

from collections.abc import Sequence

from models.access.pull_user import pull_user_problem
from models.overview.overview import RegistryStatistics, SpaceStatistics
from models.overview.views import RegistryAccessView
from models.registries.condition import ConditionStatus
from models.tables import AuditRow
from tasks.pages.history import history_section
from tasks.pages.markdown import (
    breakable,
    escape_markdown,
    format_bytes,
    format_quota,
    format_storage,
    markdown_table,
    short_timestamp,
    timestamp,
)
from tasks.pages.overview import HEALTH_ICON, PUBLICATION_NOTE, last_checked_cell
from tasks.pages.registry_access import access_digest_source, access_section
from tasks.pages.workspace import privacy_note

_MAX_ROWS = 500
_STATUS_LABEL = {
    ConditionStatus.TRUE: "✅ true",
    ConditionStatus.FALSE: "❌ false",
    ConditionStatus.UNKNOWN: "❓ unknown",
}


def registry_page(
    figures: RegistryStatistics,
    spaces: Sequence[SpaceStatistics],
    history: Sequence[AuditRow],
    access: RegistryAccessView,
) -> str:
    """Return the page of a registry: its record, conditions, access, spaces and history."""
    record, health_summary = figures.record, figures.record.health_summary
    parts = [
        f"# {figures.name}: {HEALTH_ICON[health_summary.health]} {health_summary.health}",
        escape_markdown(record.registry.description),
        _facts_section(figures),
        "## Conditions",
        _conditions_section(figures),
        access_section(
            record.registry,
            access,
            [space.space for space in spaces],
            pull_user_problem(record.conditions),
        ),
        f"## Spaces, by size ({len(spaces)})",
        _spaces_section(spaces) if spaces else "No spaces.",
        history_section(history, figures.name),
        f"As of {timestamp(access.at)}. {PUBLICATION_NOTE}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def registry_digest_source(
    figures: RegistryStatistics, spaces: Sequence[SpaceStatistics], access: RegistryAccessView
) -> str:
    """Return the page content that justifies a new version: everything except times."""
    checks = [(check.type, check.status, check.reason) for check in figures.record.conditions]
    rows = "\n".join(sorted(space.model_dump_json() for space in spaces))
    registry = figures.record.registry.model_dump_json()
    access_source = access_digest_source(access)
    storage = figures.storage_used, figures.record.storage_coverage, figures.record.storage_note
    health = f"{checks} {figures.is_outdated}"
    return f"{registry}\n{health}\n{storage}\n{access_source}\n{rows}"


def _facts_section(figures: RegistryStatistics) -> str:
    record, registry = figures.record, figures.record.registry
    poll = record.poll_history
    note = f" ({escape_markdown(record.storage_note)})" if record.storage_note else ""
    used = format_storage(figures.storage_used, record.storage_coverage)
    by_space = format_bytes(figures.totals.storage_used)
    return markdown_table(
        ("", ""),
        (
            ("Type", registry.capabilities.label),
            ("Address", escape_markdown(registry.address)),
            (
                "Pull addresses",
                escape_markdown(", ".join(registry.pull_addresses)) or "only the address",
            ),
            ("Origin", f"{registry.origin}, integrated {timestamp(record.integrated_at)}"),
            (
                "Credentials",
                escape_markdown(registry.credential.name) if registry.credential else "none",
            ),
            ("TLS", registry.tls.mode),
            ("Privacy", privacy_note(registry)),
            ("Drift policy", registry.drift_policy),
            (
                "Storage used",
                f"{used}; sum of all spaces {by_space}{note}",
            ),
            ("Quota", format_quota(figures.totals.storage_limit)),
            ("Spaces as of", timestamp(record.spaces_read_at)),
            ("Storage as of", timestamp(record.storage_read_at)),
            ("Last checked", f"{last_checked_cell(figures)}, {poll.seconds:.1f} s"),
        ),
    )


def _conditions_section(figures: RegistryStatistics) -> str:
    rows = (
        (
            condition.type,
            _STATUS_LABEL[condition.status],
            breakable(condition.reason),
            escape_markdown(condition.message, 900),  # it can contain commands to copy
            short_timestamp(condition.since),
        )
        for condition in figures.record.conditions
    )
    return markdown_table(("Condition", "Status", "Reason", "Message", "Since (UTC)"), rows)


def _spaces_section(spaces: Sequence[SpaceStatistics]) -> str:
    by_size = sorted(spaces, key=lambda space: (-(space.storage_used or 0), space.space.name))
    head = (
        "Space",
        "Visibility",
        "Desired",
        "Observed",
        "Repositories",
        "Storage used",
        "Quota",
        "State",
    )
    extra_count = len(spaces) - _MAX_ROWS
    footer = f"\n\n… and {extra_count} smaller spaces."
    table = markdown_table(head, (_space_row(space) for space in by_size[:_MAX_ROWS]))
    return table + (footer if extra_count > 0 else "")


def _space_row(space_figures: SpaceStatistics) -> tuple[str, ...]:
    space = space_figures.space
    return (
        escape_markdown(space.name),
        f"**{space.visibility}**",
        space.desired or "not managed",
        space.observed or "–",
        "unknown" if space.repositories is None else str(space.repositories),
        format_storage(space_figures.storage_used, space_figures.storage_coverage, tags=""),
        format_quota(space_figures.storage_limit),
        _space_state(space_figures),
    )


def _space_state(space_figures: SpaceStatistics) -> str:
    space = space_figures.space
    if space.missing_since:
        return f"missing since {short_timestamp(space.missing_since)} UTC"
    if space.declared:
        return "not created yet"
    if space.observed and space.desired and space.observed is not space.desired:
        return "drifted"
    return "in sync" if space.desired else "not managed"
