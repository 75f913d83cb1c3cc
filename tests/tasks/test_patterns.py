"""No text that others write holds this service up: patterns and parsers take time in proportion."""

import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import pytest

from models.access.image import parse_image
from models.access.requests import match_spaces
from models.core.errors import InvalidRequest
from models.core.names import is_namespace_name, is_workspace_name
from models.registries.address import parse_address
from models.registries.registry import CAPABILITIES, CustomCA, Kind
from models.registries.robots import parse_mark
from tasks.clusters.kubeconfig import parse_kubeconfig
from tasks.discovery.objects import redact
from tasks.http.response import Response
from tasks.pages.markdown import breakable, escape_markdown, inline_code
from tasks.registries.docker.catalog import next_page_query
from tasks.registries.docker.challenge import parse_challenges
from tasks.registries.harbor.checks import version_check
from tasks.registries.wire import error_from_response
from tests.tasks.patterns import LONGEST, Pattern, own_patterns, worst_texts

SECONDS = 0.25
"""Of this process's own time, so that a busy machine makes no difference."""


class _TooSlow(BaseException):
    """Not caught by anything that a parser does."""


@contextmanager
def _within(seconds: float, label: str) -> Iterator[None]:
    """Interrupt the block once it used so much processor time; `re` lets itself be interrupted."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise _TooSlow

    gc.disable()  # garbage of other tests is not the time of a pattern
    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    except _TooSlow:
        pytest.fail(f"{label} takes more than {seconds:g} s")
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        gc.enable()


def test_the_patterns_are_found() -> None:
    paths = {pattern.location.partition(":")[0] for pattern in own_patterns()}
    assert {
        "models/registries/address.py",
        "models/core/names.py",
        "models/registries/registry.py",
        "tasks/registries/docker/wire.py",
    } <= paths
    assert {"flows/forms/fields.py", "tasks/clusters/api_errors.py"} <= paths
    assert len(own_patterns()) >= 30


@pytest.mark.parametrize(
    "pattern", own_patterns(), ids=lambda pattern: f"{pattern.location}:{pattern.use}"
)
def test_a_pattern_takes_time_in_proportion(pattern: Pattern) -> None:
    for text in worst_texts(pattern.text):
        with _within(SECONDS, f"{pattern} with {text[:40]!r}…"):
            pattern.run(text)


QUADRATIC = [
    (r"(\w+)=", "findall"),
    (r"<([^>]*)>", "findall"),
    (r"-----BEGIN-----.+?-----END-----", "findall"),
    (r"\s+$", "search"),
    (r"^(a+)+$", "match"),
]


@pytest.mark.parametrize(("text", "use"), QUADRATIC)
def test_a_pattern_that_does_not_would_be_noticed(text: str, use: str) -> None:
    pattern = Pattern("here", text, use)
    with pytest.raises(pytest.fail.Exception, match="takes more than"):
        for worse in worst_texts(text):
            with _within(0.2, text):
                pattern.run(worse)


def _authority(text: str) -> object:
    return CustomCA(bundle=text)


def _retry_after(text: str) -> object:
    return Response("prod", "GET", "/", 429, {"retry-after": text}).retry_after


def _quoted(text: str) -> object:
    return error_from_response(Response("prod", "GET", "/", 400, {}, text.encode()))


def _one_space(text: str) -> object:
    return match_spaces("prod", ["a" * 255] * 100, [text])


def _prefix(text: str) -> object:
    return CAPABILITIES[Kind.DOCKER].space_names.check(text)


def _project(text: str) -> object:
    return CAPABILITIES[Kind.HARBOR].space_names.check(text)


PARSERS: list[Callable[[str], object]] = [
    parse_challenges,
    next_page_query,
    _authority,
    _retry_after,
    _quoted,
    _one_space,
    parse_address,
    parse_image,
    parse_mark,
    _prefix,
    _project,
    is_namespace_name,
    is_workspace_name,
    parse_kubeconfig,
    redact,
    version_check,
    escape_markdown,
    inline_code,
    breakable,
]
PIECES = [
    *("a", "1", " ", "\n", "-", ".", "/", ":", "<", "=", '"', "\\", ",", "[", "{", "*", "|", "`"),
    *(
        "-----BEGIN CERTIFICATE-----",
        "-----END CERTIFICATE-----",
        "a=",
        'a="',
        'a="b",',
        "</>;rel=",
    ),
    *(
        "a-",
        "a_",
        "v1.",
        "1.1.",
        "http://",
        "https://[",
        "//a",
        "password=",
        "*a",
        "- ",
        '"a":',
        "\u202e",
    ),
    *("Made by registry-integration ", "robot 1", "a@", "Aa", '\\"', "&", "%41", "\x00"),
]

_STARTS: dict[Callable[[str], object], str] = {
    parse_challenges: "Bearer ",
    next_page_query: "<",
    _authority: "-----BEGIN CERTIFICATE-----",
    _quoted: '{"errors": [',
    parse_address: "https://",
}


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.__name__)
def test_a_parser_takes_time_in_proportion(parser: Callable[[str], object]) -> None:
    for piece in PIECES:
        for start in (
            "",
            "Bearer ",
            "-----BEGIN CERTIFICATE-----",
            "<",
            "https://",
            '{"errors": [',
        ):
            text = start + piece * (LONGEST // len(piece))
            label = f"{parser.__name__} with {text[:40]!r}…"
            with _within(SECONDS, label), suppress(ValueError, InvalidRequest):
                parser(text)


@pytest.mark.parametrize("piece", ["-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nA"])
def test_an_authority_as_long_as_allowed_takes_no_time(piece: str) -> None:
    text = piece * (199_000 // len(piece))
    with _within(0.2, "a bundle"), pytest.raises(ValueError, match="no certificate found"):
        CustomCA(bundle=text)
