"""Text that others wrote, made fit to be stored, logged and shown.

PostgreSQL stores no NUL, terminals and logs obey control characters, and marks that change the
direction of writing or take no room make one text look like another.
"""

import re

PLACEHOLDER = "\N{REPLACEMENT CHARACTER}"

_UNSAFE_PATTERN = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control, except tab and line breaks
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e"  # invisible, or change the direction
    "\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff"  # halves of characters, which no encoding takes
    "\U000e0000-\U000e0fff"  # tags, and selectors of variants
    "]"
)


def replace_invisible(text: str) -> str:
    """Replace each control or invisible character by a placeholder; tabs and line breaks stay."""
    return _UNSAFE_PATTERN.sub(PLACEHOLDER, text)


def to_single_line(text: str, longest: int = 2_000) -> str:
    """Return a text as one visible line of at most so many characters."""
    line = " ".join(replace_invisible(text[: 4 * longest]).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
