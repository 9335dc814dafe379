"""The key of a trace: a number that stands for the values of some fields of its spans.

Each span gives a hash of its value for each field, and the highest stands for the trace. So
a trace whose spans differ in a field is always told by the same one of their values, in
whatever order and parts it comes.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.ottl import CONTEXTS
from collectors.ottl.columns import Mask, Numbers
from collectors.sampling.plan import Extra, Facts, Fold
from collectors.wire.kernel import Words
from collectors.wire.scan import Coded, Scan, slices
from collectors.wire.spans import resource_attributes, resource_rows, span_attributes

OTHERS: Final = 0
"""The key of all traces that have no rate of their own."""

_ROOT: Final = "root."
_SPAN: Final = "span."
_PARENT_FIELD: Final = 4  # Span.parent_span_id
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)


class Fields:
    """All fields that a plan's keys are made of; each is read once."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}

    def __len__(self) -> int:
        """How many, so far."""
        return len(self._names)

    def place(self, name: str) -> int:
        """The row of `measure` that is about field `name`."""
        return self._names.setdefault(name, len(self._names))

    def keys(self) -> list[str]:
        """Attribute keys that are read."""
        bare = {name.removeprefix(_ROOT) for name in self._names}
        return sorted(name for name in bare if not _is_path(name))

    def extras(self) -> tuple[Extra, ...]:
        """See `Plan.extras`."""
        return tuple(Extra(name, Fold.MAX) for name in self._names)

    def measure(self, scanned: Scan) -> Words:
        """See `Plan.measure`."""
        found = np.zeros((len(self._names), len(scanned.entries)), np.uint64)
        if not found.size:
            return found
        keys = self.keys()
        of_spans = span_attributes(scanned, keys)
        of_resources = resource_attributes(scanned, keys)
        rows = resource_rows(scanned)
        for name, place in self._names.items():
            key = name.removeprefix(_ROOT)
            if _is_path(key):
                found[place] = _path(scanned, key)
            else:
                own = _hashed(of_spans[key])
                found[place] = np.where(own != 0, own, _hashed(of_resources[key])[rows])
            if name != key:
                found[place][~_roots(scanned)] = 0
        return found


def keys_of(facts: Facts, places: list[int], *, by_length: bool) -> Words:
    """The key of each trace: never `OTHERS`."""
    found = np.zeros(len(facts), np.uint64)
    for place in places:
        found = _mixed(found ^ facts.extras[place])
    if by_length:
        found = _mixed(found ^ facts.spans.astype(np.uint64))
    return found | np.uint64(1)


def _is_path(name: str) -> bool:
    context = CONTEXTS["span"]
    bare = name.removeprefix(_SPAN)
    return name.startswith(_SPAN) and bare in context.paths and bare not in context.keyed


def _path(scanned: Scan, name: str) -> Words:
    context = CONTEXTS["span"]
    column = context.paths[name.removeprefix(_SPAN)](context.rows(scanned), "")
    if isinstance(column, Numbers):
        return _mixed(column.values.astype(np.uint64)) | np.uint64(1)
    hashes = [0 if value is None else _hash(repr(value).encode()) for value in column.values]
    found: Words = np.array(hashes, np.uint64)[column.codes]
    return found


def _hashed(coded: Coded) -> Words:
    """Hashes of the values of all rows, 0 where there is none."""
    found: Words = np.array([*map(_hash, coded.values), 0], np.uint64)[coded.codes]
    return found


def _hash(value: bytes) -> int:
    return int.from_bytes(blake2b(value, digest_size=8).digest(), "big") | 1


def _roots(scanned: Scan) -> Mask:
    spots: NDArray[np.int64] = slices(scanned, scanned.entries, (_PARENT_FIELD,))[0]
    found: Mask = spots[:, 0] == spots[:, 1]
    return found


def _mixed(words: Words) -> Words:
    """SplitMix64: every bit of the input moves half of the bits of the output."""
    words = words + _ODD
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    found: Words = words ^ (words >> np.uint64(31))
    return found
