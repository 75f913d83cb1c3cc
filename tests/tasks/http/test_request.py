"""What a request looks like, and who sees its credentials."""

import httpx
import pytest

from models.core.reasons import Reason
from tasks.http.client import HttpClient
from tasks.http.request import authorize, build_request, url_without_credentials
from tasks.registries.server import registry_server
from tests.support.builders import registry
from tests.support.errors import raises_reason
from tests.tasks.registries.tools import AUTH, QUICK

URL = "https://registry.test/api"
TIMEOUTS = {"connect": 1.0, "read": 2.0}
BASIC = "Basic dXNlcjpwQHNz"  # user:p@ss


def _request(
    url: str = URL,
    query: dict[str, str | int] | None = None,
    json: object = None,
    headers: dict[str, str] | None = None,
) -> httpx.Request:
    return build_request("POST", url, TIMEOUTS, query=query, json=json, headers=headers)


def test_each_request_has_the_headers_of_this_service() -> None:
    request = _request(json={"a": 1})
    assert dict(request.headers) == {
        "host": "registry.test",
        "accept": "application/json",
        "accept-encoding": "identity",
        "connection": "keep-alive",
        "user-agent": "registry-integration",
        "content-length": "7",
        "content-type": "application/json",
    }
    assert request.content == b'{"a":1}'
    assert request.extensions["timeout"] == TIMEOUTS
    assert _request().headers["content-length"] == "0"


def test_a_form_is_encoded() -> None:
    request = build_request("POST", URL, TIMEOUTS, form={"scope": "a b", "account": "c&d"})
    assert request.content == b"scope=a+b&account=c%26d"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


def test_headers_of_a_request_replace_those_of_the_service() -> None:
    request = _request(json={}, headers={"Content-Type": "text/x", "Accept": "text/y"})
    assert request.headers.get_list("content-type") == ["text/x"]
    assert request.headers.get_list("accept") == ["text/y"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (None, b"/api"),
        ({}, b"/api"),
        ({"page": 2, "q": "a b&c=d/é"}, b"/api?page=2&q=a+b%26c%3Dd%2F%C3%A9"),
    ],
)
def test_a_query_is_encoded(query: dict[str, str | int] | None, expected: bytes) -> None:
    assert _request(query=query).url.raw_path == expected


def test_a_credential_in_the_url_is_sent_and_not_shown() -> None:
    request = _request("https://user:p%40ss@registry.test/api")
    authorize(request, None)
    assert request.headers["authorization"] == BASIC
    assert request.headers["host"] == "registry.test"
    assert url_without_credentials(request) == URL


def test_a_request_is_authorized_anew_for_each_attempt() -> None:
    request = _request()
    authorize(request, None)
    assert "authorization" not in request.headers
    for auth in (httpx.BasicAuth("other", "x"), httpx.BasicAuth("user", "p@ss")):
        authorize(request, auth)
    assert request.headers.get_list("authorization") == [BASIC]


async def test_a_closed_client_opens_no_connection() -> None:
    async with HttpClient(registry_server(registry()), QUICK, AUTH) as http:
        pass
    with raises_reason(Reason.UNFORESEEN, "unexpected RuntimeError"):
        await http.get("/x")
