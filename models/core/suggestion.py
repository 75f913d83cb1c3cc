"""Suggest an existing name for a misspelt one."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from heapq import nlargest
from itertools import islice

_MIN_SIMILARITY = 0.6
_MAX_NAMES = 10_000
_MAX_LENGTH = 63
_CANDIDATE_COUNT = 20
"""An exact comparison is quadratic in the length, so only the closest names get one."""


def suggest_name(name: str, existing: Iterable[str]) -> str | None:
    """Return the existing name that is most similar to a name; None if none is.

    Args:
        name: the name that does not exist.
        existing: names that exist; only the first 10,000 are compared, by their first characters.
    """
    matcher = SequenceMatcher(autojunk=False, b=_shorten(name))

    def upper_bound(candidate: str) -> float:
        matcher.set_seq1(_shorten(candidate))
        return matcher.quick_ratio()

    def similarity(candidate: str) -> float:
        matcher.set_seq1(_shorten(candidate))
        return matcher.ratio()

    candidates = nlargest(_CANDIDATE_COUNT, islice(existing, _MAX_NAMES), key=upper_bound)
    best = max(candidates, key=similarity, default=None)
    return best if best is not None and similarity(best) >= _MIN_SIMILARITY else None


def did_you_mean(name: str, existing: Iterable[str]) -> str:
    """Return the end of an error message: `; did you mean 'prod'?`, or nothing.

    Args:
        name, existing: see `suggest_name`.
    """
    suggestion = suggest_name(name, existing)
    return f"; did you mean {suggestion!r}?" if suggestion is not None else ""


def _shorten(name: str) -> str:
    return name[:_MAX_LENGTH].lower()
