"""The text of a condition becomes a tree; what is not understood is told with its column.

Source: OpenTelemetry Collector, OTTL, `LANGUAGE.md`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NoReturn, TypeAlias

Scalar: TypeAlias = "str | int | float | bool | None"


class ConditionError(ValueError):
    """A condition that cannot be used: what, at which column, and what would do."""


@dataclass(frozen=True, slots=True)
class Path:
    """What is looked at: ``resource.attributes["k"]`` is `name` and `key`."""

    name: str
    key: str | None
    column: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Difference:
    """One number less another."""

    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Call:
    """A function that answers yes or no."""

    name: str
    arguments: tuple[Value, ...]
    column: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values, and one of ``== != < <= > >=``."""

    left: Value
    operator: str
    right: Value


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    of: Tree


@dataclass(frozen=True, slots=True)
class AllOf:
    """Joined by `and`."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Joined by `or`."""

    parts: tuple[Tree, ...]


Value: TypeAlias = Path | Literal | Difference
Tree: TypeAlias = Comparison | Call | Literal | Not | AllOf | AnyOf

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<number>-?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
      | (?P<sign>==|!=|<=|>=|[<>()\[\],-])
    )""",
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}
_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
_WORDS: Final[dict[str, Scalar]] = {"true": True, "false": False, "nil": None}

_KINDS: Final = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUSES: Final = ("UNSET", "OK", "ERROR")
_TYPES: Final = ("NONE", "GAUGE", "SUM", "HISTOGRAM", "EXPONENTIAL_HISTOGRAM", "SUMMARY")
_LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
ENUMS: Final[dict[str, int]] = {
    **{f"SPAN_KIND_{name}": number for number, name in enumerate(_KINDS)},
    **{f"STATUS_CODE_{name}": number for number, name in enumerate(_STATUSES)},
    **{f"METRIC_DATA_TYPE_{name}": number for number, name in enumerate(_TYPES)},
    "SEVERITY_NUMBER_UNSPECIFIED": 0,
    **{
        f"SEVERITY_NUMBER_{name}{step or ''}": place * 4 + max(step, 1)
        for place, name in enumerate(_LEVELS)
        for step in (0, 2, 3, 4)
    },
}
_DEEPEST: Final = 50
_MOST_DIGITS: Final = 20  # of a whole number; 64 bits have at most so many, with a sign


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


def parse(text: str) -> Tree:
    """Read one condition.

    Raises:
        ConditionError: It is not one that is supported.
    """
    parser = _Parser(_tokens(text))
    tree = parser.any_of(0)
    parser.end()
    return tree


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            column = at + len(text[at:]) - len(text[at:].lstrip()) + 1
            msg = f"not understood at column {column}: {text[column - 1 : column + 15]!r}"
            raise ConditionError(msg)
        kind = match.lastgroup or ""
        found.append(_Token(kind, match[kind], match.start(kind) + 1))
        at = match.end()
    found.append(_Token("end", "the end", len(text) + 1))
    return found


class _Parser:
    """Goes through tokens once, from left to right."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def any_of(self, depth: int) -> Tree:
        parts = [self._all_of(depth)]
        while self._take_word("or"):
            parts.append(self._all_of(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def end(self) -> None:
        if self._next.kind != "end":
            self._fail("the end, and or or")

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _all_of(self, depth: int) -> Tree:
        parts = [self._negatable(depth)]
        while self._take_word("and"):
            parts.append(self._negatable(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _negatable(self, depth: int) -> Tree:
        if depth > _DEEPEST:
            msg = f"nested deeper than {_DEEPEST}"
            raise ConditionError(msg)
        if self._take_word("not"):
            return Not(self._negatable(depth + 1))
        if self._take_sign("("):
            tree = self.any_of(depth + 1)
            self._need_sign(")")
            return tree
        return self._statement()

    def _statement(self) -> Tree:
        token, after = self._next, self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        if token.kind == "word" and after.text == "(" and after.kind == "sign":
            return self._call()
        left = self._difference()
        operator = self._next
        if operator.text in _COMPARISONS and operator.kind == "sign":
            self._at += 1
            return Comparison(left, operator.text, self._difference())
        if not isinstance(left, Literal) or not isinstance(left.value, bool):
            self._fail("a comparison")
        return left

    def _call(self) -> Call:
        name = self._next
        self._at += 2
        arguments: list[Value] = []
        while not self._take_sign(")"):
            if arguments:
                self._need_sign(",")
            arguments.append(self._difference())
        return Call(name.text, tuple(arguments), name.column)

    def _difference(self) -> Value:
        left = self._value()
        while self._take_sign("-"):
            left = Difference(left, self._value())
        return left

    def _value(self) -> Value:
        token = self._next
        if token.kind not in {"string", "number", "word"}:
            self._fail("a value")
        self._at += 1
        if token.kind == "string":
            return Literal(_unescaped(token.text[1:-1]))
        if token.kind == "number":
            return Literal(int(token.text) if _is_whole(token.text) else float(token.text))
        return self._named(token)

    def _named(self, token: _Token) -> Value:
        if token.text in _WORDS:
            return Literal(_WORDS[token.text])
        if token.text in ENUMS:
            return Literal(ENUMS[token.text])
        return Path(token.text, self._key(), token.column)

    def _key(self) -> str | None:
        if not self._take_sign("["):
            return None
        token = self._next
        if token.kind != "string":
            self._fail("a key in quotes")
        self._at += 1
        self._need_sign("]")
        return _unescaped(token.text[1:-1])

    def _take_word(self, word: str) -> bool:
        is_next = self._next.kind == "word" and self._next.text == word
        self._at += is_next
        return is_next

    def _take_sign(self, sign: str) -> bool:
        is_next = self._next.kind == "sign" and self._next.text == sign
        self._at += is_next
        return is_next

    def _need_sign(self, sign: str) -> None:
        if not self._take_sign(sign):
            self._fail(sign)

    def _fail(self, wanted: str) -> NoReturn:
        token = self._next
        msg = f"{wanted} is needed at column {token.column}, got {token.text}"
        raise ConditionError(msg)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), text)


def _is_whole(text: str) -> bool:
    return len(text) <= _MOST_DIGITS and text.lstrip("-").isdigit()
