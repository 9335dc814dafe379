"""Log records: randomness and thresholds in attributes, as spans have them in trace states."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from collectors.processors.probabilistic_sampler.config import Mode, SamplerConfig
from collectors.processors.probabilistic_sampler.deciding import Arriving, Decided
from collectors.sampling.thresholds import (
    MOST_RANDOM,
    NEVER,
    fnv,
    hash_ids,
    of_hashes,
    of_trace_ids,
    show,
    show_randomness,
    threshold,
)
from collectors.sampling.tracestate import (
    BadState,
    parse_randomness,
    parse_threshold,
)
from collectors.wire.kernel import Shorts, Words
from collectors.wire.scan import Coded, Scan, attributes, identifiers, slices
from collectors.wire.values import as_text

THRESHOLD: Final = "sampling.threshold"
RANDOMNESS: Final = "sampling.randomness"
_ATTRIBUTES, _TRACE_ID = 6, 9
_ID_BYTES: Final = 16
_WHOLE: Final = 100


_Reader: TypeAlias = Callable[[str], int]


class RecordCarriers:
    """What the records of a request say about sampling, and what they are to say."""

    def __init__(self, scanned: Scan, config: SamplerConfig, mode: Mode) -> None:
        self._scanned = scanned
        self._config = config
        self._mode = mode
        keys = {THRESHOLD, RANDOMNESS, config.from_attribute, config.sampling_priority} - {""}
        field: Shorts = np.full(len(scanned.entries), _ATTRIBUTES, np.int16)
        self._columns = attributes(scanned, scanned.entries, field, sorted(keys))
        spots = slices(scanned, scanned.entries, (_TRACE_ID,))[0]
        self._ids = identifiers(scanned, spots, _ID_BYTES)
        self._has_randomness, self._randomness, bad = self._stated(RANDOMNESS, parse_randomness)
        self._has_threshold, self._threshold, worse = self._stated(THRESHOLD, parse_threshold)
        self._unreadable = bad | worse
        self.arriving = self._hashing() if mode is Mode.HASH_SEED else self._consistent()

    def priorities(self) -> Words | None:
        """Thresholds of records that ask for a percentage."""
        coded = self._columns.get(self._config.sampling_priority)
        if coded is None or not coded.values:
            return None
        precision = self._config.sampling_precision
        asked = [_asked(value, precision) for value in coded.values]
        most: Words = np.array([*asked, NEVER], np.uint64)[coded.codes]
        return most

    def edited(self, decided: Decided) -> dict[int, bytes]:
        """The records that are kept, with the threshold that they were kept at."""
        found: dict[int, bytes] = {}
        for row in np.flatnonzero(decided.kept & ~self._unreadable).tolist():
            _, body, end, _ = self._scanned.entries[row].tolist()
            before = self._threshold[row] if self._has_threshold[row] else 0
            if decided.is_cleared[row]:
                before = 0
            new = {THRESHOLD: show(max(int(before), int(decided.threshold[row])))}
            if self._mode is Mode.HASH_SEED and not self._has_randomness[row]:
                new[RANDOMNESS] = show_randomness(int(self.arriving.randomness[row]))
            found[row] = _with(self._scanned.payload[body:end], new)
        return found

    def _consistent(self) -> Arriving:
        """By `sampling.randomness`, else by trace id, else by the attribute that is hashed."""
        has_id = self._ids.any(axis=1)
        has_hash, hashed = self._hashed_attribute()
        own = np.where(has_id, of_trace_ids(self._ids), hashed)
        own = np.where(self._has_randomness, self._randomness, own)
        is_missing = ~(self._has_randomness | has_id | has_hash)
        whole = np.where(is_missing, np.uint64(MOST_RANDOM), own)
        return Arriving(whole, self._threshold, self._has_threshold, self._unreadable | is_missing)

    def _hashing(self) -> Arriving:
        """By a hash of the trace id or of the attribute, whatever else is said."""
        if self._config.attribute_source == "traceID":
            hashed = of_hashes(hash_ids(self._ids, self._config.hash_seed))
            is_missing = np.zeros(len(hashed), np.bool_)
        else:
            has_hash, hashed = self._hashed_attribute()
            is_missing = ~has_hash
            hashed = np.where(is_missing, np.uint64(MOST_RANDOM), hashed)
        # Whoever samples by thresholds must not be mixed with one who does not.
        in_use = self._has_randomness | self._has_threshold
        none = np.zeros(len(hashed), np.bool_)
        return Arriving(hashed, self._threshold, none, self._unreadable | is_missing | in_use)

    def _hashed_attribute(self) -> tuple[NDArray[np.bool_], Words]:
        coded = self._columns.get(self._config.from_attribute)
        if coded is None:
            rows = len(self._scanned.entries)
            return np.zeros(rows, np.bool_), np.zeros(rows, np.uint64)
        hashes = [fnv(_content(value), self._config.hash_seed) for value in coded.values]
        found = of_hashes(np.array([*hashes, 0], np.uint32))[coded.codes]
        return coded.codes >= 0, found

    def _stated(
        self, key: str, read: _Reader
    ) -> tuple[NDArray[np.bool_], Words, NDArray[np.bool_]]:
        """Which records state a number, the numbers, and which state nonsense."""
        coded: Coded = self._columns[key]
        values: list[int | None] = []
        for value in coded.values:
            try:
                values.append(read(as_text(value)))
            except BadState:
                values.append(None)
        has = np.array([*(value is not None for value in values), False])[coded.codes]
        numbers = np.array([*(value or 0 for value in values), 0], np.uint64)[coded.codes]
        return has, numbers, (coded.codes >= 0) & ~has


def _asked(value: bytes, precision: int) -> int:
    """The threshold that a priority, a percentage, asks for; `NEVER` where it asks for nothing."""
    decoded = AnyValue.FromString(value)
    match decoded.WhichOneof("value"):
        case "int_value":
            percentage = Fraction(decoded.int_value)
        case "double_value" if np.isfinite(decoded.double_value):
            percentage = Fraction(decoded.double_value)
        case _:
            return NEVER
    return threshold(percentage / _WHOLE, precision) if percentage <= _WHOLE else NEVER


def _content(value: bytes) -> bytes:
    decoded = AnyValue.FromString(value)
    if decoded.WhichOneof("value") == "bytes_value":
        return decoded.bytes_value
    return as_text(value).encode()


def _with(message: bytes, new: dict[str, str]) -> bytes:
    """A log record with attributes set."""
    record = LogRecord.FromString(message)
    for key, text in new.items():
        for item in record.attributes:
            if item.key == key:
                item.value.CopyFrom(AnyValue(string_value=text))
                break
        else:
            record.attributes.add(key=key, value=AnyValue(string_value=text))
    return record.SerializeToString()
