"""What makes a record what it is, for all records of a request at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collectors.processors.logdedup.config import LogdedupConfig
from collectors.processors.logdedup.fields import FieldPath, only, parse, without
from collectors.wire.kernel import Longs, Words
from collectors.wire.parse import Malformed
from collectors.wire.points import EVERY, POINTS, Keys
from collectors.wire.points_kernel import PointsKernel
from collectors.wire.scan import Scan, locate


@dataclass(frozen=True, slots=True)
class Identified:
    """Records of a request.

    Attributes:
        scanned: The request, less what does not matter deep inside of records.
        scope: Identity of each scope, over its resource too.
        record: Identity of each record, over its scope too.
    """

    scanned: Scan
    scope: Words
    record: Words


class Identities:
    """Reads records by the fields that matter.

    Names of attributes are the kernel's business. For fields inside of attributes or bodies
    each record is taken apart first.
    """

    def __init__(self, config: LogdedupConfig, kernel: PointsKernel = POINTS) -> None:
        self._kernel = kernel
        self._excluded = [parse(text) for text in config.exclude_fields]
        self._included = [parse(text) for text in config.include_fields]
        self.left_out = tuple(of.path[0] for of in self._excluded if of.is_attribute)
        self._deep = [of for of in self._excluded if not of.is_attribute]

    def of(self, scanned: Scan) -> Identified:
        """Identify the records of a request."""
        if self._deep:
            scanned = _other(scanned, without(scanned.payload, self._deep))
        if not self._included:
            keys = Keys.without(self.left_out)
            scope, record, _ = self._read(scanned, keys, whole=True)
            return Identified(scanned, scope, record)
        if all(of.is_attribute for of in self._included):
            scope, record = self._by_attributes(scanned)
            return Identified(scanned, scope, record)
        scope, record, _ = self._read(self._reduced(scanned, self._included), EVERY, whole=True)
        return Identified(scanned, scope, record)

    def _by_attributes(self, scanned: Scan) -> tuple[Words, Words]:
        keys = Keys(tuple(sorted(of.path[0] for of in self._included)), only=True)
        scope, record, count = self._read(scanned, keys, whole=False)
        none = count == 0
        if bool(none.any()):
            _, other, _ = self._read(scanned, EVERY, whole=True)
            record[none] = other[none]
        return scope, record

    def _reduced(self, scanned: Scan, fields: list[FieldPath]) -> Scan:
        return _other(scanned, only(scanned.payload, fields))

    def _read(self, scanned: Scan, keys: Keys, *, whole: bool) -> tuple[Words, Words, Longs]:
        levels = scanned.resources, scanned.scopes, scanned.entries
        resource, scope, record = (np.zeros((len(of), 2), np.uint64) for of in levels)
        count = np.zeros(len(record), np.int64)
        ids = resource, scope, record
        if not self._kernel.records(scanned.payload, levels, keys.choice, whole, ids, count):
            msg = "malformed logs request: unsound"
            raise Malformed(msg)
        return scope, record, count


def _other(scanned: Scan, payload: bytes) -> Scan:
    """The same records in another form."""
    return locate(scanned.signal, payload, scanned.items, scanned.kernel)
