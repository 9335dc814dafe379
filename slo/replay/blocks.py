"""A block of Prometheus' database, written as Prometheus writes it: chunks, index, meta.

Text would say every label of a series again for each sample, which is forty times as much.
promtool lists and dumps what is written here; tests hold both against its own blocks.

Source: Prometheus, tsdb/docs/format (README.md, chunks.md, index.md), version 2 of the index.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Final, Self, TypeAlias

import google_crc32c
import numpy as np
import numpy.typing as npt

from slo.replay.chunks import Chunk, chunks, signed, varint
from slo.replay.series import MAX_SAMPLES, Samples, TooMuchError

Labels: TypeAlias = tuple[tuple[str, str], ...]
_NAME: Final = "__name__"
_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_CHUNKS: Final = struct.pack(">IB3x", 0x85BD40DD, 1)
_INDEX: Final = struct.pack(">IB", 0xBAAAD700, 2)
_XOR: Final = b"\x01"
_SEGMENT_BYTES: Final = 512 * 1024 * 1024
_ALIGNED: Final = 16
_ULID: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class SeriesError(ValueError):
    """A series cannot be in a database, or is in it twice; the message names it."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A chunk and where it lies: the number of its file above, the place in it below."""

    first: int
    last: int
    reference: int


def write_block(root: Path, series: Iterable[Samples], limit: int = MAX_SAMPLES) -> int:
    """Write `series` as one block below `root`; the number of samples, 0 writes nothing.

    Raises:
        TooMuchError: There are more than `limit`; nothing is left of them.
        SeriesError: A name is none, times do not ascend, or labels are there twice.
    """
    identity = _ulid()
    folder = root / f"{identity}.tmp-for-creation"
    (folder / "chunks").mkdir(parents=True)
    try:
        count, placed = _written(folder / "chunks", series, limit)
        if count:
            _index(folder / "index", placed)
            _meta(folder / "meta.json", identity, placed, count)
            folder.rename(root / identity)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return count


def _written(
    folder: Path, series: Iterable[Samples], limit: int
) -> tuple[int, dict[Labels, list[_Placed]]]:
    """Write all chunks; how many samples, and where the chunks of each series lie."""
    placed: dict[Labels, list[_Placed]] = {}
    count = 0
    with _Segments(folder) as segments:
        for one in series:
            if not len(one.times):
                continue
            count += len(one.times)
            if count > limit:
                msg = f"a replay takes {limit} samples at most: take a shorter time or fewer series"
                raise TooMuchError(msg)
            labels = _labels(one)
            if labels in placed:
                msg = f"two series have the same labels: {one.name} {dict(one.labels)}"
                raise SeriesError(msg)
            times, values = _columns(one)
            placed[labels] = [segments.add(each) for each in chunks(times, values)]
    return count, placed


def _labels(one: Samples) -> Labels:
    """All labels, the name among them, sorted; an empty one is none."""
    wrong = [key for key in one.labels if not _LABEL.fullmatch(key)]
    if wrong or not _METRIC.fullmatch(one.name):
        what = (
            f"label can be called {wrong[0]!r}" if wrong else f"metric can be called {one.name!r}"
        )
        msg = f"no {what}: letters, digits and underscores, no digit first"
        raise SeriesError(msg)
    named = {**one.labels, _NAME: one.name}
    return tuple((key, named[key]) for key in sorted(named) if named[key])


def _columns(one: Samples) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    times = np.rint(_numbers(one.times) * 1000).astype(np.int64)
    if (np.diff(times) <= 0).any():
        msg = f"times of a series must ascend: {one.name} {dict(one.labels)}"
        raise SeriesError(msg)
    return times, _numbers(one.values)


def _numbers(column: Sequence[float | int | str]) -> npt.NDArray[np.float64]:
    """A column of numbers; an array is taken as it is, text is read as Prometheus wrote it."""
    if isinstance(column, array):
        return np.frombuffer(column, np.float64)
    return np.fromiter(map(float, column), np.float64, len(column))


