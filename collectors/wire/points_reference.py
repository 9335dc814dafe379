"""The reader of data points in plain Python: what the compiled one must agree with.

Its functions are those of `points_kernel.PointsKernel`, which says what they promise.

Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", with one round for each word
and three at the end, the key 0, 128 bits.
"""

from __future__ import annotations

import struct
from typing import Final

from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.points_fields import Unsound, pair_of, strict
from collectors.wire.points_kernel import (
    COUNT,
    DOUBLE,
    EXPONENTIAL,
    GAUGE,
    HISTOGRAM,
    INT,
    SUM,
    SUMMARY,
    KeyChoice,
)
from collectors.wire.points_state import accumulate, assign, follow
from collectors.wire.points_write import assemble, edit, move, rests

__all__ = [
    "accumulate",
    "assemble",
    "assign",
    "columns",
    "digests",
    "edit",
    "follow",
    "move",
    "records",
    "rests",
]

_MASK: Final = 2**64 - 1
_ATTRIBUTES: Final = {GAUGE: 7, SUM: 7, HISTOGRAM: 9, EXPONENTIAL: 1, SUMMARY: 7}
_FLAGS: Final = {GAUGE: 8, SUM: 8, HISTOGRAM: 10, EXPONENTIAL: 10, SUMMARY: 8}

Identity = tuple[int, int]


def _turn(value: int, by: int) -> int:
    return (value << by | value >> (64 - by)) & _MASK


class _Sip:
    def __init__(self) -> None:
        self.a, self.b = 0x736F6D6570736575, 0x646F72616E646F6D ^ 0xEE
        self.c, self.d = 0x6C7967656E657261, 0x7465646279746573

    def _mix(self) -> None:
        self.a = (self.a + self.b) & _MASK
        self.b = _turn(self.b, 13) ^ self.a
        self.a = _turn(self.a, 32)
        self.c = (self.c + self.d) & _MASK
        self.d = _turn(self.d, 16) ^ self.c
        self.a = (self.a + self.d) & _MASK
        self.d = _turn(self.d, 21) ^ self.a
        self.c = (self.c + self.b) & _MASK
        self.b = _turn(self.b, 17) ^ self.c
        self.c = _turn(self.c, 32)

    def words(self, *words: int) -> _Sip:
        for word in words:
            self.d ^= word
            self._mix()
            self.a ^= word
        return self

    def text(self, text: bytes) -> _Sip:
        self.words(len(text))
        filled = text + bytes(-len(text) % 8)
        return self.words(*struct.unpack(f"<{len(filled) // 8}Q", filled))

    def finish(self) -> Identity:
        found: list[int] = []
        for name, mark in (("c", 0xEE), ("b", 0xDD)):
            setattr(self, name, getattr(self, name) ^ mark)
            for _ in range(3):
                self._mix()
            found.append(self.a ^ self.b ^ self.c ^ self.d)
        return found[0], found[1]


class _Pairs:
    @property
    def count(self) -> int:
        return len(self._digests)

    def __init__(self, keys: KeyChoice) -> None:
        self._keys, self._keeps = keys
        self._digests: list[Identity] = []

    def add(self, data: bytes, start: int, end: int) -> None:
        key, value = pair_of(data, start, end)
        if (key in self._keys) == self._keeps:
            self._digests.append(_Sip().text(key).text(value).finish())

    def close(self, sip: _Sip) -> Identity:
        digests = sorted(self._digests)
        sip.words(len(digests), *(word for digest in digests for word in digest))
        self._digests = []
        return sip.finish()


def _named(
    data: bytes, start: int, end: int, pairs: _Pairs, attributes: int
) -> tuple[dict[int, bytes], bytes]:
    """The texts of a resource or scope, and the schema's URL; its attributes go to `pairs`."""
    texts, url = {1: b"", 2: b""}, b""
    for _, field, wire, begin, stop in strict(data, start, end):
        if wire != 2 or field not in (1, 3):
            continue
        if field == 3:
            url = data[begin:stop]
            continue
        for _, inner, inner_wire, first, last in strict(data, begin, stop):
            if inner_wire == 2 and inner == attributes:
                pairs.add(data, first, last)
            elif inner_wire == 2 and inner in texts:
                texts[inner] = data[first:last]
    return texts, url


def _metric(
    data: bytes, start: int, end: int
) -> tuple[bytes, bytes, tuple[int, int, int, int, int]]:
    """Name, unit, and start, end, kind, temporality and is monotonic of the data."""
    texts = {1: b"", 3: b""}
    head, tail, kind = 0, 0, 0
    for _, field, wire, begin, stop in strict(data, start, end):
        if wire == 2 and field in texts:
            texts[field] = data[begin:stop]
        elif wire == 2 and field in _ATTRIBUTES:
            if kind:
                raise Unsound
            head, tail, kind = begin, stop, field
    temporality = monotonic = 0
    if kind in (SUM, HISTOGRAM, EXPONENTIAL):
        for _, field, wire, begin, stop in strict(data, head, tail):
            if wire == 0 and field == 2:
                value = _varint(data, begin, stop)
                temporality = value if value < 3 else 0
            elif wire == 0 and field == 3 and kind == SUM:
                monotonic = int(_varint(data, begin, stop) != 0)
    return texts[1], texts[3], (head, tail, kind, temporality, monotonic)


