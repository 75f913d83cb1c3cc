"""Page of a plan and its results."""

from collections.abc import Sequence

from models.core.availability import Unavailable
from models.core.plural import pluralize
from models.core.runs.counts import count_changes
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
"""Rows shown; the number of further rows is given below the table."""


def plan_page(
    snapshot: Snapshot,
    plan: Plan,
    results: tuple[ChangeResult, ...] = (),
    *,
    unsafe_reason: str = "",
    dry_run: bool = False,
) -> str:
    """Return the page of a plan: the drift, the planned changes and their results.

    Args:
        snapshot: the observation that the plan is based on.
        plan: drift and changes.
        results: results of the applied changes; empty if nothing was applied.
        unsafe_reason: why changes were withheld: safety limits, or read-only mode.
        dry_run: whether the plan was not applied.
    """
    parts = [f"# Plan for {plan.registry}{' (dry run: nothing was changed)' if dry_run else ''}"]
    parts.append(_summary_line(snapshot, plan, results, dry_run=dry_run))
    if unsafe_reason:
        title = "Read-only" if snapshot.read_only_reason else "Safety limit"
        parts.append(f"**{title}:** {escape_markdown(unsafe_reason, 600)}")
    if plan.changes:
        parts += ["## Changes", _changes_section(plan, results, dry_run=dry_run)]
    if plan.drifts:
        parts += ["## Drift", _drifts_section(plan)]
    return "\n\n".join(parts) + "\n"


def _summary_line(
    snapshot: Snapshot, plan: Plan, results: tuple[ChangeResult, ...], *, dry_run: bool
) -> str:
    at = f"Observed at {timestamp(snapshot.observed_at)} in {snapshot.seconds:.1f} s."
    if isinstance(snapshot.spaces, Unavailable):
        why = _unavailable_reason(snapshot.spaces)
        return f"{at} **The spaces could not be read completely, so no change is planned** ({why})."
    if snapshot.first_unavailable is not None:
        why = _unavailable_reason(snapshot.first_unavailable)
        at += f" **The robot accounts could not be read, so they are not changed** ({why})."
    counts = count_changes(plan.changes, results, plan.withheld_count)
    changes = counts.describe_plan() if dry_run else counts.summarize()
    return (
        f"{at} {pluralize(len(snapshot.spaces.items), 'space')} observed, "
        f"{pluralize(len(plan.drifts), 'drift')}, {changes}."
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
    head = ("Space or workspace", "Change", "Before", "After", "Reason", "Result")
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
        return "not applied (dry run)" if dry_run else "not applied"
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
    head = ("Space", "Drift", "Before", "After", "Action", "Reason")
    return markdown_table(head, rows) + _more_rows(plan.drifts)


def _more_rows(rows: Sequence[object]) -> str:
    count = len(rows) - _MAX_ROWS
    return f"\n\n… and {count} more." if count > 0 else ""
