"""Answers in, errors and values out."""

import json
from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from models.core import errors
from models.core.errors import RemoteError, ServerError
from models.core.reasons import Reason
from tasks import clock
from tasks.http.response import Response
from tasks.registries.wire import (
    RegistryModel,
    error_from_response,
    is_web_page,
    parse_json,
    raise_for_status,
)

HTML = {"content-type": "text/html; charset=utf-8"}


def _answer(status: int, body: object = b"", **headers: str) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    response_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response("prod", "GET", "https://h/api", status, response_headers, raw)


def _envelope(code: str, message: str) -> dict[str, object]:
    return {"errors": [{"code": code, "message": message}]}


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (100, errors.ServerError, Reason.SERVER_BROKEN),
        (201, errors.ServerError, Reason.SERVER_BROKEN),
        (204, errors.ServerError, Reason.SERVER_BROKEN),
        (301, RemoteError, Reason.REDIRECTED),
        (307, RemoteError, Reason.REDIRECTED),
        (400, errors.Rejected, Reason.REJECTED),
        (401, errors.Unauthorized, Reason.UNAUTHORIZED),
        (403, errors.Forbidden, Reason.FORBIDDEN),
        (404, errors.NotFound, Reason.NOT_FOUND),
        (405, errors.Rejected, Reason.REJECTED),
        (408, RemoteError, Reason.TIMED_OUT),
        (409, errors.Conflict, Reason.CONFLICT),
        (412, errors.Conflict, Reason.CONFLICT),
        (413, errors.Rejected, Reason.REJECTED),
        (422, errors.Rejected, Reason.REJECTED),
        (429, RemoteError, Reason.THROTTLED),
        (500, errors.ServerError, Reason.SERVER_BROKEN),
        (501, errors.ServerError, Reason.SERVER_BROKEN),
        (502, errors.ServerError, Reason.SERVER_BROKEN),
        (503, errors.ServerError, Reason.SERVER_BROKEN),
        (504, RemoteError, Reason.TIMED_OUT),
        (599, errors.ServerError, Reason.SERVER_BROKEN),
    ],
)
def test_every_status_means_an_error(status: int, kind: type[RemoteError], reason: Reason) -> None:
    error = error_from_response(_answer(status))
    assert (type(error), error.reason, error.status) == (kind, reason, status)
    assert str(error) == f"prod: GET https://h/api: answered {status}"
    with pytest.raises(kind):
        raise_for_status(_answer(status))


def test_what_is_expected_is_no_error() -> None:
    assert raise_for_status(_answer(200)).status == 200
    assert raise_for_status(_answer(201), 200, 201).status == 201
    with pytest.raises(ServerError):
        raise_for_status(_answer(200), 201)


def test_read_only_is_not_forbidden() -> None:
    message = "The system is in read only mode. Any modification is prohibited."
    error = error_from_response(_answer(403, _envelope("DENIED", message)))
    assert (type(error), error.reason) == (RemoteError, Reason.READ_ONLY)
    denial = error_from_response(_answer(403, _envelope("DENIED", "quota")))
    assert (type(denial), denial.reason) == (errors.Forbidden, Reason.FORBIDDEN)


@pytest.mark.parametrize(
    ("body", "quote"),
    [
        (_envelope("NOT_FOUND", "project x not found"), " (NOT_FOUND: project x not found)"),
        (_envelope("", "only text"), " (only text)"),
        (_envelope("CODE", ""), " (CODE)"),
        (_envelope("A", "b\n\n  c"), " (A: b c)"),
        ({"errors": [{"code": "A"}, {"message": "b"}]}, " (A; b)"),
        ({"errors": []}, ""),
        ({"errors": None}, ""),
        ({"errors": [{"code": 1}]}, ""),
        ({"message": "secret"}, ""),
        ([1], ""),
        (b"", ""),
        (b"plain text hunter2", ""),
        (b'{"errors": [{"code": "A", "mess', ""),
        (b"\xff\xfe", ""),
        (_envelope("A", "x" * 5000), f" (A: {'x' * 296}…)"),
    ],
)
def test_what_an_error_quotes(body: object, quote: str) -> None:
    assert error_from_response(_answer(418, body)).message == f"answered 418{quote}"


def test_a_web_page_is_named_and_not_quoted() -> None:
    response = Response("prod", "GET", "https://h/", 502, HTML, b"<html>hunter2</html>")
    assert error_from_response(response).message == "answered 502 with a web page"
    assert is_web_page(response)
    assert not is_web_page(_answer(200, b"{}", content_type="application/json"))


@pytest.mark.parametrize(
    ("value", "after"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("999999", 999999.0),
        ("9999999", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", None),
        ("Mon, 01 Jan 99999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999", None),
        ("Mon, 99 Jan 2024 00:00:00 GMT", None),
    ],
)
def test_retry_after(value: str, after: float | None) -> None:
    assert error_from_response(_answer(429, retry_after=value)).retry_after == after


def test_retry_after_as_a_date() -> None:
    retry_date = format_datetime(clock.now() + timedelta(seconds=90), usegmt=True)
    delay = error_from_response(_answer(503, retry_after=retry_date)).retry_after
    assert delay is not None
    assert 80 < delay <= 90


@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
def test_no_retry_after_breaks_us(value: str) -> None:
    delay = error_from_response(_answer(429, retry_after=value)).retry_after
    assert delay is None or delay >= 0


class _Row(RegistryModel):
    id: int
    names: dict[str, str] | None = None


ROWS = TypeAdapter(list[_Row])


def test_unknown_fields_are_no_reason_to_fail() -> None:
    (row,) = parse_json(_answer(200, [{"id": 1, "new": {"deep": []}}]), ROWS)
    assert row == _Row(id=1)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", "the body: Invalid JSON"),
        (b'[{"id": 1}, {"id"', "the body: Invalid JSON"),
        (b"<html>hunter2</html>", "the body: Invalid JSON"),
        (b"\xff\xfe", "the body: Invalid JSON"),
        (b"[" * 5000, "the body: Invalid JSON"),
        ({"hunter2": 1}, "the body: Input should be a valid array"),
        ([{"id": "hunter2"}], "0.id: Input should be a valid integer"),
        ([{"id": 1, "names": {"a": ["hunter2"]}}], "0.names.a: Input should be a valid string"),
        ([{}], "0.id: Field required"),
        (b'[{"id": 1' + b"0" * 5000 + b"}]", "the body: Invalid JSON: number out of range"),
        ([{"id": 1, "names": {"k" * 5000: 1}}], "0.names.kkk"),
        (None, "the body: Input should be a valid array"),
    ],
)
def test_an_unreadable_body_is_named_and_not_repeated(body: object, where: str) -> None:
    with pytest.raises(ServerError) as excinfo:
        parse_json(_answer(200, body), ROWS)
    assert excinfo.value.message.startswith(f"answered 200 with an invalid body: {where}")
    assert "hunter2" not in repr(excinfo.value)
    assert len(excinfo.value.message) < 250
    assert excinfo.value.__cause__ is None
    assert excinfo.value.__suppress_context__
