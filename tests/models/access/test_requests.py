"""Requests of users: patterns, listed namespaces, and safety limits."""

import pytest

from models.access.requests import (
    check_opened_spaces,
    check_unbind_limit,
    check_workspaces_exist,
    match_spaces,
    opened_by_pull_user,
    opened_by_visibility,
    parse_clusters,
    parse_namespaces,
    with_visibility,
)
from models.core.errors import InvalidRequest, UnsafePlan
from models.core.limits import ChangeLimits
from models.registries.registry import BlockRef, Kind, Registry
from models.registries.space import Space
from tests.support.builders import NOW, PUBLIC, registry, space

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
    ("names", "allowed"), [((), ()), (("us", "eu", "us"), ("eu", "us")), (("eu",), ("eu",))]
)
def test_clusters_of_a_workspace(names: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    assert parse_clusters(names, [("eu", "shop")], ["eu", "us"]) == allowed


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("asia",), "'asia' is not registered; registered clusters: eu, us"),
        (("us",), "namespace eu/shop is listed, but the workspace is restricted to us"),
    ],
)
def test_refused_clusters_of_a_workspace(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        parse_clusters(names, [("eu", "shop")], ["eu", "us"])


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


# A registry whose public spaces need a login shares its pull-only user with all namespaces.

DOCKER = registry(Kind.DOCKER).model_copy(update={"pull_credential": BlockRef(name="puller")})
PRIVATE_ONE, PRIVATE_TWO = space("a", observed=None), space("b", observed=None)
PUBLIC_ONE = space("c", observed=None, desired=PUBLIC)
GONE = {"missing_since": NOW}


def _request(*names: str) -> list[Space]:
    return [space(name, observed=None, desired=PUBLIC) for name in names]


@pytest.mark.parametrize(
    ("spec", "spaces", "requested", "count"),
    [
        (DOCKER, [PRIVATE_ONE, PRIVATE_TWO], _request("a"), 1),
        (DOCKER, [PRIVATE_ONE, PRIVATE_TWO], _request("new"), 2),
        (DOCKER, [PRIVATE_ONE, PRIVATE_TWO], _request("a", "b"), 0),
        (DOCKER, [PRIVATE_ONE, PRIVATE_TWO], [PRIVATE_ONE], 0),
        (DOCKER, [PRIVATE_ONE, PUBLIC_ONE], _request("new"), 0),  # open already
        (DOCKER, [PRIVATE_ONE, PUBLIC_ONE.model_copy(update=GONE)], _request("new"), 1),
        (DOCKER, [PRIVATE_ONE, PRIVATE_TWO.model_copy(update=GONE)], _request("new"), 1),
        (DOCKER, [PRIVATE_ONE, space("b", declared=True, observed=None)], _request("new"), 1),
        (registry(Kind.DOCKER), [PRIVATE_ONE, PRIVATE_TWO], _request("a"), 0),
        (registry(Kind.HARBOR), [space("a"), space("b")], _request("a"), 0),
    ],
)
def test_spaces_that_a_public_one_opens(
    spec: Registry, spaces: list[Space], requested: list[Space], count: int
) -> None:
    assert opened_by_visibility(spec, spaces, requested) == count


@pytest.mark.parametrize(
    ("before", "spaces", "count"),
    [
        (registry(Kind.DOCKER), [PRIVATE_ONE, PUBLIC_ONE], 1),
        (registry(Kind.DOCKER), [PRIVATE_ONE, PUBLIC_ONE.model_copy(update=GONE)], 0),
        (registry(Kind.DOCKER), [PRIVATE_ONE], 0),
        (DOCKER, [PRIVATE_ONE, PUBLIC_ONE], 0),
    ],
)
def test_spaces_that_a_pull_only_user_opens(
    before: Registry, spaces: list[Space], count: int
) -> None:
    assert opened_by_pull_user(before, DOCKER, spaces) == count


@pytest.mark.parametrize("confirmed", [None, 0, 1, 3])
def test_opening_needs_the_number(confirmed: int | None) -> None:
    check_opened_spaces(DOCKER, 0, confirmed)
    check_opened_spaces(DOCKER, 2, 2)
    with pytest.raises(InvalidRequest, match=r"opens 2 private spaces of prod .* set to 2"):
        check_opened_spaces(DOCKER, 2, confirmed)


def test_errors_suggest_the_name_that_was_meant() -> None:
    with pytest.raises(InvalidRequest, match=r"did you mean 'team-a'\?$"):
        check_workspaces_exist(["taem-a"], ["blue", "team-a"])
    with pytest.raises(InvalidRequest, match=r"did you mean 'payments'\?$"):
        match_spaces("prod", ["payments", "shop"], ["payment"])
    with pytest.raises(InvalidRequest, match=r"did you mean 'payments'\?$"):
        with_visibility("prod", [space("payments")], ["paymens"], PUBLIC)
