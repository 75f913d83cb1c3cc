"""Sessions, forged forms, headers of clients, and the headers of responses."""

import re
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Mount, Route

from deployments.console.app import create_app, routes
from deployments.console.security.login import PUBLIC_PATHS
from deployments.console.security.proxies import client_address, is_trusted
from deployments.console.security.sessions import COOKIE_NAME, SessionCookies, User, new_session
from deployments.console.settings import ConsoleSettings
from models.core.network import parse_networks
from tests.console.browser import PASSWORD, URL, Browser

_FORMS = [
    route.path.replace("{run_id}", "x").replace("{name}", "x").replace("{format}", "csv")
    for route in routes()
    if isinstance(route, Route) and "POST" in (route.methods or ())
]
_PAGES = [
    route.path.replace("{run_id}", "x").replace("{name}", "x").replace("{format}", "csv")
    for route in routes()
    if isinstance(route, Route) and "GET" in (route.methods or ())
]
_KEY = b"k" * 32


@pytest.mark.parametrize("path", [path for path in _PAGES if path not in PUBLIC_PATHS])
async def test_no_page_without_a_session(anonymous: Browser, path: str) -> None:
    response = await anonymous.client.get(path)
    assert (response.status_code, response.text) == (303, "")
    assert response.headers["location"].startswith("/login")


@pytest.mark.parametrize("path", [path for path in _FORMS if path != "/login"])
async def test_no_form_without_a_session(anonymous: Browser, path: str) -> None:
    assert (await anonymous.send(path, {"csrf_token": "0" * 64})).status_code == 401


@pytest.mark.parametrize("path", [path for path in _FORMS if path != "/login"])
async def test_no_form_without_its_token_or_from_another_site(browser: Browser, path: str) -> None:
    assert (await browser.send(path, {})).status_code == 403
    assert (await browser.send(path, {"csrf_token": "0" * 64})).status_code == 403
    assert (await browser.send(path, {"csrf_token": "é"})).status_code == 403
    token = await _token(browser)
    for headers in (
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Origin": f"{URL}.evil.test"},
        {},
        {"Origin": URL, "Sec-Fetch-Site": "cross-site"},
        {"Origin": URL, "Sec-Fetch-Site": "same-site"},
        {"Origin": URL, "Sec-Fetch-Site": "none"},
    ):
        fields = {"csrf_token": token}
        response = await browser.client.post(path, data=fields, headers=headers)
        assert response.status_code == 403, headers


async def test_a_form_of_another_media_type_is_not_parsed(anonymous: Browser) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="user"\r\n\r\n' + b"a" * 9000
    kind = "multipart/form-data; boundary=x; charset=punycode"
    for media_type in (kind, f" {kind.upper()}", f"{kind}, application/x-www-form-urlencoded"):
        headers = {"Origin": URL, "Content-Type": media_type}
        response = await anonymous.client.post("/login", content=body, headers=headers)
        assert response.status_code == 415, media_type


async def test_the_login_reads_a_small_form_only(anonymous: Browser) -> None:
    assert (await anonymous.send("/login", {"password": "a" * 20_000})).status_code == 413
    fields: dict[str, str | list[str]] = {f"field-{number}": "" for number in range(20)}
    assert (await anonymous.send("/login", fields)).status_code == 400


async def test_a_token_belongs_to_one_session(browser: Browser) -> None:
    token = await _token(browser)
    await browser.log_in()
    assert await _token(browser) != token
    assert (await browser.send("/logout", {"csrf_token": token})).status_code == 403


async def _token(browser: Browser) -> str:
    match = re.search(r'name="csrf_token" value="(\w+)"', await browser.get("/"))
    assert match
    return match[1]


async def test_logging_in_from_another_site_is_refused(anonymous: Browser) -> None:
    user, _, password = PASSWORD.partition(":")
    fields: dict[str, str | list[str]] = {"user": user, "password": password}
    response = await anonymous.send("/login", fields, origin="http://evil.test")
    assert response.status_code == 403 and "set-cookie" not in response.headers


async def test_every_response_forbids_foreign_content(browser: Browser) -> None:
    for path in ("/", "/login", "/healthz", "/nowhere", "/static/console.css", "/runs/x"):
        headers = (await browser.client.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy, path
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


async def test_pages_have_neither_inline_script_nor_inline_style(browser: Browser) -> None:
    for path in ("/", "/registries/-/new", "/nowhere"):
        html = (await browser.client.get(path)).text
        assert re.findall(r"<script[^>]*>", html) == ['<script src="/static/refresh.js" defer>']
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html), path


@pytest.mark.parametrize(
    "back", ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:alert(1)", "/\n/x"]
)
async def test_the_login_leads_to_pages_of_the_console_only(anonymous: Browser, back: str) -> None:
    user, _, password = PASSWORD.partition(":")
    response = await anonymous.send("/login", {"user": user, "password": password, "back": back})
    assert response.headers["location"] == "/"


def test_sessions_expire_and_cannot_be_forged() -> None:
    cookies = SessionCookies(_KEY, timedelta(hours=12))
    session = new_session(User(name="alice"))
    cookie = cookies.sign(session)
    assert cookies.read(cookie) == session
    assert SessionCookies(b"j" * 32, timedelta(hours=12)).read(cookie) is None
    assert SessionCookies(_KEY, timedelta(seconds=-1)).read(cookie) is None
    for forged in ("", "x", cookie[:-2], cookie.replace(".", ""), f"{cookie}.{cookie}"):
        assert cookies.read(forged) is None
    assert cookies.csrf_token(session) not in cookie


