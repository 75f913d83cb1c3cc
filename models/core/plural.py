"""Forms of nouns: plural, and with an article."""

_VOWELS = tuple("aeiou")


def add_article(noun: str) -> str:
    """Return a noun with its indefinite article: `a Harbor`, `an Artifactory`."""
    return f"{'an' if noun.lower().startswith(_VOWELS) else 'a'} {noun}"


def pluralize(count: int, noun: str) -> str:
    """Return a number with its noun in the right form: `1 cluster`, `0 registries`, `2 days`."""
    if count == 1:
        return f"1 {noun}"
    stem = noun.removesuffix("y")
    return f"{count} {noun}s" if stem == noun or stem.endswith(_VOWELS) else f"{count} {stem}ies"
