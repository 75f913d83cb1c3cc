"""Numbers with their nouns."""

import pytest

from models.core.plural import amount


@pytest.mark.parametrize(
    ("many", "noun", "told"),
    [
        (0, "cluster", "0 clusters"),
        (1, "cluster", "1 cluster"),
        (2, "pull secret", "2 pull secrets"),
        (1, "registry", "1 registry"),
        (3, "registry", "3 registries"),
        (2, "day", "2 days"),
    ],
)
def test_a_number_and_its_noun(many: int, noun: str, told: str) -> None:
    assert amount(many, noun) == told
