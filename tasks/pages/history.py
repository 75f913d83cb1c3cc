"""What happened last, as a section of a page."""

from collections.abc import Sequence

from models.tables import AuditRow
from tasks.pages.markdown import folding, minute, plain, stacked, table


def history_section(history: Sequence[AuditRow], page: str) -> str:
    """List what was written into the audit; nothing if nothing was.

    Args:
        page: whose page it is; that need not be said in each row.
    """
    if not history:
        return ""
    rows = (
        (
            minute(row.at),
            plain(row.what),
            stacked(plain(row.subject), _where(row, page)),
            stacked(folding(row.before or "–"), f"→ {folding(row.after or '–')}"),
            plain(row.why),
        )
        for row in history
    )
    head = ("When (UTC)", "What", "Subject", "Before, after", "Why")
    return "## What happened last\n\n" + table(head, rows)


def _where(row: AuditRow, page: str) -> str:
    """Name the cluster and the registry, unless the subject or the page is just that."""
    told = {"", row.subject, page}
    places = (row.cluster_name, row.registry_name)
    return ", ".join(plain(place) for place in places if place not in told)
