"""The verdict of a probe, as a page."""

from collections.abc import Sequence

from models.registries.condition import CheckResult, ConditionStatus
from models.registries.health import first_failure
from tasks.pages.markdown import escape_markdown, inline_code, markdown_table

_STATUS_ICON = {
    ConditionStatus.TRUE: "✅",
    ConditionStatus.FALSE: "❌",
    ConditionStatus.UNKNOWN: "⚠️",
}


def probe_page(name: str, description: str, checks: Sequence[CheckResult], summary: str) -> str:
    """Tell step by step what was found, and what to do about the step that failed.

    Args:
        name: what the registry is called here.
        description: what it is and where, in words.
    """
    rows = [
        (
            _STATUS_ICON[check.status],
            check.step or check.type,
            escape_markdown(check.message),
            inline_code(check.reason),
        )
        for check in checks
    ]
    failed_check = first_failure(checks)
    parts = [
        f"# {_STATUS_ICON[ConditionStatus.FALSE if failed_check else ConditionStatus.TRUE]} {name}",
        escape_markdown(description),
        f"**{escape_markdown(summary, 600)}**",
        markdown_table(("", "Step", "Found", "Reason"), rows),
    ]
    if failed_check:
        parts.append(
            f"**What to do:** {escape_markdown(failed_check.advice or failed_check.message, 600)}"
        )
    return "\n\n".join(parts) + "\n"


def probe_summary(checks: Sequence[CheckResult]) -> str:
    """Say in one sentence how a probe ended."""
    check = first_failure(checks)
    if check is None:
        return "The connection is proved."
    advice = f"; {check.advice}" if check.advice else ""
    return f"{check.step or check.type}: {check.message}{advice} ({check.reason})"
