"""Put dead letters back to where they came from, once, while the daemon is down.

A letter of a destination goes into the outbox, for that destination alone; a letter of the
graph goes into the inbox, as a new request. First the letter is put back and on the disk,
then it is marked: killed in between, the next run finds it there and only marks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from collectors.component import Signal
from collectors.graph import (
    DeadWords,
    InboxWords,
    OutboxWords,
    Requeued,
    Unreadable,
    control_entry,
    read_control,
)
from collectors.log import Entry, FileSystem, Kind, Log, LogHooks, Record, skim
from collectors.service.dead import DELIVERY
from collectors.service.plan import StorageSettings
from collectors.service.storage import Storage, boot_identity, open_storage
from collectors.wire import Malformed, inspect

_MARK_EVERY = 64
"""Letters put back between two marks."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter that was not put back yet."""

    record: Record
    words: DeadWords

    @property
    def offset(self) -> int:
        """Its place among the dead letters."""
        return self.record.offset


@dataclass(slots=True)
class Result:
    """What was done.

    Attributes:
        kept: Letters that stay, by offset, each with the reason.
    """

    letters: int = 0
    items: int = 0
    kept: dict[int, str] = field(default_factory=dict[int, str])


def requeue(
    directory: Path,
    files: FileSystem,
    wanted: Callable[[Letter], bool],
    *,
    wall_ns: int,
    partial: bool = False,
) -> Result:
    """Put back every dead letter that is `wanted`.

    Args:
        directory: The data directory; no daemon may own it.
        files: The disk.
        wanted: Chooses.
        wall_ns: Unix time now.
        partial: Also those of which the far end took a part, which then gets that again.

    Raises:
        StartError: The directory is in use, or cannot be read.
        Incomplete, OSError: The disk failed; what was done is done, and a second run goes on.
    """
    storage = open_storage(
        StorageSettings(directory=directory), files, lambda _: LogHooks(), boot_identity
    )
    try:
        return _Requeue(storage, wall_ns, partial=partial).run(wanted)
    finally:
        storage.close()


def letters(dead: Log) -> Iterator[Letter]:
    """The letters that were not put back, oldest first."""
    gone: set[int] = set()
    for note in skim(dead, dead.first_offset):
        if note.kind is Kind.CONTROL and isinstance(done := read_control(note.meta), Requeued):
            gone.update(done.letters)
    reader = dead.reader(dead.first_offset)
    while records := reader.read():
        for record in records:
            if record.kind is Kind.DATA and record.offset not in gone:
                try:
                    yield Letter(record, DeadWords.decode(record.meta))
                except Unreadable:
                    continue
    reader.close()


class _Requeue:
    def __init__(self, storage: Storage, wall_ns: int, *, partial: bool) -> None:
        self._storage = storage
        self._wall_ns = wall_ns
        self._steady_ns = max(storage.inbox.steady_ns, storage.outbox.steady_ns)
        self._partial = partial
        self._put_back = set(_found(storage))
        self._to_mark: list[int] = []
        self._result = Result()

    def run(self, wanted: Callable[[Letter], bool]) -> Result:
        first_kept = self._storage.dead.end
        for letter in letters(self._storage.dead):
            why_not = "not asked for" if not wanted(letter) else self._why_not(letter)
            if why_not:
                self._result.kept[letter.offset] = why_not
                first_kept = min(first_kept, letter.offset)
                continue
            self._take(letter)
            if len(self._to_mark) >= _MARK_EVERY:
                self._mark()
        self._mark()
        snapshot = self._storage.snapshot
        if snapshot is not None:  # what was buried since it will be looked for in a replay
            self._storage.dead.trim(min(first_kept, snapshot.dead_end), self._wall_ns)
        return self._result

    def _why_not(self, letter: Letter) -> str:
        words, record = letter.words, letter.record
        signal = record.signal
        if signal is None:
            return "it is of no signal"
        if words.stage == DELIVERY and words.destination not in self._storage.cursors:
            return f"there is no destination {words.destination}"
        if words.stage != DELIVERY and (words.destination or not words.receiver):
            return "it can only be looked at: it was made on the way to a view"
        if not self._partial and _items(signal, record.payload) != record.items:
            return "a part of it was taken: put it back with --partial"
        return ""

    def _take(self, letter: Letter) -> None:
        record, signal = letter.record, letter.record.signal
        items = _items(signal, record.payload) if signal is not None else 0
        if letter.offset not in self._put_back:
            log, meta = self._address(letter)
            entry = Entry(
                Kind.DATA, signal, items, self._steady_ns, self._wall_ns, meta, record.payload
            )
            log.append_now([entry])
        self._to_mark.append(letter.offset)
        self._result.letters += 1
        self._result.items += items

    def _address(self, letter: Letter) -> tuple[Log, bytes]:
        words = letter.words
        if words.stage != DELIVERY:
            request = InboxWords(words.receiver, words.context, "", letter.offset)
            return self._storage.inbox, request.encode()
        output = OutboxWords(-1, letter.offset, words.pipeline, (words.destination,), words.context)
        return self._storage.outbox, output.encode()

    def _mark(self) -> None:
        if self._to_mark:
            done = control_entry(Requeued(tuple(self._to_mark)), self._steady_ns, self._wall_ns)
            self._storage.dead.append_now([done])
            self._to_mark = []


def _found(storage: Storage) -> Iterator[int]:
    """Letters that were put back already, marked or not."""
    for note in skim(storage.outbox, storage.outbox.first_offset):
        if note.kind is Kind.DATA and (words := OutboxWords.decode(note.meta)).origin < 0:
            yield words.index
    for note in skim(storage.inbox, storage.inbox.first_offset):
        if note.kind is Kind.DATA and (letter := InboxWords.decode(note.meta).letter) >= 0:
            yield letter


def _items(signal: Signal | None, payload: bytes) -> int:
    try:
        return inspect(signal, payload).items if signal is not None else 0
    except Malformed:
        return -1
