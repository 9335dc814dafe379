"""What a series is known by, and which of the things counted belong in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from collectors.wire.kernel import Longs

Key: TypeAlias = tuple[bytes | None, ...]
"""The values of a series' dimensions, as serialized `AnyValue`s; None where there is none."""


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
