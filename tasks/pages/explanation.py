"""Why a namespace can, or cannot, pull an image, as a page."""

from models.access.explain.explanation import (
    AccessCheck,
    AccessCheckName,
    Answer,
    Explanation,
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
"""Seconds; a look takes some."""


def explanation_page(explanation: Explanation) -> str:
    """Tell link after link what was seen, and what to do about the first that does not hold."""
    question, answer = explanation.question, explanation.answer
    parts = [
        f"# {ANSWER_ICON[answer]} {answer.capitalize()}: "
        f"{escape_markdown(question.namespace_path)}, {escape_markdown(question.image)}",
        f"**{escape_markdown(explanation.summary, 900)}.**",
    ]
    if explanation.first_failure is not None:
        fix = escape_markdown(explanation.fix, 900)
        parts.append(f"**What to do ({explanation.first_failure}):** {fix}.")
    rows = (_check_row(check, explanation) for check in explanation.checks)
    parts.append(markdown_table(("", "Link", "Seen", "As of"), rows))
    parts.append(f"Asked on {timestamp(explanation.at)}; nothing was changed.")
    parts.append("\n".join(f"* {escape_markdown(note, 600)}" for note in explanation.notes))
    return "\n\n".join(part for part in parts if part) + "\n"


def _check_row(check: AccessCheck, explanation: Explanation) -> tuple[str, ...]:
    name = inline_code(check.name.replace("-", "\N{NON-BREAKING HYPHEN}"))
    if any(check == blocked_check(check.name, blocker) for blocker in AccessCheckName):
        return "–", name, escape_markdown(check.observation), "–"
    fix_shown_above = (
        check.answer is Answer.YES or check.name is explanation.first_failure
    )  # it stands above
    fix = "" if fix_shown_above or not check.fix else f"→ {escape_markdown(check.fix, 600)}"
    finding = stack_lines(escape_markdown(check.observation, 600), fix)
    return ANSWER_ICON[check.answer], name, finding, _age_note(check, explanation)


def _age_note(check: AccessCheck, explanation: Explanation) -> str:
    """Tell how old a finding was when it was asked for; most were made just then."""
    if check.at is None:
        return "–"
    seconds = (explanation.at - check.at).total_seconds()
    text = (
        "just then"
        if seconds < _RECENT_SECONDS
        else f"{format_age(check.at, explanation.at)} before"
    )
    return text.replace(" ", "\N{NO-BREAK SPACE}")
