"""Conditions: checked when the configuration is read, answered for all rows at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import reduce
from types import MappingProxyType
from typing import Final, NoReturn

import numpy as np
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from collectors.ottl.columns import (
    Column,
    Distinct,
    Mask,
    Numbers,
    Opaque,
    Typed,
    compare,
    constant,
    difference,
)
from collectors.ottl.contexts import Context, Rows
from collectors.ottl.syntax import (
    AllOf,
    AnyOf,
    Call,
    Comparison,
    ConditionError,
    Difference,
    Literal,
    Not,
    Path,
    Tree,
    Value,
    parse,
)
from collectors.patterns import pattern
from collectors.wire.scan import Scan
from collectors.wire.values import as_json, number_as_json

_PARENT: Final = "parent_span_id.string"
_NO_ID: Final = "0" * 16


class Condition:
    """One condition of one context."""

    def __init__(self, text: str, context: Context) -> None:
        """Read it.

        Raises:
            ConditionError: It is not understood, or speaks of what the context does not have.
        """
        self.text = text
        self.context = context
        self._tree = parse(text)
        for part in _parts(self._tree):
            _check(part, context)

    def __call__(self, rows: Rows) -> Mask:
        """Which of `rows` it holds for."""
        return _Asking(rows, self.context).answer(self._tree)


class Conditions:
    """Several conditions of one context, of which one is enough."""

    def __init__(self, texts: Sequence[str], context: Context) -> None:
        """Read them; raises ConditionError."""
        self._conditions = tuple(Condition(text, context) for text in texts)
        self._context = context

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._conditions)

    def rows(self, scanned: Scan) -> Rows:
        """The items of a request that they are asked about."""
        return self._context.rows(scanned)

    def __call__(self, rows: Rows) -> Mask:
        """Which of `rows` one of them holds for."""
        found: Mask = np.zeros(len(rows.at), np.bool_)
        for condition in self._conditions:
            found |= condition(rows)
        return found


class _Asking:
    """One request; each path is read once."""

    def __init__(self, rows: Rows, context: Context) -> None:
        self._rows = rows
        self._context = context
        self._columns: dict[tuple[str, str], Column] = {}

    def answer(self, tree: Tree) -> Mask:
        match tree:
            case AnyOf(parts):
                return reduce(np.logical_or, [self.answer(part) for part in parts])
            case AllOf(parts):
                return reduce(np.logical_and, [self.answer(part) for part in parts])
            case Not(of):
                return ~self.answer(of)
            case Comparison(left, symbol, right):
                return compare(self.column(left), symbol, self.column(right))
            case Literal(value):
                return np.full(len(self._rows.at), bool(value), np.bool_)
            case Call(name, arguments):
                return FUNCTIONS[name].answer(self, arguments)

    def column(self, value: Value) -> Column:
        match value:
            case Literal(scalar):
                return constant(scalar, len(self._rows.at))
            case Difference(left, right):
                return difference(self.column(left), self.column(right))
            case Path(name, key, _):
                known = self._context.resolve(name) or name
                place = (known, key or "")
                column = self._columns.get(place)
                if column is None:
                    column = self._context.paths[known](self._rows, key or "")
                    self._columns[place] = column
                return column

    def where(self, value: Value, test: Callable[[Typed], bool]) -> Mask:
        column = self.column(value)
        if isinstance(column, Numbers):
            distinct, place = np.unique(column.values, return_inverse=True)
            column = Distinct(place, tuple(distinct.tolist()))
        return column.where(test)


class _Function:
    """A function, what it takes, and how it answers."""

    def __init__(
        self, takes: Sequence[str], answer: Callable[[_Asking, tuple[Value, ...]], Mask]
    ) -> None:
        self.takes = tuple(takes)
        self.answer = answer


def _is_match(asking: _Asking, arguments: tuple[Value, ...]) -> Mask:
    like = pattern(_text(arguments[1]))
    return asking.where(
        arguments[0],
        lambda value: (text := _as_text(value)) is not None and like.search(text) is not None,
    )


def _has(test: Callable[[str, str], bool]) -> Callable[[_Asking, tuple[Value, ...]], Mask]:
    def answer(asking: _Asking, arguments: tuple[Value, ...]) -> Mask:
        wanted = _text(arguments[1])
        return asking.where(
            arguments[0], lambda value: isinstance(value, str) and test(value, wanted)
        )

    return answer


def _is_kind(*kinds: type) -> Callable[[_Asking, tuple[Value, ...]], Mask]:
    def answer(asking: _Asking, arguments: tuple[Value, ...]) -> Mask:
        return asking.where(arguments[0], lambda value: type(value) in kinds)

    return answer


def _is_root(asking: _Asking, arguments: tuple[Value, ...]) -> Mask:
    del arguments
    return asking.where(Path(_PARENT, None, 0), lambda value: value == _NO_ID)


FUNCTIONS: Final[Mapping[str, _Function]] = MappingProxyType(
    {
        "IsMatch": _Function(("path", "pattern"), _is_match),
        "HasPrefix": _Function(("path", "text"), _has(str.startswith)),
        "HasSuffix": _Function(("path", "text"), _has(str.endswith)),
        "IsString": _Function(("path",), _is_kind(str)),
        "IsBool": _Function(("path",), _is_kind(bool)),
        "IsInt": _Function(("path",), _is_kind(int)),
        "IsDouble": _Function(("path",), _is_kind(float)),
        "IsRootSpan": _Function((), _is_root),
    }
)


def _parts(tree: Tree | Value) -> Iterator[Path | Call]:
    """Every path and call in a tree."""
    match tree:
        case AnyOf(parts) | AllOf(parts):
            for part in parts:
                yield from _parts(part)
        case Not(of):
            yield from _parts(of)
        case Comparison(left, _, right) | Difference(left, right):
            yield from _parts(left)
            yield from _parts(right)
        case Call(_, arguments):
            yield tree
            for argument in arguments:
                yield from _parts(argument)
        case Path():
            yield tree
        case Literal():
            pass


def _check(part: Path | Call, context: Context) -> None:
    if isinstance(part, Call):
        _check_call(part, context)
        return
    known = context.resolve(part.name)
    if known is None:
        _refuse("path", part.name, part.column, context.paths)
    if (known in context.keyed) != (part.key is not None):
        needs = f'a key: {part.name}["..."]' if known in context.keyed else "no key"
        msg = f"{part.name} at column {part.column} takes {needs}"
        raise ConditionError(msg)


def _check_call(call: Call, context: Context) -> None:
    function = FUNCTIONS.get(call.name)
    if function is None:
        _refuse("function", call.name, call.column, FUNCTIONS)
    if len(call.arguments) != len(function.takes):
        msg = f"{call.name} at column {call.column} takes ({', '.join(function.takes)})"
        raise ConditionError(msg)
    if not function.takes and _PARENT not in context.paths:
        msg = f"{call.name} at column {call.column} is for spans"
        raise ConditionError(msg)
    for kind, argument in zip(function.takes, call.arguments, strict=True):
        if kind == "path" and isinstance(argument, Literal):
            msg = f"{call.name} at column {call.column} takes a path first"
            raise ConditionError(msg)
        if kind == "pattern":
            try:
                pattern(_text(argument))
            except ValueError as error:
                msg = f"{call.name} at column {call.column}: {error}"
                raise ConditionError(msg) from error
        elif kind == "text":
            _text(argument)


def _refuse(what: str, name: str, column: int, known: Mapping[str, object]) -> NoReturn:
    near = get_close_matches(name, known, 1)
    hint = f", did you mean {near[0]}" if near else f", known are {', '.join(sorted(known))}"
    msg = f"{what} {name} at column {column} is not supported{hint}"
    raise ConditionError(msg)


def _text(value: Value) -> str:
    if isinstance(value, Literal) and isinstance(value.value, str):
        return value.value
    msg = "a text in quotes is needed as the second argument"
    raise ConditionError(msg)


def _as_text(value: Typed) -> str | None:
    """What `IsMatch` looks at: numbers, flags, lists and maps as JSON has them, bytes as hex."""
    match value:
        case None | str():
            return value
        case bytes():
            return value.hex()
        case Opaque(of):
            return as_json(AnyValue.FromString(of))
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            return number_as_json(value)
