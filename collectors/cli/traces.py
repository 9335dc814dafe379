"""What a data directory knows of one trace, read beside a daemon that runs: no lock, no write.

Four places know something: the decision log, what waits in the last snapshot, the sampler's
memory in it, and the inbox, where the spans themselves stand for some time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from collectors.cli.quiet import quiet
from collectors.component import Signal
from collectors.graph import Unreadable, unpack
from collectors.log import OsFileSystem, Record
from collectors.log.look import records, size_bytes
from collectors.processors.tail_sampling.past import Past
from collectors.sampling.index_kernel import ROOT, TRACE, digests
from collectors.sampling.notes import Note, decode, ids_of
from collectors.service.keeper import GRAPH_STATE
from collectors.service.state import Snapshot, StateFiles
from collectors.service.storage import DECISIONS, INBOX, STATE
from collectors.wire.kernel import Octets
from collectors.wire.parse import Malformed
from collectors.wire.scan import locate
from collectors.wire.spans import durations_ns, parent_ids, span_names, statuses, trace_ids

MOST_SPANS: Final = 1000
"""Spans of the inbox that are told one by one."""

_SNAPSHOT: Final = "snapshot"
_NEAR_BYTES: Final = 2
_MOST_CANDIDATES: Final = 5
_MEMORIES: Final = ("kept/", "dropped/")

Passed = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision on the trace, when it was noted, and in which pipeline."""

    wall_ns: int
    pipeline: str
    note: Note

    @property
    def sampler(self) -> str:
        """Pipeline and component, ``traces/tail_sampling``."""
        return f"{self.pipeline}/{self.note.sampler}" if self.pipeline else self.note.sampler


@dataclass(frozen=True, slots=True)
class Held:
    """What a sampler's snapshot says of the trace.

    Attributes:
        sampler: Pipeline and component, ``traces/tail_sampling``.
        due_ns: Unix time at which it is decided on, if the daemon runs; 0 where it was dropped
            and its spans could still be brought back.
        leaves: What is true of one span at least, so far.
    """

    sampler: str
    spans: int
    size_bytes: int
    has_root: bool
    start_ns: int
    end_ns: int
    due_ns: int
    leaves: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a sampler remembers of the trace, where nobody has noted more.

    Attributes:
        threshold: At which it was kept.
        is_final: It was dropped for good, whatever comes.
    """

    sampler: str
    is_kept: bool
    threshold: int = 0
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A span that stands in the inbox.

    Attributes:
        wall_ns: When it came.
        status: 0 unset, 1 OK, 2 error.
    """

    wall_ns: int
    name: str
    status: int
    duration_ns: int
    is_root: bool


@dataclass(slots=True)
class Found:
    """All that is known of a trace.

    Attributes:
        since_ns: Unix time of the oldest decision that is still known; 0 for none.
        unread: Notes that are not ours to read, such as those of a plugin.
        snapshot_ns: Unix time of the snapshot; 0 for none.
        is_snapshot_unread: There is one, and it cannot be read.
        inbox_since_ns: Unix time of the oldest request in the inbox; 0 where it was not read.
        candidates: Ids that were decided on and look like the one that was asked for.
    """

    trace_id: bytes = b""
    decided: list[Decided] = field(default_factory=list[Decided])
    held: list[Held] = field(default_factory=list[Held])
    remembered: list[Remembered] = field(default_factory=list[Remembered])
    spans: list[Span] = field(default_factory=list[Span])
    span_count: int = 0
    since_ns: int = 0
    unread: int = 0
    snapshot_ns: int = 0
    is_snapshot_unread: bool = False
    inbox_since_ns: int = 0
    candidates: list[bytes] = field(default_factory=list[bytes])

    @property
    def is_known(self) -> bool:
        """Whether anything is."""
        return bool(self.decided or self.held or self.remembered or self.span_count)


