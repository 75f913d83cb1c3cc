"""A Docker Registry's headers and names."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.core.errors import ServerError
from models.registries.space import ObservedSpace
from tasks.http.response import Response
from tasks.registries.docker import wire
from tasks.registries.docker.wire import group_into_spaces, is_repository_name
from tasks.registries.wire import parse_json


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
        b'{"repositories": "app"}',
        b'["app"]',
        b'{"next": 1}',
        b'{"status": "maintenance"}',
        b"{}",
        b"[",
        b"",
    ],
)
def test_what_is_no_page_is_unreadable(body: bytes) -> None:
    with pytest.raises(ServerError, match="invalid body"):
        _catalog(body)


@pytest.mark.parametrize(
    ("name", "is_valid"),
    [
        ("app", True),
        ("team/app", True),
        ("team/a b", True),
        ("x" * 255 + "/app", True),
        ("", False),
        ("/app", False),
        ("a b/app", False),
        ("a\ufffd/app", False),
        ("a\n", False),
        ("x" * 256 + "/app", False),
    ],
)
def test_a_name_needs_a_first_segment_that_can_be_a_space(name: str, is_valid: bool) -> None:
    assert is_repository_name(name) is is_valid


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
        (b'{"token": "a", "access_token": null}', "a"),
        (b'{"token": null, "access_token": "b", "refresh_token": "c"}', "b"),
        (b"{}", ""),
    ],
)
def test_either_name_of_a_token(body: bytes, bearer: str) -> None:
    response = Response("prod", "GET", "http://h/token", 200, {}, body)
    assert parse_json(response, wire.TOKEN_ADAPTER).bearer == bearer


def _jwt(payload: bytes) -> str:
    encoded = base64.urlsafe_b64encode(payload).decode().rstrip("=")
    return f"e30.{encoded}.signature"


@pytest.mark.parametrize(
    ("token", "pushable"),
    [
        ("", None),
        ("opaque", None),
        ("a.%%%.c", None),
        (_jwt(b"[]"), None),
        (_jwt(b"{}"), None),
        (_jwt(b'{"access":null}'), ()),
        (_jwt(b'{"access":[]}'), ()),
        (_jwt(b'{"access":[{"type":"repository","name":"a","actions":["pull"]}]}'), ()),
        (_jwt(b'{"access":[{"type":"repository","name":"a","actions":null}]}'), ()),
        (_jwt(b'{"access":[{"type":"repository","name":"a","actions":["push"]}]}'), ("a",)),
        (_jwt(b'{"access":[{"type":"repository(plugin)","name":"a","actions":["*"]}]}'), ("a",)),
        (_jwt(b'{"access":[{"type":"registry","name":"catalog","actions":["*"]}]}'), ()),
    ],
)
def test_what_a_token_lets_push_to(token: str, pushable: tuple[str, ...] | None) -> None:
    assert wire.pushable_repositories(token) == pushable


def test_samples_are_of_different_spaces_and_few() -> None:
    names = ["root", "a/x", "a/y", *(f"s{number}/app" for number in range(50))]
    assert wire.sample_repositories(names) == ("root", "a/x", *(f"s{n}/app" for n in range(8)))
    assert wire.push_scope(["a/x", "b"]) == "repository:a/x:pull,push repository:b:pull,push"
