"""Markdown of run results as safe, simple HTML."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

_LINE_BREAKS = frozenset({"<br>", "<wbr>"})
"""The only HTML that the pages of this service contain; all other HTML is shown as text."""

_LINK_PATTERN = re.compile(r"https?://|/(?![/\\])|#")
_HEADING_SHIFT = 2
"""The page has one h1, and the section of the results is an h2."""

_MAX_LENGTH = 200_000
"""Characters that are rendered; each 100,000 take about 0.25 s."""


async def render_all(texts: Iterable[str]) -> list[Markup]:
    """Return each text as HTML, see `render_markdown`; other requests are served meanwhile."""
    return await asyncio.to_thread(lambda: [render_markdown(text) for text in texts])


def render_markdown(text: str) -> Markup:
    """Return Markdown as HTML: tables, lists, headings, code; no images, no HTML of its own.

    A longer text is cut at the end of a line, and a sentence says so.
    """
    if len(text) > _MAX_LENGTH:
        text = text[:_MAX_LENGTH].rpartition("\n")[0] + "\n\nThis text is cut: see Prefect.\n"
    return Markup(_parser().render(text))  # noqa: S704 - html is escaped by the rules


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table")
    parser.disable(["image", "autolink", "html_block"])
    # The attribute is public: https://markdown-it-py.readthedocs.io/en/latest/security.html
    parser.validateLink = lambda url: bool(_LINK_PATTERN.match(url))  # type: ignore[method-assign]
    parser.add_render_rule("html_inline", _render_html)
    for name in ("th_open", "td_open"):
        parser.add_render_rule(name, _render_cell)
    for name in ("heading_open", "heading_close"):
        parser.add_render_rule(name, _render_heading)
    parser.add_render_rule("table_open", lambda *_: '<div class="scroll" tabindex="0"><table>')
    parser.add_render_rule("table_close", lambda *_: "</table></div>")
    return parser


def _render_html(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:  # noqa: ANN401
    html = tokens[index].content
    return html if html in _LINE_BREAKS else str(escape(html))


def _render_cell(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:  # noqa: ANN401
    # Without the alignment, which would be a style attribute.
    return '<th scope="col">' if tokens[index].tag == "th" else "<td>"


def _render_heading(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:  # noqa: ANN401
    token = tokens[index]
    level = min(int(token.tag[1:]) + _HEADING_SHIFT, 6)
    return f"<h{level}>" if token.nesting == 1 else f"</h{level}>\n"