def _varint(data: bytes, start: int, end: int) -> int:
    return sum((byte & 0x7F) << (7 * at) for at, byte in enumerate(data[start:end])) & _MASK


def _point(
    data: bytes, span: tuple[int, int], kind: int, pairs: _Pairs
) -> tuple[list[int], list[int], int]:
    """First attribute, end of the last, flags; start, time, value; type of the value."""
    attributes, words, kept = [-1, -1, 0], [0, 0, 0], COUNT if kind >= HISTOGRAM else 0
    for tag, field, wire, begin, stop in strict(data, *span):
        if wire == 1 and field in (2, 3, 4, 6):
            value = struct.unpack_from("<Q", data, begin)[0]
            if field < 4:
                words[field - 2] = value
            elif field == 4:
                words[2], kept = value, kept or DOUBLE
                kept = DOUBLE if kind < HISTOGRAM else COUNT
            elif kind < HISTOGRAM:
                words[2], kept = value, INT
        elif wire == 2 and field == _ATTRIBUTES[kind]:
            pairs.add(data, begin, stop)
            attributes[0] = tag if attributes[0] < 0 else attributes[0]
            attributes[1] = stop
        elif wire == 0 and field == _FLAGS[kind]:
            attributes[2] = _varint(data, begin, stop) & 0xFFFFFFFF
    return attributes, words, kept


def columns(
    payload: bytes,
    levels: tuple[Longs, Longs, Longs],
    resource_keys: KeyChoice,
    point_keys: KeyChoice,
    ids: tuple[Words, Words, Words],
    data_at: Longs,
    rows: tuple[Longs, Words, Octets, Words],
) -> int:
    """See `PointsKernel.columns`."""
    try:
        _name_parents(payload, levels, _Pairs(resource_keys), ids)
        return _entries(payload, levels[2], _Pairs(point_keys), ids, data_at, rows)
    except Unsound:
        return -1


def _name_parents(
    payload: bytes,
    levels: tuple[Longs, Longs, Longs],
    of_resources: _Pairs,
    ids: tuple[Words, Words, Words],
) -> None:
    """Identities of resources and scopes."""
    resource_id, scope_id, _ = ids
    of_scopes = _Pairs(((), False))
    for row, (_, start, end, _) in enumerate(levels[0].tolist()):
        _, url = _named(payload, start, end, of_resources, 1)
        resource_id[row] = of_resources.close(_Sip().text(url))
    for row, (_, start, end, parent) in enumerate(levels[1].tolist()):
        texts, url = _named(payload, start, end, of_scopes, 3)
        sip = _Sip().words(*resource_id[parent].tolist()).text(texts[1]).text(texts[2])
        scope_id[row] = of_scopes.close(sip.text(url))


def _entries(
    payload: bytes,
    entry_at: Longs,
    pairs: _Pairs,
    ids: tuple[Words, Words, Words],
    data_at: Longs,
    rows: tuple[Longs, Words, Octets, Words],
) -> int:
    at, word, mark, point_id = rows
    found = 0
    for row, (_, start, end, parent) in enumerate(entry_at.tolist()):
        name, unit, (begin, stop, kind, temporality, monotonic) = _metric(payload, start, end)
        sip = _Sip().words(*ids[1][parent].tolist(), kind | temporality << 8 | monotonic << 16)
        ids[2][row] = sip.text(name).text(unit).finish()
        data_at[row] = (begin, stop, kind, temporality)
        for tag, field, wire, first, last in strict(payload, begin, stop):
            if wire != 2 or field != 1:
                continue
            if found < len(at):
                attributes, words, kept = _point(payload, (first, last), kind, pairs)
                at[found] = (tag, first, last, row, *attributes)
                word[found] = words
                mark[found] = (kind, temporality, monotonic, kept)
                point_id[found] = pairs.close(_Sip().words(*ids[2][row].tolist()))
            found += 1
    return found


def digests(payload: bytes, spot: Longs, salt: Words, out: Words) -> bool:
    """See `PointsKernel.digests`."""
    for row, ((start, end), words) in enumerate(zip(spot.tolist(), salt.tolist(), strict=True)):
        if not 0 <= start <= end <= len(payload):
            return False
        out[row] = _Sip().words(*words).text(payload[start:end]).finish()
    return True


def records(
    payload: bytes,
    levels: tuple[Longs, Longs, Longs],
    keys: KeyChoice,
    whole: bool,
    ids: tuple[Words, Words, Words],
    count: Longs,
) -> bool:
    """See `PointsKernel.records`."""
    try:
        _name_parents(payload, levels, _Pairs(((), False)), ids)
        pairs = _Pairs(keys)
        for row, (_, start, end, parent) in enumerate(levels[2].tolist()):
            severity, texts = 0, {3: b"", 5: b"", 12: b""}
            for _, field, wire, begin, stop in strict(payload, start, end):
                if wire == 0 and field == 2:
                    severity = _varint(payload, begin, stop)
                elif wire == 2 and field == 6:
                    pairs.add(payload, begin, stop)
                elif wire == 2 and field in texts:
                    texts[field] = payload[begin:stop]
            sip = _Sip().words(*ids[1][parent].tolist(), int(whole))
            if whole:
                sip.words(severity).text(texts[3]).text(texts[5]).text(texts[12])
            count[row] = pairs.count
            ids[2][row] = pairs.close(sip)
    except Unsound:
        return False
    return True
