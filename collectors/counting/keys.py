"""What a series is known by, and which of the things counted belong in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collectors.wire.kernel import Longs

Key: TypeAlias = tuple[bytes | None, ...]
"""The values of a series' dimensions, as serialized `AnyValue`s; None where there is none."""


OVERFLOW: Final[Key] = (b"otel.metric.overflow",)
"""The key of the series that takes what is beyond the limit; no dimension's value is this."""

_OVERFLOW_KEY: Final = "otel.metric.overflow"
_ROOM: Final = 2**62


def text_value(text: str) -> bytes:
    """`text` as a serialized `AnyValue`."""
    return AnyValue(string_value=text).SerializeToString()


@dataclass(frozen=True, slots=True)
class Groups:
    """Spans by the series that they belong in.

    Attributes:
        of_span: The group of each span.
        keys: Resource row and key of each group, in the order of their first spans.
    """

    of_span: Longs
    keys: tuple[tuple[int, Key], ...]


def attributes_of(dimensions: Sequence[str], key: Key) -> list[KeyValue]:
    """The attributes of a data point in the series `key`."""
    if key == OVERFLOW:
        return [KeyValue(key=_OVERFLOW_KEY, value=AnyValue(bool_value=True))]
    return [
        KeyValue(key=name, value=AnyValue.FromString(value))
        for name, value in zip(dimensions, key, strict=True)
        if value is not None
    ]


def combined(columns: Sequence[Longs]) -> NDArray[np.int64]:
    """One number for each combination of codes; codes begin at -1."""
    found = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        width = int(column.max(initial=-1)) + 2
        if int(found.max(initial=0)) >= _ROOM // width:
            found = np.unique(found, return_inverse=True)[1]
        found = found * width + (column + 1)
    return found