def matching(data: Path, prefix: str) -> list[bytes]:
    """Some ids that begin with these hexadecimal digits: decided on, or waiting."""
    found: dict[bytes, None] = {}
    even = bytes.fromhex(prefix[: len(prefix) // 2 * 2])
    for ids in _known_ids(data):
        rows = np.flatnonzero((ids[:, : len(even)] == np.frombuffer(even, np.uint8)).all(axis=1))
        for row in rows.tolist():
            one = ids[row].tobytes()
            if one.hex().startswith(prefix):
                found[one] = None
        if len(found) > _MOST_CANDIDATES:
            break
    return list(found)


def find(data: Path, trace_id: bytes, *, inbox: bool, passed: Passed = lambda _: None) -> Found:
    """Gather what is known of a trace.

    Args:
        data: The data directory.
        trace_id: 16 bytes.
        inbox: Look through the inbox as well, which takes time where it is large.
        passed: Told of bytes that were looked through, of `work_bytes`.
    """
    found = Found(trace_id)
    _in_decisions(data / DECISIONS, found, passed)
    _in_snapshot(data, found)
    if inbox and (data / INBOX).is_dir():
        _in_inbox(data / INBOX, found, passed)
    return found


def work_bytes(data: Path, *, inbox: bool) -> int:
    """Bytes that `find` looks through."""
    names = (DECISIONS, INBOX) if inbox else (DECISIONS,)
    return sum(size_bytes(data / name) for name in names if (data / name).is_dir())


def _in_decisions(log: Path, found: Found, passed: Passed) -> None:
    near: dict[bytes, None] = {}
    wanted = np.frombuffer(found.trace_id, np.uint8)
    for record in records(log, passed=passed):
        try:
            ids = ids_of(record.payload)
        except ValueError:
            found.unread += 1
            continue
        found.since_ns = found.since_ns or record.wall_ns
        differing = (ids != wanted).sum(axis=1)
        if not differing.all():
            notes = decode(record.payload, found.trace_id)
            pipeline = record.meta.decode(errors="replace")
            found.decided += [Decided(record.wall_ns, pipeline, note) for note in notes]
        elif len(near) < _MOST_CANDIDATES:
            near |= {ids[row].tobytes(): None for row in np.flatnonzero(differing <= _NEAR_BYTES)}
    found.candidates = list(near)[:_MOST_CANDIDATES]


def _in_snapshot(data: Path, found: Found) -> None:
    snapshot = _snapshot(data)
    if snapshot is None:
        found.is_snapshot_unread = (data / STATE / _SNAPSHOT).exists()
        return
    found.snapshot_ns = (data / STATE / _SNAPSHOT).stat().st_mtime_ns
    ids = np.frombuffer(found.trace_id, np.uint8).reshape(1, 16)
    high, low = ids.view(np.uint64)[0]
    for sampler, parts in _samplers(snapshot):
        traces = np.frombuffer(parts["index/traces"], TRACE)
        due = np.frombuffer(parts["index/due"], np.int64)
        leaves = [str(leaf) for leaf in json.loads(parts["asks"])[0]]
        for row in np.flatnonzero((traces["high"] == high) & (traces["low"] == low)):
            of, waits = traces[row], int(due[row]) > 0
            due_ns = found.snapshot_ns + int(due[row]) - snapshot.inbox.steady_ns if waits else 0
            found.held.append(
                Held(
                    sampler=sampler,
                    spans=int(of["spans"]),
                    size_bytes=int(of["size"]),
                    has_root=bool(of["marks"] & ROOT),
                    start_ns=int(of["start"]),
                    end_ns=int(of["end"]),
                    due_ns=due_ns,
                    leaves=tuple(t for at, t in enumerate(leaves) if int(of["bits"]) >> at & 1),
                )
            )
        if all(one.sampler != sampler for one in found.decided):
            _recall(sampler, parts, ids, found)


def _recall(sampler: str, parts: Mapping[str, bytes], ids: Octets, found: Found) -> None:
    past = Past.of({k: v for k, v in parts.items() if k.startswith(_MEMORIES)})
    digest = digests(ids, int.from_bytes(parts["index/seed"], "little"))
    place = past.kept(digest)
    if place[0] >= 0:
        threshold = int(past.thresholds(place)[0])
        found.remembered.append(Remembered(sampler, is_kept=True, threshold=threshold))
        return
    is_dropped, is_final = past.dropped(digest)
    if is_dropped[0]:
        found.remembered.append(Remembered(sampler, is_kept=False, is_final=bool(is_final[0])))


def _in_inbox(log: Path, found: Found, passed: Passed) -> None:
    for record in records(log, passed=passed):
        found.inbox_since_ns = found.inbox_since_ns or record.wall_ns
        if record.signal is Signal.TRACES and found.trace_id in record.payload:
            for span in _spans(record, found.trace_id):
                found.span_count += 1
                if len(found.spans) < MOST_SPANS:
                    found.spans.append(span)


def _spans(record: Record, trace_id: bytes) -> Iterator[Span]:
    try:
        scanned = locate(Signal.TRACES, record.payload, record.items)
        ids = trace_ids(scanned)
        names, codes = span_names(scanned), statuses(scanned)
        taken, parents = durations_ns(scanned), parent_ids(scanned)
    except Malformed:
        return
    for row in np.flatnonzero((ids == np.frombuffer(trace_id, np.uint8)).all(axis=1)).tolist():
        code = int(names.codes[row])
        yield Span(
            wall_ns=record.wall_ns,
            name=names.values[code].decode(errors="replace") if code >= 0 else "",
            status=int(codes[row]),
            duration_ns=int(taken[row]),
            is_root=not parents[row].any(),
        )


def _known_ids(data: Path) -> Iterator[Octets]:
    for record in records(data / DECISIONS):
        try:
            yield ids_of(record.payload)
        except ValueError:
            continue
    snapshot = _snapshot(data)
    for _, parts in _samplers(snapshot) if snapshot is not None else ():
        traces = np.frombuffer(parts["index/traces"], TRACE)
        halves = np.stack((traces["high"], traces["low"]), axis=1)
        yield np.ascontiguousarray(halves).view(np.uint8)


def _snapshot(data: Path) -> Snapshot | None:
    if not (data / STATE).is_dir():
        return None
    with quiet():
        return StateFiles(OsFileSystem(), data / STATE).load_snapshot()


def is_snapshot_unread(data: Path) -> bool:
    """Whether there is a snapshot that cannot be read."""
    return (data / STATE / _SNAPSHOT).exists() and _snapshot(data) is None


def _samplers(snapshot: Snapshot) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    """The samplers of a snapshot, by pipeline and component; other components are passed over."""
    prefix = GRAPH_STATE + "processor/"
    for name, state in snapshot.state.items():
        if not name.startswith(prefix):
            continue
        try:
            parts = unpack(state)
        except Unreadable:
            continue
        if "index/traces" in parts:
            yield name.removeprefix(prefix), parts
