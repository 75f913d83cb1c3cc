"""Section of a page with the latest audit entries."""

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
    """Return the section with the given audit entries; empty if there are none.

    Args:
        page: name of the object the page is about; rows do not repeat it.
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
    head = ("Time (UTC)", "Action", "Subject", "Before, after", "Reason")
    return "## Recent activity\n\n" + markdown_table(head, rows)


def _location(row: AuditRow, page: str) -> str:
    redundant = {"", row.subject, page}
    places = (row.cluster_name, row.registry_name)
    return ", ".join(escape_markdown(place) for place in places if place not in redundant)
