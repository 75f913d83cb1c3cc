"""What others wrote stays in its table cell and its code span, and is no markup there."""

import re
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tasks.pages.markdown import breakable, escape_markdown, inline_code, markdown_table

PAGE = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_BARE = re.compile(r"(https?://|www\.)[-.\w]|[-.\w+]@[-\w]+\.[-\w]", re.IGNORECASE)
"""What pages turn into a link on their own: https://github.github.com/gfm/#autolinks-extension-"""

NASTY = [
    *("`", "``", "` | x |\n| y", "|", "\\|", "\\", "a\\", "\n\n# x", "<b>x</b>", "<!--", "]]>"),
    *(
        "[x](http://e.test)",
        "![x](http://e.test)",
        "<http://e.test>",
        "http://e.test/x",
        "a\n---\n",
    ),
    *("www.e.test", "WWW.e.test", "HTTPS://e.test", "a@e.test", "&lt;b&gt;", "~~x~~", "**x**"),
    *(
        "_x_",
        "$x$",
        "",
        " ",
        "\x00",
        "\u202e",
        "\u2028",
        "\r",
        "\x85",
        "x" * 500,
        "\ud800",
        "wwwww.e",
    ),
]
ESCAPES: list[Callable[[str], str]] = [escape_markdown, inline_code, breakable]


def _cells(text: str) -> list[list[Token]]:
    """The inline parts of each cell of a page of one table."""
    page = PAGE.parse(markdown_table(["one", "two"], [[text, "end"]]))
    assert page[0].type == "table_open"
    assert page[-1].type == "table_close"
    return [token.children or [] for token in page if token.type == "inline"]


def _check(escape: Callable[[str], str], text: str) -> None:
    markdown = escape(text)
    assert not set("\n\r\u2028\u2029\x85\x00\u202e") & set(markdown)
    header_cells, cell, end = (cells := _cells(markdown))[:2], cells[2], cells[3]
    assert len(cells) == 4
    assert [part.content for head in header_cells for part in head] == ["one", "two"]
    assert [part.content for part in end] == ["end"]
    for part in cell:
        assert part.type in ("text", "code_inline", "html_inline"), part
        assert part.type != "html_inline" or part.content == "<wbr>"
        assert part.type != "text" or not _BARE.search(part.content)
    if escape is inline_code:
        assert [part.type for part in cell] == ["code_inline"]


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("escape", ESCAPES, ids=lambda escape: escape.__name__)
def test_nothing_gets_out(escape: Callable[[str], str], text: str) -> None:
    _check(escape, text)
    _check(escape, f"a{text}b")
    _check(escape, text * 3)


@pytest.mark.parametrize("escape", ESCAPES, ids=lambda escape: escape.__name__)
def test_two_spans_in_a_line_stay_two(escape: Callable[[str], str]) -> None:
    for text in NASTY:
        line = f"{escape(text)} and {escape(text)}."
        (inline,) = [token for token in PAGE.parse(f"so {line}") if token.type == "inline"]
        spans = [part for part in inline.children or [] if part.type == "code_inline"]
        assert len(spans) == (2 if escape is inline_code else 0)


@given(
    st.text(st.sampled_from("`|\\<>[]()!*_~#&$\n\r \t:/.@wWhtps\x00\u202ea-=+") | st.characters())
)
@example("\\`")
@example("a\\\\|b")
def test_no_text_gets_out(text: str) -> None:
    for escape in ESCAPES:
        _check(escape, text)


def test_what_is_harmless_is_readable() -> None:
    assert (
        escape_markdown("Harbor v2.15.2 answers (3 of 4), 95 %")
        == "Harbor v2.15.2 answers (3 of 4), 95 %"
    )
    assert escape_markdown("a\n b") == "a b"
    assert escape_markdown("https://harbor.test") == "https:<wbr>//harbor.test"
    assert inline_code("https://harbor.test/a?b=c") == "`https://harbor.test/a?b=c`"
    assert inline_code("a\nb") == "`a b`"
    assert len(escape_markdown("x" * 999)) == len(inline_code("x" * 999)) - 2 == 300
