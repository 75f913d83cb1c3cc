"""What servers say is cleaned where it comes in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.core.errors import RemoteError, ServerError
from models.core.reasons import Reason
from models.core.text import PLACEHOLDER, replace_invisible
from tasks.clusters.objects import NamespaceObject
from tasks.clusters.paging import ObjectList
from tasks.http.response import Response, sanitize_json
from tasks.registries.docker.wire import CATALOG_ADAPTER, is_repository_name
from tasks.registries.harbor.wire import PROJECTS_ADAPTER
from tasks.registries.wire import error_from_response, parse_json
from tests.models.core.test_text import BAD

UTF8 = [sign for sign in BAD if not 0xD800 <= ord(sign) <= 0xDFFF]


def _answer(body: bytes, status: int = 200, **headers: str) -> Response:
    return Response("prod", "GET", "https://h/", status, headers, body)


@pytest.mark.parametrize("sign", BAD, ids=lambda sign: f"U+{ord(sign):04X}")
def test_escaped_signs_are_replaced_in_texts_and_names(sign: str) -> None:
    body = json.dumps({f"k{sign}": [{"a": f"b{sign}c"}, 1, None, True]}).encode()
    expected = {f"k{PLACEHOLDER}": [{"a": f"b{PLACEHOLDER}c"}, 1, None, True]}
    assert json.loads(sanitize_json(body)) == expected


@pytest.mark.parametrize("sign", UTF8, ids=lambda sign: f"U+{ord(sign):04X}")
def test_signs_as_they_are_are_replaced(sign: str) -> None:
    body = json.dumps([f"b{sign}c"], ensure_ascii=False).encode()
    assert json.loads(sanitize_json(body) or b"null") in ([f"b{PLACEHOLDER}c"], None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<html>",
        b'{"a": "\\n\\t\\u003cb\\u003e"}',
        '{"a": "Größe 日本語 🙂 …"}'.encode(),
        b'{"a": "\\ud83d\\ude42", "b": "C:\\\\bin"}',
    ],
)
def test_what_is_clean_is_not_touched(body: bytes) -> None:
    assert sanitize_json(body) == body


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "\\u0000", "b": ' + b"9" * 5000 + b"}",
        b'["\\u0000", ' + b"[" * 5000 + b"]" * 5000 + b"]",
        b'["\\u0000"',
        b'["\\u0000\xff"]',
    ],
)
def test_what_cannot_be_cleaned_is_not_read(body: bytes) -> None:
    assert sanitize_json(body) == b""
    with pytest.raises(ServerError, match="invalid body"):
        parse_json(_answer(body), CATALOG_ADAPTER)


@given(st.recursive(st.text(st.characters()) | st.integers() | st.none(), st.lists))
def test_no_text_gets_by(value: object) -> None:
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "replace")
        output = json.dumps(json.loads(sanitize_json(text) or b"null"), ensure_ascii=False)
        assert replace_invisible(output) == output


@pytest.mark.parametrize("sign", ["\x00", "\u202e", "\x85", "\n"])
def test_errors_say_it_in_one_visible_line(sign: str) -> None:
    body = json.dumps({"errors": [{"code": "A", "message": f"b{sign}c"}]}).encode()
    for error in (
        error_from_response(_answer(body, 418)),
        RemoteError("prod", "GET", f"https://h/{sign}", f"b{sign}c"),
        RemoteError("prod", "GET", f"/{sign}", f"b{sign}c", Reason.REJECTED),
    ):
        assert sign not in str(error)
        assert sign not in "".join(str(part) for part in error.args)
        assert "b\ufffdc" in str(error) or "b c" in str(error)
    assert len(RemoteError("prod", "GET", "/", "x" * 9_999).message) == 2_000


def test_headers_are_cleaned() -> None:
    response = _answer(b"", location="/\x85\u202e\xe4")
    assert response.headers["location"] == f"/{PLACEHOLDER * 2}\xe4"


@pytest.mark.parametrize(
    "sign", [*UTF8, " ", "\n", "\t", "\ufffd"], ids=lambda sign: f"U+{ord(sign):04X}"
)
def test_such_names_are_refused(sign: str) -> None:
    project = json.dumps([{"project_id": 1, "name": f"a{sign}b"}]).encode()
    with pytest.raises(ServerError, match=r"0\.name"):
        parse_json(_answer(project), PROJECTS_ADAPTER)
    repositories = json.dumps({"repositories": [f"a{sign}b/c"]}).encode()
    (name,) = parse_json(_answer(repositories), CATALOG_ADAPTER).repositories or ()
    assert not is_repository_name(str(name))
    with pytest.raises(ValueError, match="name"):
        ObjectList[NamespaceObject].model_validate_json(
            _answer(json.dumps({"items": [{"metadata": {"name": f"a{sign}b"}}]}).encode()).body
        )
