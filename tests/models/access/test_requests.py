"""Requests of users: patterns, listed namespaces, and safety limits."""

import pytest

from models.access.requests import (
    check_unbind_limit,
    check_workspaces_exist,
    match_spaces,
    parse_namespaces,
)
from models.core.errors import InvalidRequest, UnsafePlan
from models.core.limits import ChangeLimits

SPACE_NAMES = ["team", "team-b", "tools", "a.b", "/", "base"]


@pytest.mark.parametrize(
    ("patterns", "expected"),
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
def test_names_and_patterns(patterns: list[str], expected: tuple[str, ...]) -> None:
    assert match_spaces("prod", SPACE_NAMES, patterns) == expected


@pytest.mark.parametrize(
    "pattern", ["ghost", "ghost*", "TEAM", "Team*", "", "?????????", "team*x", "a[.]b", "[a-z]*"]
)
def test_a_pattern_that_means_nothing_is_refused(pattern: str) -> None:
    """Also if other patterns match: otherwise the user could assume that all were bound."""
    with pytest.raises(InvalidRequest) as excinfo:
        match_spaces("prod", SPACE_NAMES, ["team", pattern])
    assert f"prod has no space {pattern!r}" in str(excinfo.value)


def test_a_long_pattern_is_cut() -> None:
    with pytest.raises(InvalidRequest) as excinfo:
        match_spaces("prod", SPACE_NAMES, ["x" * 5000])
    assert len(str(excinfo.value)) < 300


def test_listed_namespaces() -> None:
    texts = ["eu/shop", " us/shop ", "eu/shop"]
    assert parse_namespaces(texts, ["eu", "us"]) == (
        ("eu", "shop"),
        ("us", "shop"),
        ("eu", "shop"),
    )
    assert parse_namespaces([], []) == ()


@pytest.mark.parametrize(
    "text",
    ["shop", "eu/", "/shop", "eu/shop/x", "eu/Shop", "eu/a.b", "eu/-a", f"eu/{'a' * 64}", ""],
)
def test_listed_namespaces_that_make_no_sense(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"expected cluster/namespace|is not registered"):
        parse_namespaces([text], ["eu"])


@pytest.mark.parametrize(
    ("cluster_names", "listing"), [(["eu", "us"], "eu, us"), ([], "none; run register-cluster")]
)
def test_a_cluster_that_nobody_registered(cluster_names: list[str], listing: str) -> None:
    with pytest.raises(
        InvalidRequest, match=f"'prod' is not registered; registered clusters: {listing}"
    ):
        parse_namespaces(["prod/shop"], cluster_names)


@pytest.mark.parametrize(
    ("unbound_count", "total", "refused"),
    [(9, 9, False), (10, 34, False), (10, 33, True), (400, 400, True)],
)
def test_the_brake_on_unbinding(unbound_count: int, total: int, refused: bool) -> None:
    if not refused:
        check_unbind_limit("prod", unbound_count, total, ChangeLimits())
        return
    with pytest.raises(UnsafePlan, match=rf"would remove {unbound_count} of {total} bindings"):
        check_unbind_limit("prod", unbound_count, total, ChangeLimits())


def test_workspaces_must_exist() -> None:
    check_workspaces_exist([], [])
    check_workspaces_exist(["team-b", "team-a"], ["team-a", "team-b"])
    with pytest.raises(InvalidRequest, match="no workspace team-a; existing workspaces: none"):
        check_workspaces_exist(["team-a"], [])
    with pytest.raises(
        InvalidRequest, match=r"no workspace x, y; existing workspaces: team-a, team-b. Run"
    ):
        check_workspaces_exist(["y", "team-a", "x"], ["team-b", "team-a"])
