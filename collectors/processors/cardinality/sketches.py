"""How many values each attribute has, limited or not: an estimate in half a kilobyte.

Source: Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog: the analysis of a near-optimal cardinality
estimation algorithm", with linear counting where few registers are taken.
"""

from __future__ import annotations

import json
import math
from typing import Final

import numpy as np

from collectors.graph import pack, unpack
from collectors.processors.cardinality.attributes import Looked
from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.points import Columns, digests

_BITS: Final = 9
_REGISTERS: Final = 1 << _BITS
"""Standard error 1.04 / sqrt(512): 5 percent."""

_MAX_KEYS: Final = 128
_LONGEST: Final = 255
_FEW: Final = 2.5 * _REGISTERS


class Sketches:
    """Estimates by attribute, of what came in this time of `max_stale` and the one before."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._now: Octets = np.empty((0, _REGISTERS), np.uint8)
        self._before: Octets = np.empty((0, _REGISTERS), np.uint8)

    def add(self, points: Columns, found: Looked) -> None:
        """Take account of all attributes of these points."""
        known = {key: row for row, key in enumerate(self._keys)}
        new = [key for key in found.keys if key not in known and len(key) <= _LONGEST]
        new = new[: _MAX_KEYS - len(known)]
        if new:
            known |= {key: len(known) + at for at, key in enumerate(new)}
            self._keys += new
            room = np.zeros((len(new), _REGISTERS), np.uint8)
            self._now = np.concatenate((self._now, room))
            self._before = np.concatenate((self._before, room))
        code = np.array([known.get(key, -1) for key in found.keys], np.int64)[found.every]
        counted = code >= 0
        spots = found.every_spots[counted]
        digest = digests(points.scanned, spots, np.zeros((len(spots), 2), np.uint64))
        at, rank = _placed(digest)
        np.maximum.at(self._now, (code[counted], at), rank)

    def most(self, top: int) -> list[tuple[str, int]]:
        """The attributes with the most values, each with about how many."""
        both = np.maximum(self._now, self._before)
        counts = [(key, _estimate(both[row])) for row, key in enumerate(self._keys)]
        return sorted(counts, key=lambda pair: (-pair[1], pair[0]))[:top]

    def turn(self) -> None:
        """A time of `max_stale` is over: what came before it is forgotten."""
        kept = np.flatnonzero(self._now.any(axis=1))
        self._keys = [self._keys[row] for row in kept.tolist()]
        self._before = self._now[kept]
        self._now = np.zeros_like(self._before)

    def snapshot(self) -> bytes:
        """All state."""
        parts = {"now": self._now.tobytes(), "before": self._before.tobytes()}
        return pack({"keys": json.dumps(self._keys).encode(), **parts})

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._keys = json.loads(parts["keys"])
        self._now, self._before = (
            np.frombuffer(parts[name], np.uint8).reshape(-1, _REGISTERS).copy()
            for name in ("now", "before")
        )


def _placed(digest: Words) -> tuple[Longs, Octets]:
    """Register of each digest, and where the first bit that is set stands in its other word."""
    at: Longs = (digest[:, 0] & np.uint64(_REGISTERS - 1)).astype(np.int64)
    _, exponent = np.frexp(digest[:, 1].astype(np.float64))
    rank: Octets = (65 - exponent).astype(np.uint8)
    return at, rank


def _estimate(registers: Octets) -> int:
    weight = 0.7213 / (1 + 1.079 / _REGISTERS)
    raw = weight * _REGISTERS**2 / float(np.exp2(-registers.astype(np.float64)).sum())
    empty = int((registers == 0).sum())
    if raw <= _FEW and empty:
        return round(_REGISTERS * math.log(_REGISTERS / empty))
    return round(raw)
