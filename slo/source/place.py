"""Where a piece of a scalar's text stands in the file."""

from __future__ import annotations

import re

from slo.diagnostic import Span
from slo.source.nodes import Scalar

_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*[^\n]*\n")


def inside(scalar: Scalar, start: int, end: int) -> Span:
    """The place of ``scalar.text[start:end]``, as far as one line can show it.

    Folding and indentation change white space only, so the n-th visible character of the
    text is the n-th visible character of the file. Where escapes break that rule, the
    place of the whole scalar is returned.
    """
    raw, skipped = _visible_part(scalar)
    text = scalar.text
    if _squeezed(raw) != _squeezed(text):
        return scalar.span
    start = min(max(start, 0), len(text))
    ordinal = sum(not char.isspace() for char in text[:start])
    length = sum(not char.isspace() for char in text[start : max(end, start + 1)])
    first = _offset(raw, ordinal) + skipped
    last = _offset(raw, ordinal + max(length, 1) - 1) + skipped
    return _span(scalar, first, last + 1)


def _visible_part(scalar: Scalar) -> tuple[str, int]:
    """The raw text without quotes or block header, and how many characters were cut."""
    raw = scalar.raw
    header = _BLOCK_HEADER.match(raw)
    if header and scalar.quoted:
        return raw[header.end() :], header.end()
    if scalar.quoted and raw[:1] in {"'", '"'}:
        return raw[1:-1], 1
    return raw, 0


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _offset(raw: str, ordinal: int) -> int:
    """The index of visible character number `ordinal`, or one past the last one."""
    after = 0
    for index, char in enumerate(raw):
        if char.isspace():
            continue
        if ordinal == 0:
            return index
        ordinal -= 1
        after = index + 1
    return after


def _span(scalar: Scalar, first: int, end: int) -> Span:
    before = scalar.raw[:first]
    lines = before.count("\n")
    column = first - before.rfind("\n") if lines else scalar.span.column + first
    newline = scalar.raw.find("\n", first)
    if newline != -1:
        end = min(end, newline)
    width = max(end - first, 1)
    return Span(scalar.span.file, scalar.span.line + lines, column, column + width)
