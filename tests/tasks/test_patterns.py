"""No text that others write holds this service up: patterns and parsers take time in proportion."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import pytest

from models.access.image import read_image
from models.access.requests import matching
from models.core.errors import InputRefused
from models.core.names import check_prefix, check_project, is_namespace_name, is_workspace_name
from models.registries.address import parse_address
from models.registries.registry import OwnAuthority
from models.registries.robots import mark_in
from tasks.clusters.kubeconfig import read_kubeconfig
from tasks.discovery.objects import retold
from tasks.http.response import Answer
from tasks.pages.markdown import code, folding, plain
from tasks.registries.docker.wire import challenge_of, next_page
from tasks.registries.harbor.checks import version_verdict
from tasks.registries.wire import error_of
from tests.tasks.patterns import LONGEST, Pattern, ours, worst

SECONDS = 1.0
"""Of this process's own time, so that a busy machine makes no difference."""


class _TooSlow(BaseException):
    """Not caught by anything that a parser does."""


@contextmanager
def _within(seconds: float, what: str) -> Iterator[None]:
    """Interrupt the block once it used so much processor time; `re` lets itself be interrupted."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise _TooSlow

    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    except _TooSlow:
        pytest.fail(f"{what} takes more than {seconds:g} s")
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_the_patterns_are_found() -> None:
    places = {pattern.place.partition(":")[0] for pattern in ours()}
    assert {
        "models/registries/address.py",
        "models/core/names.py",
        "tasks/registries/docker/wire.py",
    } <= places
    assert {"flows/forms/fields.py", "tasks/clusters/api_errors.py"} <= places
    assert len(ours()) >= 30


@pytest.mark.parametrize("pattern", ours(), ids=lambda one: f"{one.place}:{one.use}")
def test_a_pattern_takes_time_in_proportion(pattern: Pattern) -> None:
    for text in worst(pattern.text):
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
        for worse in worst(text):
            with _within(0.2, text):
                pattern.run(worse)


def _authority(text: str) -> object:
    return OwnAuthority(bundle=text)


def _retry_after(text: str) -> object:
    return Answer("GET", "/", 429, {"retry-after": text}).retry_after


def _quoted(text: str) -> object:
    return error_of("prod", Answer("GET", "/", 400, {}, text.encode()))


def _one_space(text: str) -> object:
    return matching("prod", ["a" * 255] * 100, [text])


PARSERS: list[Callable[[str], object]] = [
    challenge_of,
    next_page,
    _authority,
    _retry_after,
    _quoted,
    _one_space,
    parse_address,
    read_image,
    mark_in,
    check_prefix,
    check_project,
    is_namespace_name,
    is_workspace_name,
    read_kubeconfig,
    retold,
    version_verdict,
    plain,
    code,
    folding,
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
    challenge_of: "Bearer ",
    next_page: "<",
    _authority: "-----BEGIN CERTIFICATE-----",
    _quoted: '{"errors": [',
    parse_address: "https://",
}


@pytest.mark.parametrize("parser", PARSERS, ids=lambda one: one.__name__)
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
            what = f"{parser.__name__} with {text[:40]!r}…"
            with _within(SECONDS, what), suppress(ValueError, InputRefused):
                parser(text)


@pytest.mark.parametrize("piece", ["-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nA"])
def test_an_authority_as_long_as_allowed_takes_no_time(piece: str) -> None:
    text = piece * (199_000 // len(piece))
    with _within(0.2, "a bundle"), pytest.raises(ValueError, match="no certificate found"):
        OwnAuthority(bundle=text)
