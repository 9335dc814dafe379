"""What is known of a log's end from outside its segments: a promise that outlives damage.

Written when a log is closed and whenever its reader's state is saved. A log that ends
before its mark has lost records, and their offsets are not given to others.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from google_crc32c import extend

from collectors.log.disk import FileSystem, read_whole, write_atomically
from collectors.log.record import Totals

MARK_NAME = "end"
_MAGIC = b"FSLOEND\x01"
_BODY = struct.Struct("<8sQQQQQ")


@dataclass(frozen=True, slots=True)
class Mark:
    """An end that a log has reached.

    Attributes:
        end: Offset behind the last record.
        totals: Items of each signal up to there.
        steady_ns: Steady time reached.
    """

    end: int = 0
    totals: Totals = (0, 0, 0)
    steady_ns: int = 0


def write_mark(files: FileSystem, directory: Path, mark: Mark) -> None:
    """Save `mark`; raises OSError, and the mark before stands."""
    body = _BODY.pack(_MAGIC, mark.end, *mark.totals, mark.steady_ns)
    write_atomically(files, directory / MARK_NAME, body + extend(0, body).to_bytes(4, "little"))


def read_mark(files: FileSystem, directory: Path) -> Mark:
    """The last mark; the zero mark if there is none or it is damaged."""
    data = read_whole(files, directory / MARK_NAME)
    if data is None or len(data) != _BODY.size + 4:
        return Mark()
    body, checksum = data[: _BODY.size], data[_BODY.size :]
    if extend(0, body) != int.from_bytes(checksum, "little"):
        return Mark()
    magic, end, traces, metrics, logs, steady_ns = _BODY.unpack(body)
    return Mark(end, (traces, metrics, logs), steady_ns) if magic == _MAGIC else Mark()
