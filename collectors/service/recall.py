"""What a new process takes over from the one before, besides the graph's own state."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from collectors.graph import InboxWords, Skip, Unreadable, control_entry
from collectors.log import Kind, Log, skim
from collectors.service.clock import Clock
from collectors.service.duplicates import WINDOW_SECONDS, Known
from collectors.service.marker import MOST_DEATHS
from collectors.service.storage import Storage

_log = logging.getLogger(__name__)

_TICKS = -1  # stands among the offsets for all ticks that are left out
_TICK_PAUSE_SECONDS = 60.0
_PAUSE_GROWTH = 3.0
_LONGEST_PAUSE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Deaths:
    """What ended the process too often.

    Attributes:
        skips: Inbox records that did.
        ticks: How many of them, ever under this configuration, were ticks.
    """

    skips: frozenset[int]
    ticks: int

    @property
    def tick_pause_seconds(self) -> float:
        """How long no tick is to be tried.

        A tick that is left out is due again at once: without a pause, longer with each that is
        left out, the daemon would do nothing but end.
        """
        if not self.ticks:
            return 0.0
        return min(_TICK_PAUSE_SECONDS * _PAUSE_GROWTH ** (self.ticks - 1), _LONGEST_PAUSE_SECONDS)


def deaths(storage: Storage, clock: Clock) -> Deaths:
    """What ended the process too often, the last death taken note of.

    Raises:
        OSError, Incomplete: The disk failed.
    """
    counts = storage.state.load_deaths()
    first = storage.inbox.first_offset
    counts = {at: count for at, count in counts.items() if at >= first or at == _TICKS}
    died_at = storage.marker.died_at
    if died_at is not None and first <= died_at < storage.inbox.end:
        counts[died_at] = counts.get(died_at, 0) + 1
        is_last = counts[died_at] == MOST_DEATHS
        if is_last and _is_control(storage.inbox, died_at):
            counts[_TICKS] = counts.get(_TICKS, 0) + 1
        storage.state.save_deaths(counts)
        if is_last:
            _log.error("inbox record %d ended the process %d times", died_at, MOST_DEATHS)
            entry = control_entry(Skip(died_at), clock.steady_ns(), clock.wall_ns())
            storage.inbox.append_now([entry])
    ticks = counts.pop(_TICKS, 0)
    return Deaths(frozenset(at for at, count in counts.items() if count >= MOST_DEATHS), ticks)


def forgive_ticks(storage: Storage) -> None:
    """Another configuration, or software, may bear to be told the time."""
    counts = storage.state.load_deaths()
    if counts.pop(_TICKS, 0):
        storage.state.save_deaths(counts)


def _is_control(inbox: Log, offset: int) -> bool:
    note = next(skim(inbox, offset, offset + 1), None)
    return note is not None and note.kind is Kind.CONTROL


def known_requests(inbox: Log, known: Known, clock: Clock) -> None:
    """Remember the requests of the last ten minutes before the daemon went down."""
    since = clock.steady_ns() - WINDOW_SECONDS * 1_000_000_000
    for note in skim(inbox, _begin(inbox, since)):
        if note.kind is not Kind.DATA or note.steady_ns < since:
            continue
        try:
            words = InboxWords.decode(note.meta)
        except Unreadable:
            continue
        if words.digest:
            known.add(words.digest, note.steady_ns)


def _begin(inbox: Log, since_ns: int) -> int:
    """Offset of a segment that was begun before `since_ns` of steady time."""
    begin = inbox.first_offset
    for segment in inbox.segments():
        if segment.wall_ns and segment.steady_ns <= since_ns:
            begin = segment.name.base
    return begin
