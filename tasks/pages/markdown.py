"""Markdown, safely: what registries and people wrote never becomes markup."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from models.core.plural import amount
from models.core.text import one_line

_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#~$&])")
_LINK = re.compile(r"(?<=:)(?=//)|(?<=[wW]{3})(?=\.)|(?=@)")
"""Where an address begins to be one; pages turn bare addresses into links."""


def plain(text: object, longest: int = 300) -> str:
    """Return text for a table cell or a sentence: one line, no markup, no link, not too long."""
    return _LINK.sub("<wbr>", _MARKUP.sub(r"\\\1", one_line(str(text), longest)))


def code(text: object, longest: int = 300) -> str:
    """Return text as inline code: one line, and nothing in it ends the code or its table cell."""
    line = one_line(str(text), longest).replace("`", "'").replace("|", "¦")
    return f"`{line or ' '}`"


def stacked(*lines: str) -> str:
    """Return a table cell of several lines: Prefect's page is narrow."""
    return "<br>".join(line for line in lines if line)


def folding(text: object) -> str:
    """Return an address or a reason that may be broken over lines, and is no link."""
    return re.sub(r"(?<=[.:])(?=\S)|(?<=[a-z])(?=[A-Z])", "<wbr>", plain(text))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown already."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def moment(at: datetime | None) -> str:
    """Return a time, UTC to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "never"


def minute(at: datetime | None) -> str:
    """Return a time for a table cell: UTC to the minute, which the head says."""
    return f"{at:%Y-%m-%d %H:%M}".replace("-", "\N{NON-BREAKING HYPHEN}") if at else "never"


def size(octets: int | None) -> str:
    """Return a number of bytes for people; None is unknown, which is not zero."""
    if octets is None:
        return "unknown"
    amount, unit = float(octets), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if amount < 1024 or unit == "PiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def limit(octets: int | None) -> str:
    """Return a quota for people; -1 is unlimited."""
    return "unlimited" if octets == -1 else size(octets)


def left_out(whole: int, shown: int) -> str:
    """Say under a table how many rows are not in it."""
    return f"\n\n… and {whole - shown} more." if whole > shown else ""


def age(since: datetime, now: datetime) -> str:
    """Return how long ago something was, in the unit that suits it."""
    seconds = max((now - since).total_seconds(), 0)
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length:
            return amount(int(seconds / length), unit)
    return amount(int(seconds), "second")
