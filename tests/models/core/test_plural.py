"""Plural forms, and articles."""

import pytest

from models.core.plural import add_article, pluralize


@pytest.mark.parametrize(
    ("count", "noun", "expected"),
    [
        (0, "cluster", "0 clusters"),
        (1, "cluster", "1 cluster"),
        (2, "pull secret", "2 pull secrets"),
        (1, "registry", "1 registry"),
        (3, "registry", "3 registries"),
        (2, "day", "2 days"),
    ],
)
def test_a_number_and_its_noun(count: int, noun: str, expected: str) -> None:
    assert pluralize(count, noun) == expected


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("Harbor", "a Harbor"),
        ("Docker Registry", "a Docker Registry"),
        ("Artifactory", "an Artifactory"),
    ],
)
def test_a_noun_and_its_article(noun: str, expected: str) -> None:
    assert add_article(noun) == expected
