"""A plan, with what became of it, as a page."""

from collections.abc import Sequence

from models.core.availability import Unseen
from models.core.plural import amount
from models.registries.changes import Change, EditGrant, Outcome, RevokeGrant, spaces_told
from models.registries.observation import Snapshot
from models.registries.plan import Plan
from models.registries.space import Visibility
from tasks.pages.markdown import code, moment, plain, table

_MOST = 500
"""Rows shown; a longer plan says how many are left out."""


def plan_page(
    snapshot: Snapshot,
    plan: Plan,
    outcomes: tuple[Outcome, ...] = (),
    *,
    refused: str = "",
    dry_run: bool = False,
) -> str:
    """Tell what was seen to differ, what is planned, and what became of it."""
    parts = [f"# Plan for {plan.registry}{' (dry run: nothing was changed)' if dry_run else ''}"]
    parts.append(_summary(snapshot, plan, outcomes, dry_run=dry_run))
    if refused:
        parts.append(f"**Refused:** {plain(refused, 600)}")
    if plan.changes:
        parts += ["## Changes", _changes(plan, outcomes, dry_run=dry_run)]
    if plan.drifts:
        parts += ["## Drift found", _drifts(plan)]
    return "\n\n".join(parts) + "\n"


def _summary(
    snapshot: Snapshot, plan: Plan, outcomes: tuple[Outcome, ...], *, dry_run: bool
) -> str:
    at = f"Looked at {moment(snapshot.taken_at)} for {snapshot.seconds:.1f} s."
    if isinstance(snapshot.spaces, Unseen):
        why = f"{code(snapshot.spaces.reason)}: {plain(snapshot.spaces.message)}"
        return f"{at} **The spaces could not be read completely, so nothing is planned** ({why})."
    if snapshot.hidden is not None:
        why = f"{code(snapshot.hidden.reason)}: {plain(snapshot.hidden.message)}"
        at += f" **The robot accounts could not be read, so no grant is planned** ({why})."
    done = sum(outcome.done for outcome in outcomes)
    made = "" if dry_run else f", {done} made, {len(outcomes) - done} failed"
    return (
        f"{at} {amount(len(snapshot.spaces.items), 'space')} seen, "
        f"{amount(len(plan.drifts), 'drift')}, {amount(len(plan.changes), 'change')} planned{made}."
    )


def _changes(plan: Plan, outcomes: tuple[Outcome, ...], *, dry_run: bool) -> str:
    became = {_key(one.change): one for one in outcomes}
    rows = [
        (
            plain(change.subject),
            change.kind,
            _told(change.before),
            _told(change.after),
            code(change.reason),
            _became(became.get(_key(change)), dry_run=dry_run),
        )
        for change in plan.changes[:_MOST]
    ]
    head = ("Space or workspace", "Change", "Before", "After", "Reason", "Outcome")
    return table(head, rows) + _left_out(plan.changes)


def _key(change: Change) -> tuple[str, ...]:
    robot = change.robot_id if isinstance(change, EditGrant | RevokeGrant) else ""
    return change.subject, change.kind, str(robot)


def _told(side: Visibility | tuple[str, ...] | None) -> str:
    if isinstance(side, Visibility):
        return side.value
    return plain(spaces_told(side)) if side else "–"


def _became(outcome: Outcome | None, *, dry_run: bool) -> str:
    if outcome is None:
        return "not made (dry run)" if dry_run else "not made"
    mark = "✅" if outcome.done else "❌"
    return f"{mark} {code(outcome.reason)} {plain(outcome.message)}".strip()


def _drifts(plan: Plan) -> str:
    rows = [
        (
            plain(drift.space),
            drift.kind,
            plain(drift.before or "–"),
            plain(drift.after or "–"),
            drift.handling,
            plain(drift.reason),
        )
        for drift in plan.drifts[:_MOST]
    ]
    head = ("Space", "Drift", "Before", "After", "Handling", "Why")
    return table(head, rows) + _left_out(plan.drifts)


def _left_out(rows: Sequence[object]) -> str:
    many = len(rows) - _MOST
    return f"\n\n… and {many} more." if many > 0 else ""
