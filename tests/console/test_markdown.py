"""Markdown of run results becomes simple HTML, and nothing else."""

import re

import pytest

from deployments.console.markdown import render_markdown

_TAGS = re.compile(r"</?([a-zA-Z0-9]+)([^>]*)>")
_ALLOWED = {"p", "div", "table", "thead", "tbody", "tr", "th", "td", "h3", "h4", "ul", "li"} | {
    *("strong", "em", "code", "pre", "br", "wbr", "a", "ol", "blockquote", "hr", "h5", "h6")
}


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://evil.test/x.png)",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,<script>)",
        "[x](//evil.test)",
        "[x](/\\evil.test)",
        "<https://evil.test>",
        "<br onclick=alert(1)>",
        "<BR/onclick=alert(1)>",
        "| a |\n|:-:|\n| <svg/onload=alert(1)> |",
        '```html"onx=1\n<script>\n```',
        "&lt;script&gt;",
        '# <a href="x">',
        "<!-- --><script>x</script>",
        '[x](https://a.test "t\\" onx=\\"1")',
    ],
)
def test_no_text_becomes_markup(text: str) -> None:
    html = str(render_markdown(text))
    for name, attributes in _TAGS.findall(html):
        assert name in _ALLOWED, html
        assert not re.search(r"\s(on\w+|style|src)\s*=", re.sub(r'"[^"]*"', '""', attributes)), html
    for href in re.findall(r'href="([^"]*)"', html):
        assert re.match(r"https?://|/[^/\\]|#", href), html


def test_a_long_text_is_cut_between_lines_and_says_so() -> None:
    line = f"* {'x' * 97}\n"
    html = str(render_markdown(line * 2_001))
    assert html.count("<li>") == 2_000
    assert html.endswith("<p>This text is cut: see Prefect.</p>\n")


def test_what_pages_contain_is_rendered() -> None:
    html = str(
        render_markdown("# Plan\n\n| A | B |\n|---|---|\n| x<br>y | `z` **b** |\n\n* [a](/audit)")
    )
    assert "<h3>Plan</h3>" in html
    assert '<th scope="col">A</th>' in html and "<td>x<br>y</td>" in html
    assert "<code>z</code> <strong>b</strong>" in html and '<a href="/audit">a</a>' in html
