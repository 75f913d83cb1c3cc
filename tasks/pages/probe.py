"""The verdict of a probe, as a page."""

from collections.abc import Sequence

from models.registries.condition import Status, Verdict
from models.registries.health import failed
from tasks.pages.markdown import code, plain, table

_MARK = {Status.TRUE: "✅", Status.FALSE: "❌", Status.UNKNOWN: "⚠️"}


def verdict_page(name: str, what: str, verdicts: Sequence[Verdict], conclusion: str) -> str:
    """Tell step by step what was found, and what to do about the step that failed.

    Args:
        name: what the registry is called here.
        what: what it is and where, in words.
    """
    rows = [
        (
            _MARK[verdict.status],
            verdict.step or verdict.type,
            plain(verdict.message),
            code(verdict.reason),
        )
        for verdict in verdicts
    ]
    broken = failed(verdicts)
    parts = [
        f"# {_MARK[Status.FALSE if broken else Status.TRUE]} {name}",
        plain(what),
        f"**{plain(conclusion, 600)}**",
        table(("", "Step", "Found", "Reason"), rows),
    ]
    if broken:
        parts.append(f"**What to do:** {plain(broken.advice or broken.message, 600)}")
    return "\n\n".join(parts) + "\n"


def conclusion_of(verdicts: Sequence[Verdict]) -> str:
    """Say in one sentence how a probe ended."""
    broken = failed(verdicts)
    if broken is None:
        return "The connection is proved."
    advice = f"; {broken.advice}" if broken.advice else ""
    return f"{broken.step or broken.type}: {broken.message}{advice} ({broken.reason})"
