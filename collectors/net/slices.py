"""Cuts a protobuf message into its fields without decoding them.

Source: Protocol Buffers, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT: Final = 10


class BrokenMessageError(ValueError):
    """The bytes are not a protobuf message."""


_SHORT: Final = tuple(bytes((value,)) for value in range(0x80))
"""Most tags and lengths."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One field as it stands in a message.

    Attributes:
        number: The field's number.
        whole: From its tag to its end.
        value: What is inside, for a length-delimited field; None for the others.
    """

    number: int
    whole: bytes
    value: bytes | None


def slices(message: bytes) -> Iterator[Slice]:
    """The fields of `message` in order; joined, their `whole` is `message` again.

    Raises:
        BrokenMessageError: It ends in the middle of a field, or holds an unknown wire type.
    """
    position, end = 0, len(message)
    while position < end:
        start = position
        tag, position = message[position], position + 1
        if tag >= 0x80:
            tag, position = _varint(message, start)
        value: bytes | None = None
        kind = tag & 7
        if kind == _LENGTH:
            length = message[position] if position < end else 0x80
            position += 1
            if length >= 0x80:
                length, position = _varint(message, position - 1)
            value = message[position : position + length]
            position += length
        elif kind == _VARINT:
            _, position = _varint(message, position)
        elif kind in {_FIXED32, _FIXED64}:
            position += 4 if kind == _FIXED32 else 8
        else:
            msg = f"wire type {kind} at byte {start} is not supported"
            raise BrokenMessageError(msg)
        if position > end:
            msg = f"the field at byte {start} is cut off"
            raise BrokenMessageError(msg)
        yield Slice(tag >> 3, message[start:position], value)


def delimited(number: int, value: bytes) -> bytes:
    """A length-delimited field."""
    return _encode(number << 3 | _LENGTH) + _encode(len(value)) + value


def number(field: int, value: int) -> bytes:
    """A field that holds a number from 0 to 2^64 - 1."""
    return _encode(field << 3 | _VARINT) + _encode(value)


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = 0
    for index in range(_LONGEST_VARINT):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position
    msg = f"the number before byte {position} is cut off or too long"
    raise BrokenMessageError(msg)


def _encode(value: int) -> bytes:
    if value < 0x80:
        return _SHORT[value]
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
