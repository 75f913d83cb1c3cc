"""What people wish of bindings: patterns, listed namespaces, and the brake."""

import pytest

from models.access.requests import check_unbinding, listed_namespaces, matching
from models.core.errors import InputRefused, PlanRefused
from models.core.limits import Limits

KNOWN = ["team", "team-b", "tools", "a.b", "/", "base"]


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ([], ()),
        (["team"], ("team",)),
        (["tools", "team", "team"], ("team", "tools")),
        (["team*"], ("team", "team-b")),
        (["t*", "team"], ("team", "team-b", "tools")),
        (["*"], ("/", "a.b", "base", "team", "team-b", "tools")),
        (["tea?"], ("team",)),
        (["?"], ("/",)),
        (["/"], ("/",)),
        (["a.b"], ("a.b",)),
        (["a?b"], ("a.b",)),
        (["*a*e*"], ("base",)),
    ],
)
def test_names_and_patterns(patterns: list[str], found: tuple[str, ...]) -> None:
    assert matching("prod", KNOWN, patterns) == found


@pytest.mark.parametrize(
    "pattern", ["ghost", "ghost*", "TEAM", "Team*", "", "?????????", "team*x", "a[.]b", "[a-z]*"]
)
def test_a_pattern_that_means_nothing_is_refused(pattern: str) -> None:
    """However many others mean something: nobody is to believe that all were bound."""
    with pytest.raises(InputRefused) as caught:
        matching("prod", KNOWN, ["team", pattern])
    assert f"prod has no space {pattern!r}" in str(caught.value)


def test_a_long_pattern_is_cut() -> None:
    with pytest.raises(InputRefused) as caught:
        matching("prod", KNOWN, ["x" * 5000])
    assert len(str(caught.value)) < 300


def test_listed_namespaces() -> None:
    texts = ["eu/shop", " us/shop ", "eu/shop"]
    assert listed_namespaces(texts, ["eu", "us"]) == (
        ("eu", "shop"),
        ("us", "shop"),
        ("eu", "shop"),
    )
    assert listed_namespaces([], []) == ()


@pytest.mark.parametrize(
    "text",
    ["shop", "eu/", "/shop", "eu/shop/x", "eu/Shop", "eu/a.b", "eu/-a", f"eu/{'a' * 64}", ""],
)
def test_listed_namespaces_that_make_no_sense(text: str) -> None:
    with pytest.raises(InputRefused, match=r"is not cluster/namespace|there is no cluster"):
        listed_namespaces([text], ["eu"])


@pytest.mark.parametrize(
    ("known", "there"), [(["eu", "us"], "eu, us"), ([], "none yet; run register-cluster")]
)
def test_a_cluster_that_nobody_registered(known: list[str], there: str) -> None:
    with pytest.raises(InputRefused, match=f"no cluster 'prod' here; known are: {there}"):
        listed_namespaces(["prod/shop"], known)


@pytest.mark.parametrize(
    ("many", "whole", "refused"), [(9, 9, False), (10, 34, False), (10, 33, True), (400, 400, True)]
)
def test_the_brake_on_unbinding(many: int, whole: int, refused: bool) -> None:
    if not refused:
        check_unbinding("prod", many, whole, Limits())
        return
    with pytest.raises(PlanRefused, match=rf"would take away {many} of {whole} bindings"):
        check_unbinding("prod", many, whole, Limits())
