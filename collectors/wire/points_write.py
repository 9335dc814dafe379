"""How data points are written, in plain Python: part of the twin in `points_reference.py`."""

from __future__ import annotations

import struct
from typing import Final

from collectors.wire.kernel import Longs, Octets, Shorts, Words
from collectors.wire.points_fields import Unsound, pair_of, strict
from collectors.wire.points_kernel import COUNT, INT, KeyChoice

_FIELDS: Final = 32


def _outside(start: int, end: int, size: int) -> bool:
    return start < 0 or end < start or end > size


def move(source: Octets, spot: Longs, target: Octets, to: Longs) -> bool:
    """See `PointsKernel.move`."""
    for (start, end), place in zip(spot.tolist(), to.tolist(), strict=True):
        if _outside(start, end, len(source)) or _outside(place, place + end - start, len(target)):
            return False
        target[place : place + end - start] = source[start:end]
    return True


def rests(
    payload: Octets,
    spot: Longs,
    skipped: Shorts,
    temporality: Octets,
    out: Octets,
    extent: Longs,
) -> int:
    """See `PointsKernel.rests`."""
    data, written = bytes(payload), bytearray()
    for row, (start, end) in enumerate(spot.tolist()):
        extent[row, 0] = len(written)
        if _outside(start, end, len(data)):
            return -1
        try:
            for tag, field, _, _, stop in strict(data, start, end):
                if field >= _FIELDS or not skipped[field]:
                    written += data[tag:stop]
        except Unsound:
            return -1
        if temporality[row]:
            written += bytes((0x10, temporality[row]))
        extent[row, 1] = len(written)
    if len(written) > len(out):
        return -1
    out[: len(written)] = list(written)
    return len(written)


def _length(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def edit(
    payload: Octets,
    spot: Longs,
    value: Words,
    attributes: int,
    keys: KeyChoice,
    out: Octets,
    extent: Longs,
) -> int:
    """See `PointsKernel.edit`; the gaps between points are not the compiled one's."""
    data, filled = bytes(payload), 0
    for row, (start, end) in enumerate(spot.tolist()):
        if _outside(start, end, len(data)):
            return -1
        try:
            body = _edited(data, (start, end), value[row].tolist(), attributes, keys)
        except Unsound:
            return -1
        whole = b"\x0a" + _length(len(body)) + body
        if filled + len(whole) > len(out):
            return -1
        out[filled : filled + len(whole)] = list(whole)
        extent[row] = (filled, filled + len(whole))
        filled += len(whole)
    return filled


def _edited(
    data: bytes,
    span: tuple[int, int],
    value: list[int],
    attributes: int,
    keys: KeyChoice,
) -> bytes:
    begun, now, bits, kind = value
    texts, keeps = keys
    body = bytearray()
    for tag, field, wire, first, last in strict(data, *span):
        if wire == 1 and (field in (2, 3, 4) or (field == 6 and kind < COUNT)):
            continue
        is_attribute = wire == 2 and field == attributes and (texts or keeps)
        if is_attribute and (pair_of(data, first, last)[0] in texts) != keeps:
            continue
        body += data[tag:last]
    for field, fixed in ((2, begun), (3, now), (6 if kind == INT else 4, bits if kind else None)):
        if fixed or (field > 3 and fixed is not None):
            body += struct.pack("<BQ", field << 3 | 1, fixed)
    return bytes(body)


def assemble(
    source: Octets,
    resource: Longs,
    scope: Longs,
    metric: Longs,
    point: Longs,
    out: Octets,
) -> int:
    """See `PointsKernel.assemble`."""
    data = bytes(source)
    levels = point, metric, scope, resource
    inner = [bytearray() for _ in point]
    for depth, rows in enumerate(levels):
        parents = len(levels[depth + 1]) if depth < 3 else 1
        outer = [bytearray() for _ in range(parents)]
        last = 0
        for row, body in zip(rows.tolist(), inner, strict=True):
            of = row[2] if depth < 3 else 0
            if _strange(row, len(data)) or not last <= of < parents:
                return -1
            last = of
            outer[of] += _part(data, depth, row, bytes(body))
        inner = outer
    (written,) = inner
    if len(written) <= len(out):
        out[: len(written)] = list(written)
    return len(written)


def _strange(row: list[int], size: int) -> bool:
    """Whether a part is outside; of a metric, also its data's own fields."""
    return _outside(row[0], row[1], size) or (len(row) == 6 and _outside(row[4], row[5], size))


def _part(data: bytes, depth: int, row: list[int], inner: bytes) -> bytes:
    """A point as it stands, or the message around what is inside; nothing around nothing."""
    head = data[row[0] : row[1]]
    if depth == 0 or not inner:
        return head if depth == 0 else b""
    if depth == 1:
        body = data[row[4] : row[5]] + inner
        inner = bytes((row[3] << 3 | 2,)) + _length(len(body)) + body
    whole = head + inner
    return (b"\x0a" if depth == 3 else b"\x12") + _length(len(whole)) + whole
