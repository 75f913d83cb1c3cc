"""Page with the check results of a probe."""

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
    """Return the page that lists the result of each check, and how to fix the first failure.

    Args:
        name: name of the registry.
        description: type and address of the registry.
        checks: results of the checks, in order.
        summary: result of the probe, in one sentence.
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
        markdown_table(("", "Step", "Result", "Reason"), rows),
    ]
    if failed_check:
        parts.append(
            f"**What to do:** {escape_markdown(failed_check.advice or failed_check.message, 600)}"
        )
    return "\n\n".join(parts) + "\n"


def probe_summary(checks: Sequence[CheckResult]) -> str:
    """Return the result of a probe in one sentence."""
    check = first_failure(checks)
    if check is None:
        return "The connection works."
    advice = f"; {check.advice}" if check.advice else ""
    return f"{check.step or check.type}: {check.message}{advice} ({check.reason})"
