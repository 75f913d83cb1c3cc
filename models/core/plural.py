"""Plural forms of nouns."""

_VOWELS = tuple("aeiou")


def pluralize(count: int, noun: str) -> str:
    """Return a number with its noun in the right form: `1 cluster`, `0 registries`, `2 days`."""
    if count == 1:
        return f"1 {noun}"
    stem = noun.removesuffix("y")
    return f"{count} {noun}s" if stem == noun or stem.endswith(_VOWELS) else f"{count} {stem}ies"
