"""Fields of a message that must fill it: what both halves of the twin read by."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.wire.reference import fields

Field = tuple[int, int, int, int, int]
"""Tag offset, number, wire type, start and end of the value."""


class Unsound(Exception):  # noqa: N818 - never leaves the twin
    """The bytes make no sense."""


def strict(data: bytes, start: int, end: int) -> Iterator[Field]:
    """The fields of a message; raises where they do not fill it."""
    at = start
    for field in fields(data, start, end):
        yield field
        at = field[4]
    if at != end:
        raise Unsound


def pair_of(data: bytes, start: int, end: int) -> tuple[bytes, bytes]:
    """Key and value of a `KeyValue`, empty where absent."""
    parts = {1: b"", 2: b""}
    for _, field, wire, begin, stop in strict(data, start, end):
        if wire == 2 and field in parts:
            parts[field] = data[begin:stop]
    return parts[1], parts[2]