class _Segments:
    """The files of the chunks, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._file: BinaryIO | None = None
        self._place = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, chunk: Chunk) -> _Placed:
        """Write one chunk."""
        inside = _XOR + chunk.data
        data = varint(len(chunk.data)) + inside + _sum(inside)
        if self._file is None or self._place + len(data) > _SEGMENT_BYTES:
            self._next()
        reference = (self._number - 1 << 32) | self._place
        self._write(data)
        return _Placed(chunk.first, chunk.last, reference)

    def _next(self) -> None:
        if self._file is not None:
            self._file.close()
        self._number, self._place = self._number + 1, 0
        self._file = (self._folder / f"{self._number:06}").open("wb")
        self._write(_CHUNKS)

    def _write(self, data: bytes) -> None:
        if self._file is not None:
            self._file.write(data)
            self._place += len(data)


def _index(path: Path, placed: Mapping[Labels, Sequence[_Placed]]) -> None:
    """Symbols, series, postings: which series have which label, and where all of that lies."""
    names = sorted({text for labels in placed for pair in labels for text in pair})
    symbols = {text: number for number, text in enumerate(names)}
    with path.open("wb") as sink:
        sink.write(_INDEX)
        symbols_at = sink.tell()
        listed = b"".join(_text(text) for text in names)
        sink.write(_section(struct.pack(">I", len(names)) + listed))
        series_at = sink.tell()
        references = {
            labels: _series(sink, labels, placed[labels], symbols) for labels in sorted(placed)
        }
        labels_at = sink.tell()
        sink.write(_section(struct.pack(">I", 0)))
        postings_at = sink.tell()
        offsets = [(*pair, _posting(sink, found)) for pair, found in _postings(references)]
        table_at = sink.tell()
        entries = b"".join(
            b"\x02" + _text(name) + _text(value) + varint(at) for name, value, at in offsets
        )
        sink.write(_section(struct.pack(">I", len(offsets)) + entries))
        toc = struct.pack(">6Q", symbols_at, series_at, labels_at, labels_at, postings_at, table_at)
        sink.write(toc + _sum(toc))


def _series(
    sink: BinaryIO, labels: Labels, placed: Sequence[_Placed], symbols: Mapping[str, int]
) -> int:
    """One series: its labels, and times and places of its chunks; its reference."""
    sink.write(bytes(-sink.tell() % _ALIGNED))
    at = sink.tell()
    parts = [varint(len(labels))]
    parts += [varint(symbols[text]) for pair in labels for text in pair]
    first = placed[0]
    parts += [varint(len(placed)), varint(signed(first.first)), varint(first.last - first.first)]
    parts.append(varint(first.reference))
    for before, each in pairwise(placed):
        parts += [varint(each.first - before.last), varint(each.last - each.first)]
        parts.append(varint(signed(each.reference - before.reference)))
    body = b"".join(parts)
    sink.write(varint(len(body)) + body + _sum(body))
    return at // _ALIGNED


def _postings(references: Mapping[Labels, int]) -> list[tuple[tuple[str, str], list[int]]]:
    """The series of each label, ascending; those of the empty label are all."""
    found: dict[tuple[str, str], list[int]] = {("", ""): list(references.values())}
    for labels, reference in references.items():
        for pair in labels:
            found.setdefault(pair, []).append(reference)
    return sorted(found.items())


def _posting(sink: BinaryIO, references: Sequence[int]) -> int:
    """One list of series; where it lies."""
    sink.write(bytes(-sink.tell() % 4))
    at = sink.tell()
    sink.write(_section(struct.pack(f">I{len(references)}I", len(references), *references)))
    return at


def _meta(
    path: Path, identity: str, placed: Mapping[Labels, Sequence[_Placed]], count: int
) -> None:
    """What the block holds; its end is the first moment after it."""
    stats = {
        "numSamples": count,
        "numSeries": len(placed),
        "numChunks": sum(map(len, placed.values())),
    }
    first = min(each[0].first for each in placed.values())
    last = max(each[-1].last for each in placed.values())
    meta = {
        "ulid": identity,
        "minTime": first,
        "maxTime": last + 1,
        "stats": stats,
        "compaction": {"level": 1, "sources": [identity]},
        "version": 1,
    }
    path.write_text(json.dumps(meta), encoding="utf-8")


def _section(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body + _sum(body)


def _text(text: str) -> bytes:
    data = text.encode()
    return varint(len(data)) + data


def _sum(data: bytes) -> bytes:
    return struct.pack(">I", google_crc32c.value(data))


def _ulid() -> str:
    """A new name of a block. Source: github.com/ulid/spec, without the time."""
    number = secrets.randbits(128)
    return "".join(_ULID[number >> 5 * place & 31] for place in range(25, -1, -1))
