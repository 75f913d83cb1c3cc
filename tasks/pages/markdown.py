"""Markdown, safely: what registries and people wrote never becomes markup."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from models.core.plural import pluralize
from models.core.text import to_single_line

_MARKUP_PATTERN = re.compile(r"([\\`*_{}\[\]<>|#~$&])")
_LINK_PATTERN = re.compile(r"(?<=:)(?=//)|(?<=[wW]{3})(?=\.)|(?=@)")
"""Where an address begins to be one; pages turn bare addresses into links."""


def escape_markdown(text: object, longest: int = 300) -> str:
    """Return text for a table cell or a sentence: one line, no markup, no link, not too long."""
    return _LINK_PATTERN.sub(
        "<wbr>", _MARKUP_PATTERN.sub(r"\\\1", to_single_line(str(text), longest))
    )


def inline_code(text: object, longest: int = 300) -> str:
    """Return text as inline code: one line, and nothing in it ends the code or its table cell."""
    line = to_single_line(str(text), longest).replace("`", "'").replace("|", "¦")
    return f"`{line or ' '}`"


def stack_lines(*lines: str) -> str:
    """Return a table cell of several lines: Prefect's page is narrow."""
    return "<br>".join(line for line in lines if line)


def breakable(text: object) -> str:
    """Return an address or a reason that may be broken over lines, and is no link."""
    return re.sub(r"(?<=[.:])(?=\S)|(?<=[a-z])(?=[A-Z])", "<wbr>", escape_markdown(text))


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown already."""
    header = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*header, *(f"| {' | '.join(row)} |" for row in rows)])


def timestamp(at: datetime | None) -> str:
    """Return a time, UTC to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "never"


def short_timestamp(at: datetime | None) -> str:
    """Return a time for a table cell: UTC to the minute, which the head says."""
    return f"{at:%Y-%m-%d %H:%M}".replace("-", "\N{NON-BREAKING HYPHEN}") if at else "never"


def format_bytes(octets: int | None) -> str:
    """Return a number of bytes for people; None is unknown, which is not zero."""
    if octets is None:
        return "unknown"
    value, unit = float(octets), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < 1024 or unit == "PiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def format_quota(octets: int | None) -> str:
    """Return a quota for people; -1 is unlimited."""
    return "unlimited" if octets == -1 else format_bytes(octets)


def more_rows(row_count: int, row_limit: int) -> str:
    """Say under a table how many rows are not in it."""
    return f"\n\n… and {row_count - row_limit} more." if row_count > row_limit else ""


def format_age(since: datetime, now: datetime) -> str:
    """Return how long ago something was, in the unit that suits it."""
    seconds = max((now - since).total_seconds(), 0)
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length:
            return pluralize(int(seconds / length), unit)
    return pluralize(int(seconds), "second")
