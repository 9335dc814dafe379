"""Records written with what was counted: bytes are made once for all that count the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from collectors.wire.keep import delimited
from collectors.wire.kernel import Longs, Octets
from collectors.wire.points import POINTS

FIRST, LAST = "first_observed_timestamp", "last_observed_timestamp"
"""Attributes, as the Collector names them."""

_RECORD_TAG: Final = b"\x12"  # ScopeLogs.log_records
_SECOND: Final = 1_000_000_000


class Suffixes:
    """What is written behind a record: its times, its count, when the first and the last came."""

    def __init__(self, count_attribute: str, timezone: str) -> None:
        self._count = count_attribute
        self._zone = ZoneInfo(timezone)

    def of(self, count: int, first_ns: int, last_ns: int, wall_ns: int) -> bytes:
        """The fields of one record that stands for `count`.

        Args:
            count: How many records there were.
            first_ns: When the first came, Unix time.
            last_ns: Likewise the last.
            wall_ns: When it is put out.
        """
        record = LogRecord(time_unix_nano=wall_ns, observed_time_unix_nano=first_ns)
        number = KeyValue(key=self._count)
        number.value.int_value = count
        record.attributes.append(number)
        for name, time_ns in ((FIRST, first_ns), (LAST, last_ns)):
            record.attributes.add(key=name).value.string_value = self._told(time_ns)
        return record.SerializeToString()

    def _told(self, time_ns: int) -> str:
        """RFC 3339 with whole seconds, as Go has it: `Z` where there is no offset."""
        at = dt.datetime.fromtimestamp(time_ns // _SECOND, self._zone)
        text = at.isoformat(timespec="seconds")
        return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def wrapped(
    records: Octets, bodies: Longs, suffixes: Sequence[bytes], suffix: Longs
) -> tuple[Octets, Longs]:
    """Records as fields of their scope: the bytes, and where each begins and ends.

    Args:
        records: Where the records are.
        bodies: Start and end of each.
        suffixes: What is written behind them.
        suffix: Which of these, for each record.
    """
    ends = np.cumsum([0, *map(len, suffixes)])
    behind = np.column_stack((ends[:-1], ends[1:]))[suffix]
    length = bodies[:, 1] - bodies[:, 0] + behind[:, 1] - behind[:, 0]
    lengths, of = np.unique(length, return_inverse=True)
    heads = [delimited(bytes(one), _RECORD_TAG)[:-one] for one in lengths.tolist()]
    edges = np.cumsum([0, *map(len, heads)])
    before = np.column_stack((edges[:-1], edges[1:]))[of.ravel()]
    total = np.cumsum(length + before[:, 1] - before[:, 0])
    out = np.empty(int(total[-1]) if len(total) else 0, np.uint8)
    begin = total - length - (before[:, 1] - before[:, 0])
    at = begin
    for source, spots in (
        (np.frombuffer(b"".join(heads), np.uint8), before),
        (records, bodies),
        (np.frombuffer(b"".join(suffixes), np.uint8), behind),
    ):
        POINTS.move(source, np.ascontiguousarray(spots), out, np.ascontiguousarray(at))
        at = at + spots[:, 1] - spots[:, 0]
    return out, np.column_stack((begin, total))
