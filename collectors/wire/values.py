"""Serialized attribute values: what they say as text, and which of them say a given text."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from decimal import Decimal
from typing import Final

import numpy as np
from google.protobuf.json_format import MessageToDict
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from collectors.wire.kernel import Longs
from collectors.wire.scan import Coded, Scan, texts

_STRING_TAG: Final = 0x0A
_YES, _NO_STRING = 1, 2  # answers of `Kernel.says`
_SHORT: Final = 0x80  # from here on a length takes two bytes
_SMALLEST, _LARGEST = 1e-6, 1e21  # numbers between them Go writes without an exponent
_ESCAPED: Final = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def as_text(value: bytes) -> str:
    """A serialized `AnyValue` as text: ``true``, ``5``, ``0.5``; lists and maps as JSON."""
    if is_short_string(value):
        return value[2:].decode()
    return _text_of(AnyValue.FromString(value))


def read_as(scanned: Scan, spots: Longs, text: str) -> NDArray[np.bool_]:
    """Which rows carry a value that reads `text`; a row without the attribute does not.

    Strings are compared where they stand; of other values each distinct one once.

    Args:
        scanned: The request.
        spots: Shape (rows, 2): where each value stands, (-1, -1) where there is none.
        text: As `as_text` writes values.
    """
    answers = np.empty(len(spots), np.uint8)
    scanned.kernel.says(scanned.payload, spots, text.encode(), answers)
    found: NDArray[np.bool_] = answers == _YES
    others = np.flatnonzero(answers == _NO_STRING)
    if len(others):
        coded = texts(scanned, spots[others])
        hits = np.array([as_text(value) == text for value in coded.values])
        found[others] = hits[coded.codes]
    return found


def named(coded: Coded, text: str) -> NDArray[np.bool_]:
    """Which rows of a column of plain strings, such as names, are `text`."""
    wanted = text.encode()
    hits = [value == wanted for value in coded.values]
    found: NDArray[np.bool_] = np.array([*hits, False])[coded.codes]
    return found


def _text_of(value: AnyValue) -> str:
    match value.WhichOneof("value"):
        case None:
            text = ""
        case "string_value":
            text = value.string_value
        case "bool_value":
            text = "true" if value.bool_value else "false"
        case "int_value":
            text = str(value.int_value)
        case "double_value":
            text = _number(value.double_value)
        case "bytes_value":
            text = value.bytes_value.hex()
        case _:
            text = json.dumps(MessageToDict(value), sort_keys=True)
    return text


def is_short_string(value: bytes) -> bool:
    """Whether `value` is a string and nothing else, which begins at its third byte."""
    return (
        len(value) > 1
        and value[0] == _STRING_TAG
        and value[1] < _SHORT
        and value[1] == len(value) - 2
    )


def _number(value: float) -> str:
    """The shortest digits that read back the same, whole numbers without a point."""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def as_json(value: AnyValue) -> str | None:
    """A value as JSON, as Go writes it; None where a number in it has no place there.

    Source: Go, package `encoding/json`, `Marshal`, of what pdata's `AsRaw` gives.
    """
    text: str | None
    match value.WhichOneof("value"):
        case None:
            text = "null"
        case "double_value":
            text = number_as_json(value.double_value)
        case "string_value":
            text = _quoted(value.string_value)
        case "bytes_value":
            text = _quoted(b64encode(value.bytes_value).decode())
        case "array_value":
            text = _joined([as_json(of) for of in value.array_value.values], "[]")
        case "kvlist_value":
            last = {pair.key: pair.value for pair in value.kvlist_value.values}
            inner = ((_quoted(key), as_json(last[key])) for key in sorted(last))
            pairs = [None if said is None else f"{key}:{said}" for key, said in inner]
            text = _joined(pairs, "{}")
        case _:
            text = _text_of(value)
    return text


def number_as_json(value: float) -> str | None:
    """The shortest digits that read back the same; see `as_json`."""
    if not math.isfinite(value):
        return None
    if value and not _SMALLEST <= abs(value) < _LARGEST:
        return repr(value).replace("e-0", "e-")
    return f"{Decimal(repr(value)):f}".removesuffix(".0")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).translate(_ESCAPED)


def _joined(parts: list[str | None], brackets: str) -> str | None:
    known = [part for part in parts if part is not None]
    return brackets[0] + ",".join(known) + brackets[1] if len(known) == len(parts) else None
