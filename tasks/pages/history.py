"""What happened last, as a section of a page."""

from collections.abc import Sequence

from models.tables import AuditRow
from tasks.pages.markdown import (
    breakable,
    escape_markdown,
    markdown_table,
    short_timestamp,
    stack_lines,
)


def history_section(history: Sequence[AuditRow], page: str) -> str:
    """List what was written into the audit; nothing if nothing was.

    Args:
        page: whose page it is; that need not be said in each row.
    """
    if not history:
        return ""
    rows = (
        (
            short_timestamp(row.at),
            escape_markdown(row.what),
            stack_lines(escape_markdown(row.subject), _location(row, page)),
            stack_lines(breakable(row.before or "–"), f"→ {breakable(row.after or '–')}"),
            escape_markdown(row.why),
        )
        for row in history
    )
    head = ("When (UTC)", "What", "Subject", "Before, after", "Why")
    return "## What happened last\n\n" + markdown_table(head, rows)


def _location(row: AuditRow, page: str) -> str:
    """Name the cluster and the registry, unless the subject or the page is just that."""
    redundant = {"", row.subject, page}
    places = (row.cluster_name, row.registry_name)
    return ", ".join(escape_markdown(place) for place in places if place not in redundant)
