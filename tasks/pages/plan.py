"""A plan, with what became of it, as a page."""

from collections.abc import Sequence

from models.core.availability import Unavailable
from models.core.plural import pluralize
from models.registries.changes import (
    Change,
    ChangeResult,
    DeleteRobot,
    UpdateRobot,
    summarize_spaces,
)
from models.registries.observation import Snapshot
from models.registries.plan import Plan
from models.registries.space import Visibility
from tasks.pages.markdown import escape_markdown, inline_code, markdown_table, timestamp

_MAX_ROWS = 500
"""Rows shown; a longer plan says how many are left out."""


def plan_page(
    snapshot: Snapshot,
    plan: Plan,
    results: tuple[ChangeResult, ...] = (),
    *,
    unsafe_reason: str = "",
    dry_run: bool = False,
) -> str:
    """Tell what was seen to differ, what is planned, and what became of it."""
    parts = [f"# Plan for {plan.registry}{' (dry run: nothing was changed)' if dry_run else ''}"]
    parts.append(_summary_line(snapshot, plan, results, dry_run=dry_run))
    if unsafe_reason:
        parts.append(f"**Refused:** {escape_markdown(unsafe_reason, 600)}")
    if plan.changes:
        parts += ["## Changes", _changes_section(plan, results, dry_run=dry_run)]
    if plan.drifts:
        parts += ["## Drift found", _drifts_section(plan)]
    return "\n\n".join(parts) + "\n"


def _summary_line(
    snapshot: Snapshot, plan: Plan, results: tuple[ChangeResult, ...], *, dry_run: bool
) -> str:
    at = f"Looked at {timestamp(snapshot.observed_at)} for {snapshot.seconds:.1f} s."
    if isinstance(snapshot.spaces, Unavailable):
        why = _unavailable_reason(snapshot.spaces)
        return f"{at} **The spaces could not be read completely, so nothing is planned** ({why})."
    if snapshot.first_unavailable is not None:
        why = _unavailable_reason(snapshot.first_unavailable)
        at += f" **The robot accounts could not be read, so no grant is planned** ({why})."
    done_count = sum(result.succeeded for result in results)
    applied_note = "" if dry_run else f", {done_count} made, {len(results) - done_count} failed"
    return (
        f"{at} {pluralize(len(snapshot.spaces.items), 'space')} seen, "
        f"{pluralize(len(plan.drifts), 'drift')}, {pluralize(len(plan.changes), 'change')} "
        f"planned{applied_note}."
    )


def _unavailable_reason(section: Unavailable) -> str:
    return f"{inline_code(section.reason)}: {escape_markdown(section.message)}"


def _changes_section(plan: Plan, results: tuple[ChangeResult, ...], *, dry_run: bool) -> str:
    results_by_change = {_change_key(result.change): result for result in results}
    rows = [
        (
            escape_markdown(change.subject),
            change.kind,
            _side_cell(change.before),
            _side_cell(change.after),
            inline_code(change.reason),
            _result_cell(results_by_change.get(_change_key(change)), dry_run=dry_run),
        )
        for change in plan.changes[:_MAX_ROWS]
    ]
    head = ("Space or workspace", "Change", "Before", "After", "Reason", "Outcome")
    return markdown_table(head, rows) + _more_rows(plan.changes)


def _change_key(change: Change) -> tuple[str, ...]:
    robot = change.robot_id if isinstance(change, UpdateRobot | DeleteRobot) else ""
    return change.subject, change.kind, str(robot)


def _side_cell(side: Visibility | tuple[str, ...] | None) -> str:
    if isinstance(side, Visibility):
        return side.value
    return escape_markdown(summarize_spaces(side)) if side else "–"


def _result_cell(result: ChangeResult | None, *, dry_run: bool) -> str:
    if result is None:
        return "not made (dry run)" if dry_run else "not made"
    mark = "✅" if result.succeeded else "❌"
    return f"{mark} {inline_code(result.reason)} {escape_markdown(result.message)}".strip()


def _drifts_section(plan: Plan) -> str:
    rows = [
        (
            escape_markdown(drift.space),
            drift.kind,
            escape_markdown(drift.before or "–"),
            escape_markdown(drift.after or "–"),
            drift.action,
            escape_markdown(drift.reason),
        )
        for drift in plan.drifts[:_MAX_ROWS]
    ]
    head = ("Space", "Drift", "Before", "After", "Handling", "Why")
    return markdown_table(head, rows) + _more_rows(plan.drifts)


def _more_rows(rows: Sequence[object]) -> str:
    count = len(rows) - _MAX_ROWS
    return f"\n\n… and {count} more." if count > 0 else ""
