"""Why a namespace can, or cannot, pull an image, as a page."""

from models.access.explain.explanation import Answer, ChainLink, Explanation, LinkName, depends
from tasks.pages.markdown import age, code, moment, plain, stacked, table

ANSWER_MARK = {Answer.YES: "✅", Answer.NO: "❌", Answer.UNKNOWN: "❔"}
_JUST_THEN = 10.0
"""Seconds; a look takes some."""


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
    parts.append(table(("", "Link", "Seen", "As of"), rows))
    parts.append(f"Asked on {moment(told.at)}; nothing was changed.")
    parts.append("\n".join(f"* {plain(note, 600)}" for note in told.notes))
    return "\n\n".join(part for part in parts if part) + "\n"


def _row(link: ChainLink, told: Explanation) -> tuple[str, ...]:
    name = code(link.name.replace("-", "\N{NON-BREAKING HYPHEN}"))
    if any(link == depends(link.name, other) for other in LinkName):
        return "–", name, plain(link.seen), "–"
    elsewhere = link.answer is Answer.YES or link.name is told.failing  # it stands above
    fix = "" if elsewhere or not link.fix else f"→ {plain(link.fix, 600)}"
    seen = stacked(plain(link.seen, 600), fix)
    return ANSWER_MARK[link.answer], name, seen, _as_of(link, told)


def _as_of(link: ChainLink, told: Explanation) -> str:
    """Tell how old a finding was when it was asked for; most were made just then."""
    if link.at is None:
        return "–"
    ago = (told.at - link.at).total_seconds()
    said = "just then" if ago < _JUST_THEN else f"{age(link.at, told.at)} before"
    return said.replace(" ", "\N{NO-BREAK SPACE}")
