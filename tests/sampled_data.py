"""A data directory in which a sampler has worked: its inbox, its decisions, its snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collectors.component import Context, Signal
from collectors.graph import Configured, InboxWords, control_entry
from collectors.log import Entry, Kind, Log, Mark, OsFileSystem, Store, StoreSettings
from collectors.service.eras import Kept
from collectors.service.state import Snapshot, StateFiles
from collectors.testing.samples import START_NS
from tests.sampled_traces import SECOND, Sampled, request

WALL_NS = START_NS


def log(path: Path) -> Log:
    return Log(Store(OsFileSystem(), path, StoreSettings(segment_bytes=64 << 10)))


def entry(at: float, *spans: Span) -> Entry:
    steady_ns = int(at * SECOND)
    words = InboxWords("otlp", Context()).encode()
    return Entry(
        Kind.DATA,
        Signal.TRACES,
        len(spans),
        steady_ns,
        WALL_NS + steady_ns,
        words,
        request(spans),
    )


def write_inbox(data: Path, entries: Sequence[Entry], kept: Kept | None = None) -> None:
    """An inbox of these requests, taken under what is `kept`."""
    made = log(data / "inbox")
    if kept is not None:
        fingerprint, _, version = kept.fingerprint.rpartition("/")
        made.append_now([control_entry(Configured(fingerprint, version), 0, WALL_NS)])
        files = StateFiles(OsFileSystem(), data / "state")
        files.save_configuration(kept.fingerprint, kept.encode())
    made.append_now(list(entries))
    made.close()


def write_decisions(data: Path, made: Sampled, at: float) -> None:
    """What `made` has noted, noted `at` seconds."""
    decisions = log(data / "decisions")
    wall_ns = WALL_NS + int(at * SECOND)
    decisions.append_now(
        [Entry(Kind.DATA, None, 0, 0, wall_ns, b"traces", note) for note in made.shelf.decisions]
    )
    decisions.close()


def write_snapshot(data: Path, made: Sampled, at: float) -> None:
    """The state of `made`, as the daemon saves it."""
    mark = Mark(1, (0, 0, 0), int(at * SECOND))
    state = {"graph/processor/traces/tail_sampling": made.sampler.snapshot()}
    StateFiles(OsFileSystem(), data / "state").save_snapshot(
        Snapshot(mark, Mark(), 0, 0, (0, 0, 0), (0, 0, 0), (-1, -1), {}, "f/v", state)
    )
