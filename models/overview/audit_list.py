"""The audit as a list: which entries to show, and its rows for an export."""

from datetime import date, datetime

from models.core.audit import EVENT_DESCRIPTIONS
from models.core.base import FrozenModel
from models.overview.lists import ListQuery

AUDIT_KINDS = tuple(sorted({action.partition(".")[0] for action in EVENT_DESCRIPTIONS}))
"""What entries are about: the first word of their action, e.g. `space`."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""https://owasp.org/www-community/attacks/CSV_Injection"""


class AuditQuery(ListQuery):
    """Which audit entries to show, newest first; the search covers subject, action and reason.

    Attributes:
        registry, workspace, cluster: only entries about it; empty for all.
        kind: one of `AUDIT_KINDS`; empty for all.
        actor: only entries whose actor contains this text; empty for all.
        since, until: first and last day (UTC); None for no limit.
    """

    registry: str = ""
    workspace: str = ""
    cluster: str = ""
    kind: str = ""
    actor: str = ""
    since: date | None = None
    until: date | None = None


class AuditItem(FrozenModel):
    """An audit entry as it is shown and exported.

    Attributes:
        at: time of the change (UTC).
        actor: who started the run; empty in entries of older versions.
        action: event name, e.g. `space.bound`.
        flow_run: id of the flow run; empty outside of one.
        rejected: why Prefect rejected the event of the entry; empty if it did not.
    """

    id: int
    at: datetime
    actor: str
    action: str
    registry: str
    cluster: str
    workspace: str
    subject: str
    before: str
    after: str
    reason: str
    flow_run: str
    rejected: str


AUDIT_COLUMNS = tuple(AuditItem.model_fields)


def csv_cells(item: AuditItem) -> tuple[str, ...]:
    """Return an entry as cells of a CSV file that no spreadsheet takes for formulas."""
    values = item.model_dump(mode="json")
    return tuple(_plain_cell(str(values[column])) for column in AUDIT_COLUMNS)


def _plain_cell(text: str) -> str:
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def parse_day(text: str) -> date | None:
    """Return the day of a URL (`2026-03-01`); None if it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
