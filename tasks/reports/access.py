"""Why a namespace can, or cannot, pull an image, as a page."""

from models.explanation import Answer, ChainLink, Explanation
from tasks.reports.markdown import age, code, minute, plain, stacked, table

ANSWER_MARK = {Answer.YES: "✅", Answer.NO: "❌", Answer.UNKNOWN: "❔"}


def access_page(told: Explanation) -> str:
    """Tell link after link what was seen, and what to do about the first that does not hold."""
    question = told.question
    parts = [
        f"# {ANSWER_MARK[told.answer]} {told.answer.capitalize()}: {plain(question.place)}, "
        f"{plain(question.image)}",
        f"**{plain(told.sentence, 900)}.**",
    ]
    if told.failing is not None:
        parts.append(f"**What to do ({told.failing}):** {plain(told.fix, 900)}.")
    rows = (_row(link, told) for link in told.links)
    parts.append(table(("", "Link", "Seen", "As of (UTC), age"), rows))
    parts.append(f"Asked {minute(told.at)} UTC; nothing was changed.")
    parts.append("\n".join(f"* {plain(note, 600)}" for note in told.notes))
    return "\n\n".join(part for part in parts if part) + "\n"


def _row(link: ChainLink, told: Explanation) -> tuple[str, ...]:
    fix = f"→ {plain(link.fix, 600)}" if link.fix and link.answer is not Answer.YES else ""
    since = stacked(minute(link.at), age(link.at, told.at)) if link.at else "–"
    return ANSWER_MARK[link.answer], code(link.name), stacked(plain(link.seen, 600), fix), since
