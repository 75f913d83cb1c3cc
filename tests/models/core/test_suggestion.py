"""Did you mean …"""

import time

import pytest

from models.core.suggestion import did_you_mean, suggest_name

NAMES = ["harbor-prod", "harbor-dev", "docker-dev", "Team-A"]


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("harbor-prd", "harbor-prod"),
        ("habor-prod", "harbor-prod"),
        ("HARBOR-DEV", "harbor-dev"),
        ("harbour-dev", "harbor-dev"),
        ("dokcer-dev", "docker-dev"),
        ("team_a", "Team-A"),
        ("nexus", None),
        ("", None),
        ("<script>alert(1)</script>", None),
        ("x" * 10_000, None),
    ],
)
def test_the_most_similar_name(name: str, suggestion: str | None) -> None:
    assert suggest_name(name, NAMES) == suggestion


def test_the_first_of_names_that_are_alike() -> None:
    assert suggest_name("team-x", ["team-a", "team-b"]) == "team-a"
    assert suggest_name("team-a", []) is None


def test_many_long_names_are_compared_in_bounded_time() -> None:
    names = [f"{number:05d}-{'ab' * 120}" for number in range(50_000)]
    started = time.perf_counter()
    assert suggest_name("ba" * 5_000, names) is not None
    assert time.perf_counter() - started < 10


def test_an_error_message_ends_with_the_suggestion() -> None:
    assert did_you_mean("prodution", ["dev", "production"]) == "; did you mean 'production'?"
    assert did_you_mean("x", ["dev", "production"]) == ""
