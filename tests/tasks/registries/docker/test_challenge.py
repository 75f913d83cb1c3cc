"""Authentication challenges, as real servers and proxies write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.registries.docker.challenge import (
    Challenge,
    TokenEndpoint,
    parse_challenges,
    parse_realm,
    select_challenge,
)

BASIC = Challenge(scheme="basic", realm="x")
BEARER = Challenge(scheme="bearer", realm="https://auth/token", service="reg")
NEGOTIATE = Challenge(scheme="negotiate")


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        ("", ()),
        (", ,", ()),
        ("Basic", (Challenge(scheme="basic"),)),
        ('Basic realm="x"', (BASIC,)),
        ('BASIC Realm="x"', (BASIC,)),
        ("Basic realm=x", (BASIC,)),
        ('Basic realm = "x"', (BASIC,)),
        ('Basic\trealm="x"', (BASIC,)),
        (
            'Basic realm="a\\"b, service=\\\\"',
            (Challenge(scheme="basic", realm='a"b, service=\\'),),
        ),
        ('Basic realm=""', (Challenge(scheme="basic"),)),
        ("Bearer realm=https://auth/token, service=reg", (BEARER,)),
        (
            "Bearer realm=https://auth/token?a=b,service=reg",
            (BEARER.model_copy(update={"realm": "https://auth/token?a=b"}),),
        ),
        ('Bearer realm="https://auth/token" , service = "reg", realm="other"', (BEARER,)),
        (' bearer service="reg", realm="https://auth/token" ', (BEARER,)),
        ('Bearer realm="https://auth/token",service="reg",charset="UTF-8",unknown=1', (BEARER,)),
        ('Bearer realm="https://auth/token"', (BEARER.model_copy(update={"service": ""}),)),
        (
            'Bearer realm="https://auth/token",service="reg",scope="a:b:pull,push c:d:*"'
            ',error="insufficient_scope"',
            (
                BEARER.model_copy(
                    update={"scope": "a:b:pull,push c:d:*", "error": "insufficient_scope"}
                ),
            ),
        ),
        ('Bearer service="reg", realm="x', (Challenge(scheme="bearer", service="reg"),)),
        ("Bearer " + "a" * 20_000, ()),
        ("Negotiate", (NEGOTIATE,)),
        ("Negotiate YIIB6wYGKwYBBQUCoA==", (NEGOTIATE,)),
        ('Negotiate, Basic realm="x"', (NEGOTIATE, BASIC)),
        ('Negotiate YIIB6wYG=, Basic realm="x"', (NEGOTIATE, BASIC)),
        ('NTLM, Negotiate ,Basic realm="x"', (Challenge(scheme="ntlm"), NEGOTIATE, BASIC)),
        ('Basic realm="x", Bearer realm="https://auth/token",service="reg"', (BASIC, BEARER)),
        ('Bearer realm="https://auth/token",service="reg", Basic realm="x"', (BEARER, BASIC)),
        ('Basic realm="Bearer realm=y"', (Challenge(scheme="basic", realm="Bearer realm=y"),)),
    ],
)
def test_parse(header: str, challenges: tuple[Challenge, ...]) -> None:
    assert parse_challenges(header) == challenges


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        ("", None),
        ("Negotiate, Digest realm=x", None),
        ('Negotiate, Basic realm="x"', BASIC),
        ('Basic realm="x", Bearer realm="https://auth/token",service="reg"', BEARER),
        ('Bearer realm="https://auth/token",service="reg", Bearer realm="b"', BEARER),
    ],
)
def test_bearer_comes_before_basic(header: str, challenge: Challenge | None) -> None:
    assert select_challenge(header) == challenge


def test_harbor_is_known_by_its_service() -> None:
    assert parse_challenges('Bearer realm="x",service="harbor-registry"')[0].is_harbor
    assert not parse_challenges('Bearer realm="harbor-registry",service="x"')[0].is_harbor


@pytest.mark.parametrize(
    ("realm", "endpoint"),
    [
        ("https://auth.test/token", TokenEndpoint(origin="https://auth.test", path="/token")),
        ("https://auth.test", TokenEndpoint(origin="https://auth.test")),
        ("/token", TokenEndpoint(origin="https://r.test", path="/token")),
        ("token", TokenEndpoint(origin="https://r.test", path="/v2/token")),
        ("//evil.test/token", TokenEndpoint(origin="https://evil.test", path="/token")),
        (
            "https://auth.test/token?tenant=a&empty=",
            TokenEndpoint(
                origin="https://auth.test", path="/token", query={"tenant": "a", "empty": ""}
            ),
        ),
        ("", TokenEndpoint(origin="")),
        ("file:///etc/passwd", TokenEndpoint(origin="")),
        ("http://[", TokenEndpoint(origin="")),
    ],
)
def test_realm(realm: str, endpoint: TokenEndpoint) -> None:
    assert parse_realm(realm, "https://r.test") == endpoint


@given(st.text(max_size=200))
def test_any_header_can_be_parsed(header: str) -> None:
    assert all(
        challenge.scheme == challenge.scheme.lower() for challenge in parse_challenges(header)
    )


SCHEMES = st.sampled_from(["Basic", "bearer", "Negotiate", "Digest"])
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@given(st.lists(st.tuples(SCHEMES, VALUES), max_size=5))
def test_what_is_written_by_the_grammar_is_read(pairs: list[tuple[str, str]]) -> None:
    def quote(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"')

    header = ", ".join(f'{scheme} realm="{quote(value)}", a=b' for scheme, value in pairs)
    parsed = [(challenge.scheme, challenge.realm) for challenge in parse_challenges(header)]
    assert parsed == [(scheme.lower(), value) for scheme, value in pairs]
