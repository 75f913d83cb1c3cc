"""Log in and out, and the limit of attempts."""

from datetime import timedelta

import pytest

from deployments.console.security.attempts import (
    MAX_PER_SOURCE,
    MAX_TOTAL,
    WINDOW,
    LoginAttempts,
    source_of,
)
from deployments.console.security.login import check_password
from tasks import clock
from tests.console.browser import PASSWORD, Browser, fields_of
from tests.support.builders import NOW

SECOND = timedelta(seconds=1)


async def test_whoever_is_not_logged_in_gets_the_login_page(anonymous: Browser) -> None:
    response = await anonymous.client.get("/?sort=name")
    assert response.status_code == 303
    assert response.headers["location"] == "/login?back=%2F%3Fsort%3Dname"
    html = await anonymous.get(response.headers["location"])
    assert 'value="/?sort=name"' in html


async def test_the_password_of_the_api_opens_the_console(anonymous: Browser) -> None:
    response = await anonymous.log_in()
    assert (response.status_code, response.headers["location"]) == (303, "/")
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "secure" not in cookie
    assert "operator" in await anonymous.get("/")


async def test_a_wrong_password_is_refused_and_not_shown(anonymous: Browser) -> None:
    response = await anonymous.log_in("operator:wrong-password")
    assert response.status_code == 401
    assert "wrong-password" not in response.text
    assert 'value="operator"' in response.text
    assert "set-cookie" not in response.headers


async def test_logging_out_ends_the_session(browser: Browser) -> None:
    await browser.post("/logout")
    assert (await browser.client.get("/")).status_code == 303


async def test_after_five_failures_even_the_right_password_waits(anonymous: Browser) -> None:
    for _ in range(MAX_PER_SOURCE):
        assert (await anonymous.log_in("operator:no")).status_code == 401
    response = await anonymous.log_in()
    assert response.status_code == 429
    assert 0 < int(response.headers["retry-after"]) <= WINDOW.total_seconds()


@pytest.mark.parametrize(
    ("expected", "user", "password", "accepted"),
    [
        (PASSWORD, "operator", "correct-horse", True),
        (PASSWORD, "", PASSWORD, True),
        (PASSWORD, "someone", PASSWORD, True),
        (PASSWORD, "operator", "", False),
        (PASSWORD, "someone", "correct-horse", False),
        (PASSWORD, "operator", "correct-hors\u00e9", False),
        ("", "", "", False),
        (":", "", "", False),
    ],
)
def test_passwords(expected: str, user: str, password: str, accepted: bool) -> None:
    assert (check_password(expected, user, password) is not None) is accepted


def test_attempts_are_limited_per_address_and_in_total() -> None:
    attempts = LoginAttempts()
    for _ in range(MAX_PER_SOURCE):
        assert attempts.retry_after("a", NOW) is None
        attempts.record_failure("a", NOW)
    assert attempts.retry_after("a", NOW + SECOND) == WINDOW - SECOND
    assert attempts.retry_after("b", NOW) is None
    assert attempts.retry_after("a", NOW + WINDOW) is None
    for number in range(MAX_TOTAL):
        attempts.record_failure(f"address-{number}", NOW)
    assert attempts.retry_after("another", NOW + SECOND) is not None
    assert attempts.retry_after("another", NOW + SECOND, device="known") is None
    assert attempts.retry_after("another", NOW + WINDOW) is None


async def test_a_password_in_the_field_of_the_user_does_not_come_back(anonymous: Browser) -> None:
    fields: dict[str, str | list[str]] = {"user": "operator:Secret-9", "password": "x", "back": "/"}
    response = await anonymous.send("/login", fields)
    assert response.status_code == 401
    assert "Secret-9" not in response.text
    assert fields_of(response.text, "/login")["user"] == "operator"


@pytest.mark.parametrize(
    ("address", "device", "source"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "", "fe80::/64"),
        ("", "", ""),
        ("192.0.2.7", "id", "device:id"),
    ],
)
def test_what_attempts_are_counted_by(address: str, device: str, source: str) -> None:
    assert source_of(address, device) == source


async def test_an_attacker_keeps_nobody_out_who_has_logged_in_before(anonymous: Browser) -> None:
    assert (await anonymous.log_in()).status_code == 303
    attempts = anonymous.app.state.console.attempts
    for number in range(MAX_TOTAL):
        attempts.record_failure(f"198.51.100.{number}", clock.now())
    anonymous.client.cookies.delete("console_session")
    assert (await anonymous.log_in()).status_code == 303
    anonymous.client.cookies.clear()
    assert (await anonymous.log_in()).status_code == 429


async def test_a_known_browser_has_a_limit_too(anonymous: Browser) -> None:
    await anonymous.log_in()
    for _ in range(MAX_PER_SOURCE):
        assert (await anonymous.log_in("operator:no")).status_code == 401
    assert (await anonymous.log_in()).status_code == 429


async def test_a_forged_device_is_no_device(anonymous: Browser) -> None:
    attempts = anonymous.app.state.console.attempts
    for number in range(MAX_TOTAL):
        attempts.record_failure(f"198.51.100.{number}", clock.now())
    anonymous.client.cookies.set("console_device", "ImFiYyI.forged.forged", path="/login")
    assert (await anonymous.log_in()).status_code == 429
