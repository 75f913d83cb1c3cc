"""Sanitize text from other systems before it is stored, logged or displayed.

PostgreSQL cannot store NUL, terminals and logs interpret control characters, and invisible or
direction-changing characters make one text look like another.
"""

import re

PLACEHOLDER = "\N{REPLACEMENT CHARACTER}"

_UNSAFE_PATTERN = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control, except tab and line breaks
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e"  # invisible or direction-changing
    "\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff"  # surrogates, which no encoding accepts
    "\U000e0000-\U000e0fff"  # tags and variation selectors
    "]"
)


def replace_invisible(text: str) -> str:
    """Replace control and invisible characters by a placeholder; keep tabs and line breaks."""
    return _UNSAFE_PATTERN.sub(PLACEHOLDER, text)


def to_single_line(text: str, longest: int = 2_000) -> str:
    """Return a text as one visible line of at most `longest` characters."""
    return shorten(" ".join(replace_invisible(text[: 4 * longest]).split()), longest)


def shorten(text: str, longest: int) -> str:
    """Return at most `longest` characters of a text, cut between two words if it has any."""
    if len(text) <= longest:
        return text
    cut = text[:longest].rpartition(" ")[0]
    return f"{cut if len(cut) > longest // 2 else text[: longest - 1]}…"
