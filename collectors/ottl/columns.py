"""Values over all rows, and how two of them compare.

A column holds each distinct value once; so a comparison is made once for each of them,
whatever the number of rows. Numbers that differ from row to row are arrays.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from collectors.wire.scan import Coded
from collectors.wire.values import is_short_string

Mask: TypeAlias = NDArray[np.bool_]
Typed: TypeAlias = "str | int | float | bool | bytes | Opaque | None"


@dataclass(frozen=True, slots=True)
class Opaque:
    """A list or a map, serialized: equal to nothing."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Distinct:
    """Each value once; `codes[row]` indexes `values`, -1 is the last, which is None."""

    codes: NDArray[np.int64]
    values: tuple[Typed, ...]

    def where(self, test: Callable[[Typed], bool]) -> Mask:
        """The rows whose value passes `test`."""
        found: Mask = np.array([test(value) for value in self.values], np.bool_)[self.codes]
        return found


@dataclass(frozen=True, slots=True)
class Numbers:
    """A whole number for each row."""

    values: NDArray[np.int64]


Column: TypeAlias = Distinct | Numbers
AnswerT = TypeVar("AnswerT")

_OPERATORS: Final[dict[str, Callable[..., bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def attribute(coded: Coded, rows: NDArray[np.int64] | None = None) -> Distinct:
    """A column of attribute values; `rows` are the rows of `coded` where those are fewer."""
    codes = coded.codes if rows is None else coded.codes[rows]
    values = tuple([_typed(value) for value in coded.values])
    return Distinct(codes.astype(np.int64), (*values, None))


def words(coded: Coded, rows: NDArray[np.int64] | None = None) -> Distinct:
    """A column of plain strings; where the field is absent it is empty."""
    codes = coded.codes if rows is None else coded.codes[rows]
    values = tuple([value.decode() for value in coded.values])
    return Distinct(codes.astype(np.int64), (*values, None))


def constant(value: Typed, rows: int) -> Distinct:
    """The same value in every row."""
    return Distinct(np.zeros(rows, np.int64), (value, None))


def compare(left: Column, symbol: str, right: Column) -> Mask:
    """Which rows compare so.

    What cannot be compared is not equal, and neither less nor greater.
    """
    if isinstance(left, Numbers) and isinstance(right, Numbers):
        return _arrays(left.values, symbol, right.values)
    if isinstance(left, Numbers):
        mirrored = _MIRRORED.get(symbol, symbol)
        return compare(right, mirrored, left)
    if isinstance(right, Numbers):
        return _with_numbers(left, symbol, right.values)
    answers, place = _pairs(left, right, lambda one, other: holds(one, symbol, other))
    found: Mask = np.array(answers, np.bool_)[place]
    return found


def holds(left: Typed, symbol: str, right: Typed) -> bool:
    """Whether two values compare so.

    Source: OpenTelemetry Collector, OTTL, "Comparison rules".
    """
    if left is None or right is None:
        same = left is None and right is None
        return not same if symbol == "!=" else same and symbol in {"==", "<=", ">="}
    if isinstance(left, Opaque) or _kind(left) is not _kind(right):
        return symbol == "!="
    return _OPERATORS[symbol](left, right)


def difference(left: Column, right: Column) -> Column:
    """One number less another; None where either is none."""
    if isinstance(left, Numbers) and isinstance(right, Numbers):
        return Numbers(left.values - right.values)
    one, other = _distinct(left), _distinct(right)
    values, place = _pairs(one, other, _less)
    return Distinct(place, (*values, None))


def _less(left: Typed, right: Typed) -> Typed:
    if isinstance(left, bool) or isinstance(right, bool):
        return None
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left - right
    return None


def _distinct(column: Column) -> Distinct:
    if isinstance(column, Distinct):
        return column
    values, codes = np.unique(column.values, return_inverse=True)
    return Distinct(codes.astype(np.int64), (*values.tolist(), None))


def _pairs(
    left: Distinct, right: Distinct, answer: Callable[[Typed, Typed], AnswerT]
) -> tuple[list[AnswerT], NDArray[np.int64]]:
    """The answer to each distinct pair of values, and which pair every row has."""
    width = len(right.values)
    pairs = (left.codes % len(left.values)) * width + right.codes % width
    distinct, place = np.unique(pairs, return_inverse=True)
    answers = [
        answer(left.values[pair // width], right.values[pair % width]) for pair in distinct.tolist()
    ]
    return answers, place.astype(np.int64)


def _arrays(left: NDArray[np.int64], symbol: str, right: NDArray[np.int64] | int) -> Mask:
    found: Mask = np.asarray(_OPERATORS[symbol](left, right), np.bool_)
    return found


def _with_numbers(left: Distinct, symbol: str, right: NDArray[np.int64]) -> Mask:
    """Each distinct value against the numbers of the rows that hold it."""
    found = np.full(len(right), symbol == "!=")
    mirrored = _MIRRORED.get(symbol, symbol)
    for value, same in _groups(left):
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[same] = _against(right[same], mirrored, value)
    return found


def _groups(column: Distinct) -> Iterator[tuple[Typed, NDArray[np.int64] | slice]]:
    """Each value that some row has, and those rows."""
    codes = column.codes % len(column.values)
    if len(codes) and bool((codes == codes[0]).all()):  # a literal mostly
        yield column.values[int(codes[0])], slice(None)
        return
    order = np.argsort(codes, kind="stable")
    edges = np.flatnonzero(np.diff(codes[order])) + 1
    for same in np.split(order, edges) if len(order) else ():
        yield column.values[int(codes[same[0]])], same


def _against(numbers: NDArray[np.int64], symbol: str, value: float) -> Mask:
    """Each of `numbers` against a value; one that does not fit beside them is compared exactly."""
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return _arrays(numbers, symbol, value)
    distinct, of = np.unique(numbers, return_inverse=True)
    answers = [holds(number, symbol, value) for number in distinct.tolist()]
    found: Mask = np.array(answers, np.bool_)[of]
    return found


def _kind(value: Typed) -> type:
    """What compares with what: whole and other numbers do, flags only with flags."""
    if isinstance(value, bool):
        return bool
    return float if isinstance(value, int | float) else type(value)


def _typed(value: bytes) -> Typed:
    if is_short_string(value):
        return value[2:].decode()
    decoded = AnyValue.FromString(value)
    kind = decoded.WhichOneof("value")
    if kind is None:
        return None
    if kind in {"array_value", "kvlist_value"}:
        return Opaque(value)
    found: Typed = getattr(decoded, kind)
    return found
