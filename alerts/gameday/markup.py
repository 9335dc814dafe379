"""HTML of what a game day shows: one style for all pages, and Markdown drawn as a page."""

from __future__ import annotations

from html import escape
from typing import Final

from markdown_it import MarkdownIt

_STYLE: Final = (
    "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;padding:0 1rem;max-width:60rem;"
    "color:#1f2933}table{border-collapse:collapse;width:100%}td,th{text-align:left;"
    "padding:.35rem .8rem .35rem 0;border-bottom:1px solid #d9e2ec;vertical-align:top}"
    "thead:not(:has(th:not(:empty))){display:none}h2{margin-top:2rem;font-size:1.05rem}"
    "pre{background:#f0f4f8;padding:.7rem;overflow-x:auto}code{font-size:.92em}"
    "@media(prefers-color-scheme:dark){body{background:#12181f;color:#e4e9ee}a{color:#6cb4ee}"
    "td,th{border-color:#33404d}pre{background:#1c2630}}"
)
_RENEWED: Final = '<meta http-equiv="refresh" content="5">'


def page(title: str, body: str, *, renews: bool = False) -> str:
    """A whole page.

    Args:
        title: Plain text.
        body: HTML, escaped where it must be.
        renews: Whether the browser asks again every 5 seconds.
    """
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"{_RENEWED if renews else ''}<title>{escape(title)}</title><style>{_STYLE}</style>{body}"
    )


def drawn(name: str, markdown: str) -> str:
    """The page of a Markdown text; HTML in it is shown as text."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    return page(name, reader.render(markdown))
