"""Where the graph begins after a restart, and what is saved so that it need not begin earlier.

The order is: the outbox is on disk, then the snapshot, then the inbox may be trimmed.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from collectors.component import View
from collectors.graph import DeadWords, Graph, OutboxWords, Unreadable
from collectors.log import Kind, Log, Mark, skim
from collectors.service.books import Counts, no_counts
from collectors.service.burial import DeadIdentity
from collectors.service.clock import Clock
from collectors.service.dead import GRAPH
from collectors.service.eras import Course, hand_over
from collectors.service.shelving import Shelving
from collectors.service.state import Identity, SavedCursor, Shelved, Snapshot, StateFiles
from collectors.service.stepper import Stepper
from collectors.service.stepping import Beginning

_log = logging.getLogger(__name__)

GRAPH_STATE = "graph/"
VIEW_STATE = "view/"
NO_OUTPUT: Identity = (-1, -1)
_LAST_INDEX = 1 << 62
_STRAIGHT = Course()


@dataclass(frozen=True, slots=True)
class UpTo:
    """All outputs up to one: what the outbox holds, where nothing tells it apart."""

    last: Identity

    def __contains__(self, identity: object) -> bool:
        return isinstance(identity, tuple) and identity <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperParts:
    """What the keeper works with.

    Attributes:
        retain_seconds: How long segments of the inbox stay that nobody needs.
        last: The last output that the outbox holds, as its records say.
        shelving: Set where items may wait on disk.
    """

    graph: Graph
    views: Mapping[str, View]
    inbox: Log
    outbox: Log
    dead: Log
    files: StateFiles
    clock: Clock
    retain_seconds: float
    snapshot: Snapshot | None
    last: Identity
    shelving: Shelving | None = None


class Keeper:
    """The graph's memory on disk."""

    def __init__(self, parts: KeeperParts) -> None:
        self._parts = parts
        snapshot = parts.snapshot
        self._saved_offset = snapshot.inbox.end if snapshot is not None else -1
        self._known_from = snapshot.known_from if snapshot is not None else 0
        self._dead_from = snapshot.dead_end if snapshot is not None else 0
        self._last_dead = -1
        self.unproven = ""

    @property
    def trimmable_outbox(self) -> int:
        """Outbox records below this offset are not needed to know what is in it."""
        return self._known_from

    @property
    def saved_offset(self) -> int:
        """Inbox records below this offset are not replayed."""
        return max(self._saved_offset, 0)

    def begin(
        self,
        skips: frozenset[int],
        cursors: Mapping[str, SavedCursor],
        course: Course = _STRAIGHT,
    ) -> Beginning:
        """Restore the graph and the views, and tell where they stand."""
        snapshot = self._parts.snapshot
        if snapshot is None:
            return self._begin_anew(skips, cursors, course.cut)
        parts = self._parts
        state = snapshot.state
        hand_over(course.first(parts.graph), _below(GRAPH_STATE, state))
        for name, view in parts.views.items():
            if VIEW_STATE + name in state:
                self._restore_view(name, view, state[VIEW_STATE + name])
        state.clear()  # taken over, and large where much waits
        queued = {name: dict(counts) for name, counts in snapshot.queued.items()}
        known: set[Identity] = set()
        _add(queued, self._outbox_counts(snapshot.outbox.end, known))
        _at_least_gone(queued, cursors)
        for note in skim(parts.outbox, snapshot.known_from, snapshot.outbox.end):
            with contextlib.suppress(Unreadable):
                known.add(_identity(OutboxWords.decode(note.meta)))
        last = _before(course.cut, max(parts.last, snapshot.last))
        known = {identity for identity in known if identity <= last}
        return Beginning(
            offset=snapshot.inbox.end,
            read=snapshot.read,
            passed=snapshot.inbox.totals,
            lost=snapshot.lost,
            queued=queued,
            last=last,
            known=known,
            dead=self._dead_since(snapshot.dead_end, snapshot.inbox.end),
            skips=skips,
        )

    def _begin_anew(
        self, skips: frozenset[int], cursors: Mapping[str, SavedCursor], cut: int | None
    ) -> Beginning:
        """Without a snapshot everything that the inbox still holds is replayed."""
        inbox = self._parts.inbox
        segments = inbox.segments()
        totals = segments[0].totals if segments else inbox.totals
        if inbox.first_offset:
            self.unproven = "the snapshot is gone, and so is the beginning of the inbox"
        queued: dict[str, Counts] = {}
        _add(queued, self._outbox_counts(self._parts.outbox.first_offset, None, cursors))
        for name, saved in cursors.items():
            _add(queued, {name: saved.delivered})
            _add(queued, {name: saved.dead_lettered})
            _add(queued, {name: saved.lost})
        return Beginning(
            offset=inbox.first_offset,
            read=totals,
            passed=totals,
            lost=(0, 0, 0),
            queued=queued,
            last=(last := _before(cut, self._parts.last)),
            known=UpTo(last),
            dead=self._dead_since(self._parts.dead.first_offset, inbox.first_offset),
            skips=skips,
        )

    def needs_saving(self, offset: int) -> bool:
        """Whether the graph has moved since, or a snapshot would free something."""
        shelving = self._parts.shelving
        return offset != self._saved_offset or (
            shelving is not None and shelving.wants_saving(offset)
        )

    def save(self, stepper: Stepper, outbox: Log, dead: Log) -> None:
        """Save all state; what was pressed into the outbox is on disk.

        Raises:
            OSError: The snapshot before stands.
            Abandoned: The disk takes nothing and the daemon must end.
        """
        parts = self._parts
        shelved = Shelved() if parts.shelving is None else parts.shelving.shelved(stepper.offset)
        graph = stepper.graph.snapshot()
        state = {GRAPH_STATE + name: data for name, data in graph.items()}
        state |= {VIEW_STATE + name: view.snapshot() for name, view in parts.views.items()}
        if stepper.offset > stepper.repeats_until:
            self._known_from = outbox.end
        if stepper.offset > self._last_dead:
            self._dead_from = dead.end
        snapshot = Snapshot(
            inbox=Mark(stepper.offset, stepper.passed, parts.inbox.steady_ns),
            outbox=Mark(outbox.end, outbox.totals, outbox.steady_ns),
            known_from=self._known_from,
            dead_end=self._dead_from,
            read=stepper.read,
            lost=stepper.lost,
            last=stepper.last,
            queued=stepper.queued,
            fingerprint=stepper.fingerprint,
            state=state,
            shelved=shelved,
        )
        parts.files.save_snapshot(snapshot)
        self._saved_offset = snapshot.inbox.end
        stepper.keep_base(graph)
        if parts.shelving is not None:
            parts.shelving.saved(shelved)

    def trim_inbox(self, *, keep: bool = True) -> int:
        """Delete what is neither needed nor, if `keep`, to be retained; returns bytes freed.

        Where items wait, only what the snapshot let go: a replay must read the same again.
        """
        if self._parts.shelving is not None:
            return self._parts.shelving.trim()
        retain_ns = int(self._parts.retain_seconds * 1e9) if keep else 0
        begun_before_ns = self._parts.clock.wall_ns() - retain_ns
        return self._parts.inbox.trim(self.saved_offset, begun_before_ns)

    def _restore_view(self, name: str, view: View, state: bytes) -> None:
        fresh = view.snapshot()
        try:
            view.restore(state)
        except Exception:  # noqa: BLE001 - whatever a component says of bytes that are not its own
            _log.exception("%s cannot read its earlier state and begins anew", name)
            view.restore(fresh)
            self.unproven = f"{name} could not read its state"

    def _outbox_counts(
        self,
        start: int,
        known: set[Identity] | None,
        cursors: Mapping[str, SavedCursor] | None = None,
    ) -> dict[str, Counts]:
        """What the outbox holds from `start` on; with cursors, less what is done.

        The identities of the outputs are put into `known`.
        """
        counts: dict[str, Counts] = {}
        gone = {n: (c.low, frozenset(c.done)) for n, c in (cursors or {}).items()}
        for note in skim(self._parts.outbox, start):
            if note.signal is None:
                continue
            try:
                words = OutboxWords.decode(note.meta)
            except Unreadable:
                continue
            if known is not None:
                known.add(_identity(words))
            for name in words.destinations:
                low, done = gone.get(name, (0, frozenset[int]()))
                if note.offset < low or note.offset in done:
                    continue
                counts.setdefault(name, no_counts())[note.signal] += note.items
        return counts

    def _dead_since(self, start: int, inbox_offset: int) -> frozenset[DeadIdentity]:
        """Dead letters of the graph, of inbox records that will be replayed."""
        found: set[DeadIdentity] = set()
        for note in skim(self._parts.dead, start):
            if note.kind is not Kind.DATA:
                continue
            try:
                words = DeadWords.decode(note.meta)
            except Unreadable:
                continue
            if words.stage == GRAPH and words.origin >= inbox_offset:
                found.add((words.origin, words.index, words.destination))
                self._last_dead = max(self._last_dead, words.origin)
        return frozenset(found)


