"""Page that explains why a namespace can or cannot pull an image."""

from models.access.explain.explanation import (
    AccessCheck,
    AccessCheckName,
    Answer,
    Explanation,
    Question,
    blocked_check,
)
from tasks.pages.markdown import (
    escape_markdown,
    format_age,
    inline_code,
    markdown_table,
    stack_lines,
    timestamp,
)

ANSWER_ICON = {Answer.YES: "✅", Answer.NO: "❌", Answer.UNKNOWN: "❔"}
_RECENT_SECONDS = 10.0
"""Findings younger than this were made by the run itself, which takes some seconds."""


def explanation_page(explanation: Explanation) -> str:
    """Return the page that lists every check, and how to fix the first one that failed."""
    question, answer = explanation.question, explanation.answer
    parts = [
        f"# {ANSWER_ICON[answer]} {answer.capitalize()}: "
        f"{escape_markdown(question.namespace_path)}{_pod_note(question)}, "
        f"{escape_markdown(question.image)}",
        f"**{escape_markdown(explanation.summary, 900)}.**",
    ]
    if explanation.first_failure is not None:
        fix = escape_markdown(explanation.fix, 900)
        parts.append(f"**What to do ({explanation.first_failure}):** {fix}.")
    rows = (_check_row(check, explanation) for check in explanation.checks)
    parts.append(markdown_table(("", "Check", "Result", "As of"), rows))
    parts.append(f"Checked at {timestamp(explanation.at)}. Nothing was changed.")
    parts.append("\n".join(f"* {escape_markdown(note, 600)}" for note in explanation.notes))
    return "\n\n".join(part for part in parts if part) + "\n"


def _pod_note(question: Question) -> str:
    if question.pod:
        return f", pod {inline_code(question.pod)}"
    account = question.service_account
    return f", ServiceAccount {inline_code(account)}" if account else ""


def _check_row(check: AccessCheck, explanation: Explanation) -> tuple[str, ...]:
    name = inline_code(check.name.replace("-", "\N{NON-BREAKING HYPHEN}"))
    if any(check == blocked_check(check.name, blocker) for blocker in AccessCheckName):
        return "–", name, escape_markdown(check.observation), "–"
    # The fix of the first failure is shown above the table.
    fix_shown_above = check.answer is Answer.YES or check.name is explanation.first_failure
    fix = "" if fix_shown_above or not check.fix else f"→ {escape_markdown(check.fix, 600)}"
    finding = stack_lines(escape_markdown(check.observation, 600), fix)
    return ANSWER_ICON[check.answer], name, finding, _age_note(check, explanation)


def _age_note(check: AccessCheck, explanation: Explanation) -> str:
    if check.at is None:
        return "–"
    seconds = (explanation.at - check.at).total_seconds()
    text = (
        "live" if seconds < _RECENT_SECONDS else f"{format_age(check.at, explanation.at)} earlier"
    )
    return text.replace(" ", "\N{NO-BREAK SPACE}")
