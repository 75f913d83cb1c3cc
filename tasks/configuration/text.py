"""A plan as text, for a terminal and for the artifact of a run."""

from collections.abc import Iterator

from models.configuration.plan import ChangeKind, ConfigurationChange, ConfigurationPlan, NoticeKind
from models.core.plural import pluralize

_SIGNS = {
    ChangeKind.CREATE: "+",
    ChangeKind.CHANGE: "~",
    ChangeKind.ADOPT: "=",
    ChangeKind.REMOVE: "-",
}
_WORDS = {
    ChangeKind.CREATE: "to create",
    ChangeKind.CHANGE: "to change",
    ChangeKind.ADOPT: "to adopt",
    ChangeKind.REMOVE: "to remove",
}
_NOTICES = {
    NoticeKind.BLOCKED: "Errors: this cannot be done",
    NoticeKind.WITHHELD: "Errors: withheld by the safety limits",
    NoticeKind.DRIFT: "Changed by hand, and only reported",
    NoticeKind.HELD: "Held until a person decides",
    NoticeKind.KEPT: "Not in the files any more, and kept",
    NoticeKind.PENDING: "Not matched yet",
}
_MAX_LINES = 5_000


def summarize_plan(plan: ConfigurationPlan) -> str:
    """Return the number of changes of each kind."""
    counts = [
        f"{sum(change.kind is kind for change in plan.changes)} {word}"
        for kind, word in _WORDS.items()
        if any(change.kind is kind for change in plan.changes)
    ]
    if plan.errors:
        counts.append(pluralize(len(plan.errors), "error"))
    return ", ".join(counts) or "nothing to do"


def describe_plan(plan: ConfigurationPlan) -> str:
    """Return a plan as lines of text: each change with its fields, then what is not changed."""
    lines = [*_change_lines(plan), *_notice_lines(plan)]
    if len(lines) > _MAX_LINES:
        lines[_MAX_LINES:] = [f"… and {len(lines) - _MAX_LINES:,} more lines"]
    return "\n".join([*lines, summarize_plan(plan)])


def _change_lines(plan: ConfigurationPlan) -> Iterator[str]:
    for change in plan.changes:
        yield f"{_SIGNS[change.kind]} {change.key}{_place(change)}"
        for field, before, after in change.differences:
            value = f"{before} → {after}" if change.before is not None else after
            yield f"    {field}: {value}"


def _place(change: ConfigurationChange) -> str:
    reason = f", {change.reason}" if change.reason else ""
    if change.declaration is None:
        return reason
    position = change.declaration.position
    return f"  ({position.file}:{position.line}{reason})"


def _notice_lines(plan: ConfigurationPlan) -> Iterator[str]:
    for kind, title in _NOTICES.items():
        notices = [notice for notice in plan.notices if notice.kind is kind]
        if notices:
            yield f"{title}:"
            yield from (f"  ! {notice}" for notice in notices)
