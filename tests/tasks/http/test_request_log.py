"""Which requests are logged, with the id of the server."""

import logging

import pytest

from tasks.http.request_log import log_request
from tasks.http.response import Response

_ID = {"x-request-id": "17419cec", "set-cookie": "sid=secret"}


@pytest.mark.parametrize(
    ("method", "status", "headers", "is_logged"),
    [
        ("GET", 200, _ID, False),
        ("HEAD", 404, _ID, False),
        ("GET", 401, _ID, True),
        ("GET", 403, _ID, True),
        ("PUT", 401, _ID, True),
        ("GET", 503, _ID, True),
        ("POST", 201, _ID, True),
        ("DELETE", 200, _ID, True),
        ("PUT", 500, {}, False),
        ("PUT", 500, {"x-request-id": ""}, False),
    ],
)
def test_changes_and_errors_are_logged(
    caplog: pytest.LogCaptureFixture,
    method: str,
    status: int,
    headers: dict[str, str],
    *,
    is_logged: bool,
) -> None:
    response = Response("hub", method, "https://h/api", status, headers, b"secret", seconds=0.25)
    with caplog.at_level(logging.INFO, logger="tasks.http"):
        log_request("hub", response, is_anonymous=False)
    expected = [f"hub: {method} https://h/api: HTTP status {status} in 0.25 s"] if is_logged else []
    assert caplog.messages == expected
    for record in caplog.records:
        assert (vars(record)["registry"], vars(record)["request_id"]) == ("hub", "17419cec")
        assert "secret" not in str(vars(record))


def test_an_id_of_any_server_is_one_short_line(caplog: pytest.LogCaptureFixture) -> None:
    headers = {"x-request-id": "a\nb\u202e" + "c" * 10_000}
    with caplog.at_level(logging.INFO, logger="tasks.http"):
        log_request("hub", Response("hub", "PUT", "https://h", 500, headers), is_anonymous=True)
    (record,) = caplog.records
    request_id = vars(record)["request_id"]
    assert len(request_id) == 128 and request_id.startswith("a b")
    assert "\n" not in request_id and "\u202e" not in request_id


def test_a_challenge_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    response = Response("hub", "GET", "https://h/api", 401, _ID)
    with caplog.at_level(logging.INFO, logger="tasks.http"):
        log_request("hub", response, is_anonymous=True)
    assert not caplog.messages