def last_identity(outbox: Log) -> Identity:
    """The last output that the outbox holds; outputs were appended in order.

    Letters that were put back are none: they say nothing of how far the graph was.
    """
    for segment in reversed(outbox.segments()):
        last = NO_OUTPUT
        reader = outbox.reader(segment.name.base)
        while reader.offset < segment.end and (records := reader.read()):
            for record in records:
                try:
                    words = OutboxWords.decode(record.meta)
                except Unreadable:
                    continue
                if words.origin >= 0:
                    last = max(last, _identity(words))
        reader.close()
        if last != NO_OUTPUT:
            return last
    return NO_OUTPUT


def _before(cut: int | None, last: Identity) -> Identity:
    """`last`, or what is before all of record `cut`: from there on nothing is known."""
    return last if cut is None else min(last, (cut - 1, _LAST_INDEX))


def _identity(words: OutboxWords) -> Identity:
    return words.origin, words.index


def _below(prefix: str, state: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        name.removeprefix(prefix): data for name, data in state.items() if name.startswith(prefix)
    }


def _at_least_gone(queued: dict[str, Counts], cursors: Mapping[str, SavedCursor]) -> None:
    """What went out was queued, though an outbox that was deleted no longer says so.

    It is made again, and queued again, as far as its request is there.
    """
    for name, cursor in cursors.items():
        for signal, items in queued.setdefault(name, no_counts()).items():
            gone = sum(of[signal] for of in (cursor.delivered, cursor.dead_lettered, cursor.lost))
            queued[name][signal] = max(items, gone)


def _add(queued: dict[str, Counts], more: Mapping[str, Counts]) -> None:
    for name, counts in more.items():
        into = queued.setdefault(name, no_counts())
        for signal, items in counts.items():
            into[signal] += items
