"""Finds where PromQL stops making sense, since the parser tells what but not where.

Only faults that can be told token by token: an open bracket or string, two values without
an operator between them, an operator without a value, a foreign variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
    |(?P<open_string>["'`][^\n]*)
    |(?P<variable>\$\{?\w+\}?)
    |(?P<value>0x[0-9a-fA-F]+|(?:\d+(?:ms|[smhdwy]))+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[A-Za-z_:][\w:]*)
    |(?P<open>[(\[{])
    |(?P<close>[)\]}])
    |(?P<operator>=~|!~|==|!=|>=|<=|[-+*/%^<>=@,:])
    |(?P<other>.)""",
    re.VERBOSE,
)
_SIGNS: Final = frozenset("+-")
_BINARY: Final = frozenset(("==", "!=", ">=", "<=", "<", ">", "*", "/", "%", "^")) | _SIGNS
_SETS: Final = frozenset(("and", "or", "unless", "atan2"))
_PAIRS: Final = {"(": ")", "[": "]", "{": "}"}
_WORD_OPERATORS: Final = frozenset(
    (
        "and",
        "or",
        "unless",
        "atan2",
        "bool",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "offset",
        "by",
        "without",
    )
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with ``text[start:end]``."""

    text: str
    start: int
    end: int
    help: str = ""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def fault(self, text: str, hint: str = "") -> Fault:
        return Fault(text, self.start, self.end, hint)


def lexical_fault(text: str) -> Fault | None:
    """The first fault that tokens alone give away."""
    tokens = list(_tokens(text))
    return _stranger(tokens) or _bracket(tokens) or _neighbours(tokens)


def excess(text: str, depth: int, operators: int) -> Fault | None:
    """Where `text` goes deeper than `depth` brackets, or has more than so many `operators`.

    Signs in a row count as brackets do: each is a level of the tree.
    """
    opened = signs = seen = 0
    for token in _tokens(text):
        opened += (token.kind == "open") - (token.kind == "close")
        signs = signs + 1 if token.text in _SIGNS else 0
        seen += token.text in _BINARY or token.text.lower() in _SETS
        if opened + signs > depth:
            return token.fault(f"brackets and signs may stand {depth} deep", "record a part of it")
        if seen > operators:
            text = f"an expression may have {operators} operators"
            return token.fault(text, 'select several series at once: name=~"a|b"')
    return None


def token_named(text: str, name: str) -> tuple[int, int] | None:
    """Where the token `name` stands first, outside of strings."""
    for token in _tokens(text):
        if token.text == name:
            return token.start, token.end
    return None


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        if kind == "value" and match.group().lower() in _WORD_OPERATORS:
            kind = "word"
        if kind != "space":
            yield _Token(kind, match.group(), match.start())


def _stranger(tokens: list[_Token]) -> Fault | None:
    for token in tokens:
        if token.kind == "open_string":
            return token.fault("this string is not closed")
        if token.kind == "variable" and token.text != "$window":
            return token.fault(
                f"{token.text} is not known here, only $window is",
                "write $window, the compiler puts every duration it needs in its place",
            )
        if token.kind == "other":
            return token.fault(f"{token.text!r} is not part of PromQL")
    return None


def _bracket(tokens: list[_Token]) -> Fault | None:
    opened: list[_Token] = []
    for token in tokens:
        if token.kind == "open":
            opened.append(token)
        elif token.kind == "close":
            if not opened:
                return token.fault(f"{token.text!r} closes nothing")
            last = opened.pop()
            if _PAIRS[last.text] != token.text:
                return token.fault(f"{token.text!r} found where {_PAIRS[last.text]!r} is expected")
    if opened:
        last = opened[-1]
        return last.fault(f"{last.text!r} is not closed", f"add {_PAIRS[last.text]!r}")
    return None


def _neighbours(tokens: list[_Token]) -> Fault | None:
    """Two values side by side, or an operator at an end."""
    if tokens and tokens[-1].kind in {"operator", "word"}:
        last = tokens[-1]
        return last.fault(f"nothing follows {last.text!r}")
    values = {"value", "string", "variable"}
    for before, token in pairwise(tokens):
        if before.text in _BINARY and token.text in _BINARY - _SIGNS:
            return token.fault(f"a value is missing between {before.text!r} and {token.text!r}")
        if token.kind in values and before.kind in values:
            return token.fault(f"an operator is missing between {before.text!r} and {token.text!r}")
        if token.text == "=" and before.kind == "close" and before.text != "}":
            return token.fault("'=' compares nothing", "write == to compare")
    return None
