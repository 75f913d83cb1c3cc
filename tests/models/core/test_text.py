"""Sanitizing text from other systems."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.core.text import PLACEHOLDER, replace_invisible, shorten, to_single_line

BAD = [
    *(
        "\x00",
        "\x01",
        "\x07",
        "\x08",
        "\x0b",
        "\x0c",
        "\x1b",
        "\x1f",
        "\x7f",
        "\x80",
        "\x85",
        "\x9b",
    ),
    *("\u00ad", "\u061c", "\u200b", "\u200d", "\u200e", "\u200f", "\u2028", "\u2029", "\u2060"),
    *("\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"),
    *("\ufeff", "\ufff9", "\ud800", "\udfff", "\U000e0041", "\U000e0100"),
]


@pytest.mark.parametrize("sign", BAD, ids=lambda sign: f"U+{ord(sign):04X}")
def test_what_cannot_be_seen_is_shown(sign: str) -> None:
    assert replace_invisible(f"a{sign}b") == f"a{PLACEHOLDER}b"
    assert to_single_line(f"a{sign}b") == f"a{PLACEHOLDER}b"


@pytest.mark.parametrize(
    "text", ["", "a b", "Größe", "日本語", "🙂", "a\tb\nc\r\nd", "…–×", "\u00a0"]
)
def test_other_text_stays(text: str) -> None:
    assert replace_invisible(text) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n\r\t b", "a b"),
        ("  a  ", "a"),
        ("x" * 11, "x" * 9 + "…"),
        (" " * 99 + "x", ""),
        ("", ""),
    ],
)
def test_one_line(text: str, line: str) -> None:
    assert to_single_line(text, 10) == line


@given(st.text(st.characters()))
def test_a_line_can_be_stored_and_printed(text: str) -> None:
    line = to_single_line(text, 50)
    assert len(line) <= 50
    assert line.encode().decode() == line
    assert {unicodedata.category(sign) for sign in line}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert to_single_line(line, 50) == line


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [
        ("one two three", 13, "one two three"),
        ("one two three", 12, "one two…"),
        ("one two three", 8, "one two…"),
        ("one two three", 7, "one tw…"),  # no room for the sign after a whole word
        ("onetwothree", 6, "onetw…"),
        ("a bbbbbbbbbbbbbbbb", 12, "a bbbbbbbbb…"),  # would leave too little
    ],
)
def test_cut_between_words(text: str, longest: int, expected: str) -> None:
    assert shorten(text, longest) == to_single_line(text, longest) == expected
    assert len(expected) <= longest
