"""A Docker Registry's headers and names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.core.errors import ServerError
from models.registries.space import ObservedSpace
from tasks.http.response import Response
from tasks.registries.docker import wire
from tasks.registries.docker.wire import (
    Challenge,
    group_into_spaces,
    next_page_query,
    parse_challenge,
)
from tasks.registries.wire import parse_json

_BEARER = Challenge(scheme="bearer", realm="https://auth/token", service="reg")


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        ("", Challenge(scheme="")),
        ("Basic", Challenge(scheme="basic")),
        ('Basic realm="x y"', Challenge(scheme="basic", realm="x y")),
        ('BASIC Realm="x"', Challenge(scheme="basic", realm="x")),
        ('Basic realm="a\\"b, service=\\\\"', Challenge(scheme="basic", realm='a"b, service=\\')),
        ("Bearer realm=https://auth/token, service=reg", _BEARER),
        ('Bearer realm="https://auth/token" , service = "reg", realm="other"', _BEARER),
        ('Bearer service="reg", realm="x', Challenge(scheme="bearer", service="reg")),
        ("Bearer " + "a" * 20_000, Challenge(scheme="")),
        (
            'Bearer realm="https://auth/token",service="reg",scope="registry:catalog:*"',
            Challenge(scheme="bearer", realm="https://auth/token", service="reg"),
        ),
        (
            ' bearer service="reg", realm="https://auth/token" ',
            Challenge(scheme="bearer", realm="https://auth/token", service="reg"),
        ),
        (
            'Bearer realm="https://auth/token",service="reg", Basic realm="x"',
            Challenge(scheme="bearer", realm="https://auth/token", service="reg"),
        ),
        (
            'Basic realm="x", Bearer realm="https://auth/token",service="reg"',
            Challenge(scheme="basic", realm="x"),
        ),
        ("Negotiate", Challenge(scheme="negotiate")),
    ],
)
def test_challenges(header: str, challenge: Challenge) -> None:
    assert parse_challenge(header) == challenge


def test_harbor_gives_itself_away() -> None:
    assert parse_challenge('Bearer realm="x",service="harbor-registry"').is_harbor
    assert not parse_challenge('Bearer realm="harbor-registry",service="x"').is_harbor


@pytest.mark.parametrize(
    ("link", "query"),
    [
        ("", None),
        ("nonsense", None),
        ('</v2/_catalog?last=a&n=5>; rel="prev"', None),
        ('</v2/_catalog?last=a%2Fb&n=5>; rel="next"', {"last": "a/b", "n": "5"}),
        ("</v2/_catalog?last=a>; rel=next", {"last": "a"}),
        ('</v2/_catalog?last=a>;rel="next"', {"last": "a"}),
        ('<https://h:5000/v2/_catalog?n=5&last=a>; rel="next"', {"n": "5", "last": "a"}),
        ('<http://elsewhere.test/steal?last=a>; rel="next"', {"last": "a"}),
        ('<http://[/v2/_catalog?last=a>; rel="next"', {"last": "a"}),
        ('</v2/_catalog?next_page=gAAAA&n=5>; rel="next"', {"next_page": "gAAAA", "n": "5"}),
        ('<?last=a>; rel="prev", <?last=c>; rel="next"', {"last": "c"}),
        ('<?last=c>; rel="next", <?last=a>; rel="prev"', {"last": "c"}),
        ('</v2/_catalog>; rel="next"', {}),
        ('</v2/_catalog?last=a#last=b>; rel="next"', {"last": "a"}),
        (f'</v2/_catalog?last={"a" * 20_000}>; rel="next"', {}),
    ],
)
def test_next_page(link: str, query: dict[str, str] | None) -> None:
    assert next_page_query(link) == query


@given(st.text(max_size=80))
def test_no_header_breaks_us(header: str) -> None:
    assert parse_challenge(header).scheme == header.strip().partition(" ")[0].lower()
    assert next_page_query(f'<{header}>; rel="next"') is not None or ">" in header or "<" in header


def _observed_space(name: str, repositories: int) -> ObservedSpace:
    return ObservedSpace(name=name, repositories=repositories)


@pytest.mark.parametrize(
    ("repositories", "spaces"),
    [
        ([], ()),
        (["app"], (_observed_space("/", 1),)),
        (["team/app"], (_observed_space("team", 1),)),
        (
            ["team/app", "team/app/deep", "team", "b/c"],
            (_observed_space("/", 1), _observed_space("b", 1), _observed_space("team", 2)),
        ),
        (["123/456"], (_observed_space("123", 1),)),
        (
            ["p/r0", "p-a", "p-a/x"],
            (_observed_space("/", 1), _observed_space("p", 1), _observed_space("p-a", 1)),
        ),
    ],
)
def test_spaces_by_first_segment(
    repositories: list[str], spaces: tuple[ObservedSpace, ...]
) -> None:
    assert group_into_spaces(repositories) == spaces


@given(st.lists(st.from_regex(r"[a-z]{1,2}(/[a-z]){0,2}", fullmatch=True), unique=True))
def test_no_repository_is_lost(repositories: list[str]) -> None:
    assert sum(space.repositories or 0 for space in group_into_spaces(repositories)) == len(
        repositories
    )


def _catalog(body: bytes) -> wire.Catalog:
    return parse_json(
        Response("prod", "GET", "http://h/v2/_catalog", 200, {}, body), wire.CATALOG_ADAPTER
    )


def test_an_empty_catalog_may_be_null() -> None:
    assert _catalog(b'{"repositories": null}').repositories is None
    assert _catalog(b'{"repositories": [], "new": 1}').repositories == ()


@pytest.mark.parametrize(
    "body",
    [
        b'{"repositories": [""]}',
        b'{"repositories": ["/app"]}',
        b'{"repositories": ["a b/app"]}',
        b'{"repositories": ["a\\u0000/app"]}',
        b'{"repositories": [1]}',
        b'{"repositories": "app"}',
        b'{"repositories": ["' + b"x" * 256 + b'/app"]}',
        b'["app"]',
    ],
)
def test_what_can_be_no_space_makes_the_catalog_unreadable(body: bytes) -> None:
    with pytest.raises(ServerError, match="invalid body"):
        _catalog(body)


@pytest.mark.parametrize("token", ["ü", "a\\nb", "a b", "\\u0000"])
def test_a_token_must_fit_a_header(token: str) -> None:
    body = f'{{"token": "{token}"}}'.encode()
    with pytest.raises(ServerError, match="invalid body: token"):
        parse_json(Response("prod", "GET", "http://h/token", 200, {}, body), wire.TOKEN_ADAPTER)


@pytest.mark.parametrize(
    ("body", "bearer"),
    [
        (b'{"token": "a"}', "a"),
        (b'{"access_token": "b"}', "b"),
        (b'{"token": "", "access_token": "b"}', "b"),
        (b'{"token": "a", "access_token": "b"}', "a"),
        (b"{}", ""),
    ],
)
def test_either_name_of_a_token(body: bytes, bearer: str) -> None:
    response = Response("prod", "GET", "http://h/token", 200, {}, body)
    assert parse_json(response, wire.TOKEN_ADAPTER).bearer == bearer
