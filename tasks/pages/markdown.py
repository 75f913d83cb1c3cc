"""Safe Markdown: text from registries, clusters and users never becomes markup."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from models.core.plural import pluralize
from models.core.text import to_single_line
from models.registries.observation import Coverage

_MARKUP_PATTERN = re.compile(r"([\\`*_{}\[\]<>|#~$&])")
_LINK_PATTERN = re.compile(r"(?<=:)(?=//)|(?<=[wW]{3})(?=\.)|(?=@)")
"""Positions that make a bare address a link: GitHub-flavoured Markdown links those by itself."""


def escape_markdown(text: object, longest: int = 300) -> str:
    """Return text for a cell or sentence: one line, no markup, no link, at most `longest` long."""
    return _LINK_PATTERN.sub(
        "<wbr>", _MARKUP_PATTERN.sub(r"\\\1", to_single_line(str(text), longest))
    )


def inline_code(text: object, longest: int = 300) -> str:
    """Return text as inline code: one line, with no character that ends the code or its cell."""
    line = to_single_line(str(text), longest).replace("`", "'").replace("|", "¦")
    return f"`{line or ' '}`"


def stack_lines(*lines: str) -> str:
    """Return a table cell with several lines; Prefect's artifact page is narrow."""
    return "<br>".join(line for line in lines if line)


def breakable(text: object) -> str:
    """Return an address or reason code that can wrap and is not a link."""
    return re.sub(r"(?<=[.:])(?=\S)|(?<=[a-z])(?=[A-Z])", "<wbr>", escape_markdown(text))


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells must already be Markdown."""
    header = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*header, *(f"| {' | '.join(row)} |" for row in rows)])


def timestamp(at: datetime | None) -> str:
    """Return a time in UTC, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "never"


def short_timestamp(at: datetime | None) -> str:
    """Return a time for a cell, in UTC to the minute; the table header names the time zone."""
    return f"{at:%Y-%m-%d %H:%M}".replace("-", "\N{NON-BREAKING HYPHEN}") if at else "never"


def format_bytes(octets: int | None) -> str:
    """Return a readable number of bytes; None means unknown."""
    if octets is None:
        return "unknown"
    value, unit = float(octets), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < 1024 or unit == "PiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def format_storage(octets: int | None, coverage: Coverage | None, tags: str = " of tags") -> str:
    """Return a readable number of bytes, with the share of tags that it covers if it was counted.

    Args:
        octets: the bytes; None is unknown.
        coverage: the tags that were counted; None if the registry reports its storage.
        tags: text after the share.
    """
    if coverage is None:
        return format_bytes(octets)
    at_least = "≥ " if octets is not None and not coverage.is_complete else ""
    return f"{at_least}{format_bytes(octets)}, {coverage.percent} %{tags}"


def format_quota(octets: int | None) -> str:
    """Return a readable quota in bytes; -1 means unlimited, None unknown."""
    return "unlimited" if octets == -1 else format_bytes(octets)


def more_rows(row_count: int, row_limit: int) -> str:
    """Return the note below a table about rows beyond the limit; empty if there are none."""
    return f"\n\n… and {row_count - row_limit} more." if row_count > row_limit else ""


def format_age(since: datetime, now: datetime) -> str:
    """Return the age in the largest unit of which it has at least two, e.g. `3 minutes`."""
    seconds = max((now - since).total_seconds(), 0)
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length:
            return pluralize(int(seconds / length), unit)
    return pluralize(int(seconds), "second")
