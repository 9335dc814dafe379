"""The resources that send spans: known by what they say, forgotten when they fall silent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import numpy as np
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collectors.wire.kernel import Longs
from collectors.wire.scan import Scan, slices, texts

MOST_BYTES: Final = 32 << 20
"""All resources together: each is in every snapshot, and in all that is put out."""

_RESOURCE = 1  # ResourceSpans.resource


class Resources:
    """Gives each resource a number; the order of its attributes does not matter."""

    def __init__(self, key_attributes: Sequence[str]) -> None:
        self._key_attributes = frozenset(key_attributes)
        self._numbers: dict[bytes, int] = {}
        self._whole: dict[int, bytes] = {}
        self._seen_ns: dict[int, int] = {}
        self._next = 0

    def numbers(self, scanned: Scan, steady_ns: int) -> Longs:
        """The number of each resource row of a request."""
        spots = slices(scanned, scanned.resources, (_RESOURCE,))[0]
        coded = texts(scanned, spots)
        found = [self.number(value, steady_ns) for value in coded.values]
        numbers: Longs = np.array(found, np.int64)[coded.codes]
        return numbers

    def number(self, value: bytes, steady_ns: int) -> int:
        """The number of a serialized resource, seen at `steady_ns`."""
        resource = Resource.FromString(value)
        kept = [
            item.SerializeToString(deterministic=True)
            for item in resource.attributes
            if not self._key_attributes or item.key in self._key_attributes
        ]
        key = b"".join(sorted(kept))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = self._next
            self._whole[number] = value
            self._next += 1
        self._seen_ns[number] = steady_ns
        return number

    def whole(self, number: int) -> bytes:
        """The resource, serialized, as it was seen first."""
        return self._whole[number]

    def surplus(self, most: int) -> frozenset[int]:
        """Those longest without a span, so that `most` are left, and no more than is bearable."""
        size = sum(map(len, self._whole.values()))
        by_age = sorted(self._seen_ns, key=lambda number: (self._seen_ns[number], number))
        gone = 0
        while len(by_age) - gone > most or size > MOST_BYTES:
            size -= len(self._whole[by_age[gone]])
            gone += 1
        return frozenset(by_age[:gone])

    def silent(self, before_ns: int) -> frozenset[int]:
        """Those without a span since."""
        return frozenset(of for of, seen_ns in self._seen_ns.items() if seen_ns < before_ns)

    def drop(self, numbers: frozenset[int]) -> None:
        """Forget these."""
        if numbers:
            self._numbers = {key: of for key, of in self._numbers.items() if of not in numbers}
            self._whole = {of: whole for of, whole in self._whole.items() if of not in numbers}
            self._seen_ns = {of: ns for of, ns in self._seen_ns.items() if of not in numbers}

    def snapshot(self) -> bytes:
        """All state."""
        known = [
            [key.decode("latin-1"), of, self._whole[of].decode("latin-1"), self._seen_ns[of]]
            for key, of in self._numbers.items()
        ]
        return json.dumps({"next": self._next, "known": known}).encode()

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        words = json.loads(state)
        self._next = int(words["next"])
        known = words["known"]
        self._numbers = {key.encode("latin-1"): int(of) for key, of, _, _ in known}
        self._whole = {int(of): whole.encode("latin-1") for _, of, whole, _ in known}
        self._seen_ns = {int(of): int(seen_ns) for _, of, _, seen_ns in known}
