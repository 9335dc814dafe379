"""The scanner in plain Python: what the compiled one must agree with, byte for byte.

Written to be read beside the protobuf encoding guide, not to be fast. Its functions are
those of `kernel.Kernel`, which says what they promise.

Source: Protocol Buffers, "Encoding"; limits as in upb (10-byte varints, 32-bit tags, 100
levels of nesting).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.wire.kernel import Codes, Longs, Octets, Shorts, Words

_FIELDS: Final = 32
_MESSAGE: Final = 16
_DEPTH: Final = 100
_STRING, _FIXED32, _BYTES = 4, 5, 3
_STRING_TAG: Final = b"\n"  # of AnyValue.string_value
_NUMBERS: Final = frozenset({0, 1, 5})  # wire types: varint, fixed64, fixed32
_PACKED_VARINT, _PACKED_FIXED64, _PACKED_FIXED32 = 6, 7, 8


class _Unsound(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, offset: int) -> None:
        self.offset = offset


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for count in range(10):
        if at >= end:
            raise _Unsound(at)
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise _Unsound(at)


def _short(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A tag or a length: at most five bytes, at most 32 bits."""
    value, stop = _varint(data, at, end)
    if stop - at > 5 or value > 0xFFFFFFFF:
        raise _Unsound(at)
    return value, stop