def _app(**settings: str) -> Starlette:
    return create_app(ConsoleSettings(**settings))  # type: ignore[arg-type]


async def _get(
    app: Starlette, peer: str, headers: httpx.Headers | list[tuple[str, str]]
) -> httpx.Response:
    transport = httpx.ASGITransport(app, client=(peer, 5))
    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        return await client.get("/registries/-/new", headers=headers)


@pytest.mark.parametrize(
    ("peer", "headers", "accepted"),
    [
        ("10.0.0.7", [("X-User", "alice")], True),
        ("::ffff:10.0.0.7", [("X-User", "alice")], True),
        ("10.1.0.7", [("X-User", "alice")], False),
        ("127.0.0.1", [("X-User", "alice"), ("X-Forwarded-For", "10.0.0.7")], False),
        ("10.0.0.7", [("X-User", "alice"), ("X-User", "mallory")], False),
        ("10.0.0.7", [("X-User", "")], False),
        ("10.0.0.7", [("X-Remote-User", "alice")], False),
        ("10.0.0.7", [("X-User", "a" * 201)], False),
    ],
)
async def test_only_a_trusted_proxy_names_the_user(
    browser: Browser, peer: str, headers: list[tuple[str, str]], accepted: bool
) -> None:
    app = _app(user_header="X-User", trusted_proxies="10.0.0.0/24", hosts="127.0.0.1")
    response = await _get(app, peer, headers)
    assert (response.status_code == 200) is accepted
    assert ("alice" in response.text) is accepted


@pytest.mark.parametrize(
    ("host", "accepted"),
    [
        ("console.example", True),
        ("CONSOLE.example:8443", True),
        ("rebound.example", False),
        ("console.example.attacker.example", False),
        ("[::1", False),
        ("", False),
    ],
)
async def test_a_proxy_names_the_user_for_the_names_of_the_console_only(
    browser: Browser, host: str, accepted: bool
) -> None:
    app = _app(user_header="X-User", trusted_proxies="10.0.0.0/24", hosts="other, console.example")
    response = await _get(app, "10.0.0.7", [("X-User", "alice"), ("Host", host)])
    assert (response.status_code == 200) is accepted


async def test_the_name_of_a_user_is_utf_8(browser: Browser) -> None:
    app = _app(user_header="X-User", trusted_proxies="10.0.0.0/24", hosts="127.0.0.1")
    headers = httpx.Headers([("X-User", "Zoë Ångström")], encoding="utf-8")
    response = await _get(app, "10.0.0.7", headers)
    assert "Zoë Ångström" in response.text


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:51034", "203.0.113.9"),
        ("[2001:db8::9]:51034", "2001:db8::9"),
        ("2001:db8::9", "2001:db8::9"),
        ("198.51.100.1, 203.0.113.9:1, 10.0.0.8:2", "203.0.113.9"),
        ("198.51.100.1, unknown", "10.0.0.7"),
        ("198.51.100.1, [::1", "::1"),
        ("", "10.0.0.7"),
    ],
)
def test_the_address_of_a_client_behind_proxies(forwarded: str, client: str) -> None:
    scope = {
        "type": "http",
        "client": ("10.0.0.7", 5),
        "headers": [(b"x-forwarded-for", forwarded.encode())],
    }
    assert client_address(HTTPConnection(scope), parse_networks("10.0.0.0/24")) == client


async def test_without_the_setting_no_header_names_a_user(browser: Browser) -> None:
    headers = [("X-User", "alice"), ("X-Forwarded-User", "alice")]
    assert (await _get(_app(trusted_proxies="10.0.0.0/24"), "10.0.0.7", headers)).status_code == 303


async def test_the_limit_of_attempts_follows_the_proxy_and_nobody_else(anonymous: Browser) -> None:
    for number in range(5):  # an untrusted client cannot pretend to be five others
        headers = {"Origin": URL, "X-Forwarded-For": f"203.0.113.{number}"}
        await anonymous.client.post("/login", data={"password": "no"}, headers=headers)
    assert (await anonymous.log_in()).status_code == 429


async def test_the_cookie_is_secure_behind_https(anonymous: Browser) -> None:
    app = _app(trusted_proxies="10.0.0.0/24")
    user, _, password = PASSWORD.partition(":")
    for peer, secure in (("10.0.0.7", True), ("10.9.0.7", False)):
        transport = httpx.ASGITransport(app, client=(peer, 5))
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            headers = {"Origin": URL, "X-Forwarded-Proto": "https"}
            fields = {"user": user, "password": password}
            response = await client.post("/login", data=fields, headers=headers)
        assert response.headers["set-cookie"].startswith(COOKIE_NAME)
        assert ("secure" in response.headers["set-cookie"].lower()) is secure


@pytest.mark.parametrize(
    ("address", "trusted"),
    [("10.0.0.1", True), ("::1", True), ("fe80::1%eth0", False), ("", False), ("nonsense", False)],
)
def test_trusted_addresses(address: str, trusted: bool) -> None:
    assert is_trusted(address, parse_networks("10.0.0.0/24,::1/128")) is trusted


def test_every_route_is_a_page_a_form_or_static() -> None:
    for route in routes():
        assert isinstance(route, Mount | Route)
        if isinstance(route, Route):
            assert route.methods in ({"GET", "HEAD"}, {"POST"}), route.path
