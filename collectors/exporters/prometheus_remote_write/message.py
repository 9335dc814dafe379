"""The messages of remote write 1.0.

Source: Prometheus, "Prometheus Remote-Write 1.0 specification"; Protocol Buffers, "Encoding".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from collectors.net.slices import delimited, number

_TIMESERIES: Final = 1  # WriteRequest.timeseries
_LABELS, _SAMPLES = 1, 2  # TimeSeries
_NAME, _VALUE = 1, 2  # Label
_SAMPLE_VALUE_TAG: Final = b"\x09"  # Sample.value, field 1, a double
_SAMPLE_TIME: Final = 2

STALE: Final = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""The NaN that ends a series (Prometheus, model/value)."""

Sample = tuple[int, bytes]
"""Unix time in milliseconds, and the value as eight bytes: a NaN keeps which one it is."""


def value_bytes(value: float) -> bytes:
    """A sample's value as it is sent."""
    return struct.pack("<d", value)


def labels(pairs: Mapping[str, str]) -> bytes:
    """The labels of a series, sorted by name; an empty value is no label at all."""
    return b"".join(
        delimited(
            _LABELS,
            delimited(_NAME, name.encode()) + delimited(_VALUE, pairs[name].encode()),
        )
        for name in sorted(pairs)
        if pairs[name]
    )


def time_series(encoded_labels: bytes, samples: Sequence[Sample]) -> bytes:
    """One series with its samples, as a field of a request."""
    body = b"".join(
        delimited(_SAMPLES, _SAMPLE_VALUE_TAG + value + number(_SAMPLE_TIME, time_ms))
        for time_ms, value in samples
    )
    return delimited(_TIMESERIES, encoded_labels + body)