def _tag(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    tag, at = _short(data, at, end)
    if tag >> 3 == 0:
        raise _Unsound(at)
    return tag >> 3, tag & 7, at


def _length(data: bytes, at: int, end: int) -> tuple[int, int]:
    length, at = _short(data, at, end)
    if length > end - at:
        raise _Unsound(at)
    return length, at


def _skip(data: bytes, at: int, end: int, field: int, wire: int, depth: int) -> int:
    if wire == 0:
        return _varint(data, at, end)[1]
    if wire in (1, 5):
        width = 8 if wire == 1 else 4
        if end - at < width:
            raise _Unsound(at)
        return at + width
    if wire == 2:
        length, at = _length(data, at, end)
        return at + length
    if wire != 3 or depth >= _DEPTH:
        raise _Unsound(at)
    while True:
        inner, inner_wire, at = _tag(data, at, end)
        if inner_wire == 4:
            if inner != field:
                raise _Unsound(at)
            return at
        at = _skip(data, at, end, inner, inner_wire, depth + 1)


def fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """(tag offset, field, wire type, value start, value end); ends quietly at unsound bytes."""
    at = start
    while at < end:
        tag = at
        try:
            field, wire, at = _tag(data, at, end)
            begin = at
            if wire == 2:
                length, begin = _length(data, at, end)
                at = begin + length
            else:
                at = _skip(data, at, end, field, wire, 0)
        except _Unsound:
            return
        yield tag, field, wire, begin, at


def _number(data: bytes, wire: int, start: int, end: int) -> int:
    if wire == 0:
        return _varint(data, start, end)[0]
    return int.from_bytes(data[start:end], "little")


def _walk(
    data: bytes, span: tuple[int, int], table: list[int], kind: int, counts: Longs, depth: int
) -> None:
    at, end = span
    if depth > _DEPTH:
        raise _Unsound(at)
    counts[kind] += 1
    while at < end:
        start = at
        try:
            field, wire, at = _tag(data, at, end)
            code = table[kind * _FIELDS + field] if field < _FIELDS else 0
            if wire != 2 or code < _BYTES or code == _FIXED32:
                at = _skip(data, at, end, field, wire, depth)
                continue
            length, at = _length(data, at, end)
            stop = at + length
            if code < _MESSAGE:
                _check(data, at, stop, code)
        except _Unsound as unsound:
            raise _Unsound(start) from unsound
        if code >= _MESSAGE:
            _walk(data, (at, stop), table, code - _MESSAGE, counts, depth + 1)
        at = stop


def _check(data: bytes, start: int, end: int, code: int) -> None:
    if code == _STRING:
        try:
            data[start:end].decode("utf-8")
        except UnicodeDecodeError:
            raise _Unsound(start) from None
    elif code == _PACKED_VARINT:
        while start < end:
            _, start = _varint(data, start, end)
    elif (code == _PACKED_FIXED64 and (end - start) % 8) or (
        code == _PACKED_FIXED32 and (end - start) % 4
    ):
        raise _Unsound(start)


def validate(payload: bytes, table: Shorts, root: int, counts: Longs) -> int:
    """See `Kernel.validate`."""
    try:
        _walk(payload, (0, len(payload)), table.tolist(), root, counts, 0)
    except _Unsound as unsound:
        return unsound.offset
    return -1


def locate(
    payload: bytes,
    resources: int,
    scopes: int,
    items: int,
    resource_at: Longs,
    scope_at: Longs,
    item_at: Longs,
) -> bool:
    """See `Kernel.locate`."""
    rows: tuple[list[tuple[int, int, int, int]], ...] = ([], [], [])

    def descend(start: int, end: int, level: int, parent: int) -> None:
        for tag, field, wire, begin, stop in fields(payload, start, end):
            if wire == 2 and field == (1 if level == 0 else 2):
                rows[level].append((tag, begin, stop, parent))
                if level < 2:
                    descend(begin, stop, level + 1, len(rows[level]) - 1)

    descend(0, len(payload), 0, -1)
    for found, wanted, out in zip(
        rows, (resources, scopes, items), (resource_at, scope_at, item_at), strict=True
    ):
        if len(found) != wanted:
            return False
        out[:] = found or out
    return True


def children(payload: bytes, parent_at: Longs, wanted: Shorts, child_at: Longs) -> int:
    """See `Kernel.children`."""
    found = 0
    for row, (_, body, end, *_) in enumerate(parent_at.tolist()):
        for tag, field, wire, begin, stop in fields(payload, body, end):
            if wire == 2 and field < _FIELDS and wanted[field]:
                if found < len(child_at):
                    child_at[found] = (tag, begin, stop, row, field)
                found += 1
    return found


def columns(
    payload: bytes, at: Longs, number_of: Shorts, values: Words, slice_of: Shorts, spots: Longs
) -> None:
    """See `Kernel.columns`."""
    for row, (_, body, end, *_) in enumerate(at.tolist()):
        for _, field, wire, begin, stop in fields(payload, body, end):
            if field >= _FIELDS:
                continue
            if wire == 2:
                if slice_of[field]:
                    spots[slice_of[field] - 1, row] = (begin, stop)
            elif number_of[field] and wire in _NUMBERS:
                values[number_of[field] - 1, row] = _number(payload, wire, begin, stop)


def identifiers(payload: bytes, spot: Longs, out: Octets) -> None:
    """See `Kernel.identifiers`."""
    for row, (start, end) in enumerate(spot.tolist()):
        if end - start == out.shape[1]:
            out[row] = list(payload[start:end])


def attributes(
    payload: bytes, at: Longs, field_of: Shorts, keys: tuple[bytes, ...], spots: Longs
) -> None:
    """See `Kernel.attributes`."""
    for row, (_, body, end, *_) in enumerate(at.tolist()):
        for _, field, wire, begin, stop in fields(payload, body, end):
            if wire != 2 or field != field_of[row]:
                continue
            pair = {
                inner: (first, last)
                for _, inner, inner_wire, first, last in fields(payload, begin, stop)
                if inner_wire == 2 and inner <= 2
            }
            if 1 not in pair:
                continue
            name = payload[slice(*pair[1])]
            for which, key in enumerate(keys):
                if key == name and spots[which, row, 0] < 0:
                    spots[which, row] = pair.get(2, (pair[1][1], pair[1][1]))


def codes(payload: bytes, spot: Longs, code: Codes, first: Longs) -> int:
    """See `Kernel.codes`."""
    seen: dict[bytes, int] = {}
    for row, (start, end) in enumerate(spot.tolist()):
        if start < 0:
            code[row] = -1
            continue
        text = payload[start:end]
        if text not in seen:
            first[len(seen)] = row
            seen[text] = len(seen)
        code[row] = seen[text]
    return len(seen)


def says(payload: bytes, spot: Longs, text: bytes, answer: Octets) -> None:
    """See `Kernel.says`."""
    for row, (start, end) in enumerate(spot.tolist()):
        answer[row] = 0 if start < 0 else 2
        if start < 0 or payload[start:end][:1] != _STRING_TAG:
            continue
        try:
            length, begin = _length(payload, start + 1, end)
        except _Unsound:
            continue
        if begin + length == end:
            answer[row] = payload[begin:end] == text


def gather(payload: bytes, spot: Longs, out: Octets) -> int:
    """See `Kernel.gather`."""
    joined = bytearray()
    for start, end in spot.tolist():
        if start < 0 or end < start or end > len(payload):
            return -1
        joined += payload[start:end]
    if len(joined) > len(out):
        return -1
    out[: len(joined)] = list(joined)
    return len(joined)
