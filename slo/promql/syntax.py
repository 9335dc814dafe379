"""Text to tree and back; the printed form is one line and parses to the same tree.

A template holds ``$window`` where a duration goes. The parser sees a stand-in duration
that nobody writes, and `compact` puts ``$window`` back.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import promql_parser as pp

from slo.exact import Duration
from slo.promql.locate import excess, lexical_fault, token_named

WINDOW: Final = "$window"
_MARK: Final = re.compile(r"\$window\b")
_STAND_IN: Final = "2h11m59s"
_QUOTED_IN_MESSAGE: Final = re.compile(r"'([^']+)'$|'([^']+)'")
# A string, kept; or white space, shortened. The parser prints strings in double quotes.
_STRING_OR_SPACE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\s+')
_INSIDE_PARENTHESES: Final = re.compile(r'"(?:[^"\\]|\\.)*"|(?<=\() | (?=\))')
_VALUE: Final = re.compile(r'(?<==")[-\w]+(?=")')
"""The value of an equality matcher that is a plain word."""


MAX_DEPTH: Final = 64
"""Brackets within each other; the parser and all that walks a tree descend as deep."""
MAX_OPERATORS: Final = 100
"""Operators of one expression: `a + b + c` is a tree as deep as it has of them."""


class PromqlError(ValueError):
    """An expression that cannot be used, with the part of the text that is to blame.

    Attributes:
        start: Offset of the part in the text as written.
        end: Where the part ends, exclusive.
        help: The way out, if there is one to tell.
    """

    def __init__(self, text: str, start: int = 0, end: int = 0, hint: str = "") -> None:
        super().__init__(text)
        self.start = start
        self.end = end
        self.help = hint


def uses_window(text: str) -> bool:
    """Whether ``$window`` occurs in `text`."""
    return _MARK.search(text) is not None


def bind(template: str, window: Duration) -> str:
    """The expression with every ``$window`` replaced by `window`."""
    return _MARK.sub(window.promql(), template)


def parse(text: str) -> pp.Expr:
    """Parse PromQL that may hold ``$window``.

    Raises:
        PromqlError: It does not parse; the fault is located as well as can be told.
    """
    if not text.strip():
        msg = "the expression is empty"
        raise PromqlError(msg)
    try:
        return _tree(_MARK.sub(_STAND_IN, text))
    except ValueError as error:
        raise _located(text, str(error)) from None


def written(text: str) -> pp.Expr:
    """Parse what a user wrote, which may be meant to break whoever walks its tree.

    Raises:
        PromqlError: It does not parse, has more than `MAX_DEPTH` brackets within each other,
            or more than `MAX_OPERATORS`.
    """
    fault = excess(text, MAX_DEPTH, MAX_OPERATORS)
    if fault is not None:
        raise PromqlError(fault.text, fault.start, fault.end, fault.help)
    return parse(text)


def form(text: str) -> pp.Expr:
    """The tree of `text`, all plain words in its equality matchers one and the same word.

    Most expressions of two SLOs differ in such words only: whoever asks what does not depend
    on them has it parsed once.

    Raises:
        PromqlError: It does not parse.
    """
    return _form(_VALUE.sub("x", text))


@lru_cache(maxsize=1024)
def _form(text: str) -> pp.Expr:
    return parse(text)


@lru_cache(maxsize=512)
def _tree(text: str) -> pp.Expr:
    """The tree of `text`: nobody can change one, and the same text is asked for again and again."""
    return pp.parse(text)


def compact(expr: pp.Expr) -> str:
    """Print `expr` on one line, ``$window`` included."""
    line = _STRING_OR_SPACE.sub(_string_or(" "), expr.prettify()).strip()
    line = _INSIDE_PARENTHESES.sub(_string_or(""), line)
    return line.replace(_STAND_IN, WINDOW)


def pretty(text: str) -> str:
    """`text` for people: on one line where it is short, otherwise a step in on every line.

    Raises:
        PromqlError: It does not parse.
    """
    return parse(text).prettify().rstrip().replace(_STAND_IN, WINDOW)


def canonical(text: str) -> str:
    """The one-line form of `text`.

    Raises:
        PromqlError: It does not parse.
    """
    return compact(parse(text))


def operand(text: str) -> str:
    """`text` as one side of an operator: in parentheses where they are needed.

    Raises:
        PromqlError: It does not parse.
    """
    expr = parse(text)
    line = compact(expr)
    return f"({line})" if isinstance(expr, pp.BinaryExpr | pp.UnaryExpr) else line


def is_vector(expr: pp.Expr) -> bool:
    """Whether the result is an instant vector, as a rule's expression must be."""
    if isinstance(expr, pp.ParenExpr | pp.UnaryExpr):
        return is_vector(expr.expr)
    if isinstance(expr, pp.BinaryExpr):
        return is_vector(expr.lhs) or is_vector(expr.rhs)
    if isinstance(expr, pp.Call):
        return bool(expr.func.return_type == pp.ValueType.Vector)
    return isinstance(expr, pp.AggregateExpr | pp.VectorSelector)


def _string_or(blank: str) -> _Replace:
    return _Replace(blank)


class _Replace:
    """A replacement for `re.sub` that keeps strings and shortens everything else."""

    __slots__ = ("_blank",)

    def __init__(self, blank: str) -> None:
        self._blank = blank

    def __call__(self, match: re.Match[str]) -> str:
        return match.group() if match.group().startswith('"') else self._blank


def _located(text: str, message: str) -> PromqlError:
    fault = lexical_fault(text)
    if fault is not None:
        return PromqlError(fault.text, fault.start, fault.end, fault.help)
    message = message.partition("\n")[0].strip()
    named = _QUOTED_IN_MESSAGE.search(message)
    if named is not None:
        place = token_named(text, named.group(1) or named.group(2))
        if place is not None:
            return PromqlError(message, *place)
    call = re.search(r"function (\w+)", message) or re.search(r"'(\w+)'", message)
    place = token_named(text, call.group(1)) if call else None
    return PromqlError(message, *(place or (0, len(text.rstrip()))))
