"""The graph's thread: reads the inbox, steps the graph, fills the outbox, saves snapshots.

It is the only one who touches the graph, and the inbox is all that it listens to. What it
does after a restart is what it did before, up to the last output that is in the outbox;
from there on it is new.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from collectors.graph import (
    Configured,
    Control,
    DecideEarly,
    Graph,
    Restart,
    Tick,
    control_entry,
)
from collectors.log import Entry, Incomplete, Kind, Log, LogFailed, Reader, Record
from collectors.net.loglines import RateLimited
from collectors.service.budget import Budget
from collectors.service.clock import Clock
from collectors.service.keeper import Keeper
from collectors.service.outbox import Abandoned, Press
from collectors.service.shelving import Shelving
from collectors.service.stepper import Stepper

_log = logging.getLogger(__name__)

READ_BYTES = 1 << 20
"""Inbox bytes per round: what is stepped while the round before is being synced."""

SNAPSHOT_SECONDS = 10.0
PRESSED_SNAPSHOT_SECONDS = 1.0
"""While the disk is more than half used: nothing is trimmed that a snapshot still needs."""

_SAVING_PART, _PRESSED_SAVING_PART = 10, 2
"""A snapshot that takes long is taken more seldom: for a tenth of the time, or a third."""

_EARLY_TOLD_SECONDS = 60.0

_IDLE_SECONDS = 1.0
_RETRY_SECONDS = 0.5
_TICK_RETRY_SECONDS = 1.0  # a component that raises on a tick would raise without end


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineParts:
    """What the engine works with.

    Attributes:
        is_announced: Whether the inbox says already under what it is processed from its end on.
        tick_pause_seconds: No tick is appended for so long.
        unproven: Why the counters' past cannot be proven, as far as is known at start.
        proven: Called once the graph was told so, durably.
        ready: Called once, when the inbox as found at start is through.
        crashed: Called if the engine ends by a bug of ours.
        shelving: Set where items may wait on disk.
    """

    graph: Graph
    inbox: Log
    outbox: Log
    dead: Log
    keeper: Keeper
    stepper: Stepper
    budget: Budget
    clock: Clock
    fingerprint: str
    version: str
    is_announced: bool
    tick_pause_seconds: float
    unproven: str
    proven: Callable[[], None]
    ready: Callable[[], None]
    crashed: Callable[[BaseException], None]
    shelving: Shelving | None = None


class Engine:
    """Runs the graph in a thread of its own."""

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        self._wake = threading.Event()
        self._draining = threading.Event()
        self._abandon = threading.Event()
        self._press = Press(parts.outbox, self._abandon)
        self._found_end, self._found_totals = parts.inbox.end, parts.inbox.totals
        self._caught_up_at = self._found_end
        self._is_ready = False
        self._is_announced = parts.is_announced
        self._tick_wanted = False
        self._unproven = parts.unproven
        self._restart_wanted = False
        self._saved_at = self._saved_seconds = 0.0
        self._relocates, self._may_relocate = False, True
        self._early_until: int | None = None
        self._early_told_at = -_EARLY_TOLD_SECONDS
        self._ticks_from = time.monotonic() + parts.tick_pause_seconds
        self._controls_from = 0.0
        self._told = RateLimited(_log)
        self._thread = threading.Thread(target=self._run, name="graph", daemon=True)

    def start(self) -> None:
        """Begin with what the inbox holds."""
        self._announce()
        self._parts.inbox.listen(self._wake.set)
        self._thread.start()

    @property
    def graph(self) -> Graph:
        """The graph that the next record passes through."""
        return self._parts.stepper.graph

    @property
    def is_announced(self) -> bool:
        """Whether the inbox says under what it is processed; before, nothing may be taken."""
        return self._is_announced

    def is_settled(self) -> bool:
        """Whether everything that was given out is in the outbox, for now."""
        return self._press.is_idle

    def drain(self) -> None:
        """Go on to the end of the inbox, save, and end; returns at once."""
        self._draining.set()
        self._wake.set()

    def abandon(self) -> None:
        """Do not wait for a disk that does not take the outbox."""
        self._abandon.set()
        self.drain()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for the thread to end; tells whether it did."""
        if self._thread.ident is None:
            return True
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        reader = self._parts.inbox.reader(self._parts.stepper.offset)
        try:
            while self._round(reader):
                pass
            self._press.flush()
            self._save()
        except Abandoned:
            _log.warning("stopped before everything was in the outbox: it is done at restart")
        except BaseException as error:  # noqa: BLE001 - handed to who can end the daemon
            self._parts.crashed(error)
        finally:
            reader.close()

    def _round(self, reader: Reader) -> bool:
        """Work off what is there; tells whether to go on."""
        self._wake.clear()
        try:
            records = reader.read(READ_BYTES)
        except OSError as error:
            _log.error("the inbox cannot be read, trying again: %s", error)
            self._wake.wait(_RETRY_SECONDS)
            return not self._abandon.is_set()
        stepper = self._parts.stepper
        if records:
            self._step_all(records, reader.offset)
        self._announce()
        has_caught_up = self._is_announced and reader.offset >= self._caught_up_at
        if not self._is_ready and has_caught_up:
            self._caught_up(reader.offset)
        elif records and self._is_ready:
            stepper.show_totals()
        self._restart_if_unproven()
        self._tick_if_due()
        if self._relocates:
            self._relocate()
        self._save_if_due()
        if not records:
            if self._draining.is_set() and reader.offset >= self._parts.inbox.end:
                return False
            self._wake.wait(self._patience_seconds())
        return not self._abandon.is_set()

    def _step_all(self, records: list[Record], end: int) -> None:
        """Pass what was read through the graph, and on to the disk what came out."""
        stepper, entries = self._parts.stepper, list[Entry]()
        for record in records:
            if record.kind is Kind.CONTROL and record.offset >= self._found_end:
                self._tick_wanted = False
            entries += stepper.step(record)
        stepper.publish(end)
        self._press.put(entries)
        if self._parts.shelving is not None:
            self._parts.shelving.round_done()
        self._parts.budget.settle(self._promised_bytes(records))

    def _announce(self) -> None:
        """Tell the graph under what records are taken from here on."""
        if self._is_announced:
            return
        parts = self._parts
        control = Configured(parts.fingerprint, parts.version)
        self._is_announced = self._append_control(control)
        if self._is_announced:
            self._caught_up_at = parts.inbox.end

    def _caught_up(self, offset: int) -> None:
        """The replay is through; ready, unless the counters have yet to begin at zero."""
        stepper = self._parts.stepper
        stepper.expect(self._found_end, self._found_totals)
        stepper.publish(offset)
        self._restart_if_unproven()
        if self._unproven or not stepper.is_proven or offset < self._caught_up_at:
            return
        self._is_ready = True
        stepper.show_totals()
        self._parts.ready()

    def _restart_if_unproven(self) -> None:
        """Let the counters begin at zero where something is missing from their past."""
        stepper = self._parts.stepper
        if self._restart_wanted and stepper.is_proven:
            self._restart_wanted = False
        if self._restart_wanted or (stepper.is_proven and not self._unproven):
            return
        if not self._is_ready and stepper.offset < self._found_end:
            return
        reason = self._unproven or "records of the inbox are damaged or missing"
        self._restart_wanted = self._append_control(Restart(reason))
        if not self._restart_wanted:
            return
        _log.error("all counters begin at zero: %s", reason)
        if not self._is_ready:
            self._caught_up_at = self._parts.inbox.end
        if self._unproven:
            self._unproven = ""
            self._parts.proven()

    def _promised_bytes(self, records: list[Record]) -> int:
        """Bytes of those records for which admission has reserved room in this process."""
        return sum(
            record.size_bytes
            for record in records
            if record.kind is Kind.DATA and record.offset >= self._found_end
        )

    def _patience_seconds(self) -> float:
        """How long nothing will be due."""
        if self._draining.is_set():
            return 0.01
        deadline = self._parts.graph.next_deadline()
        if deadline is None or self._tick_wanted:
            return _IDLE_SECONDS
        left = (deadline - self._parts.clock.steady_ns()) / 1e9
        pause = self._controls_from - time.monotonic()
        return min(max(left, pause, 0.001), _IDLE_SECONDS)

    def _tick_if_due(self) -> None:
        if self._tick_wanted or not self._is_ready or self._draining.is_set():
            return
        failed_at = self._parts.stepper.tick_failed_at
        if time.monotonic() < max(self._ticks_from, failed_at + _TICK_RETRY_SECONDS):
            return
        deadline = self._parts.graph.next_deadline()
        if deadline is not None and deadline <= self._parts.clock.steady_ns():
            self._tick_wanted = self._append_control(Tick())

    def _relocate(self) -> None:
        """Move some of what pins much, between two steps."""
        shelving, stepper = self._parts.shelving, self._parts.stepper
        if shelving is None:
            return
        try:
            self._relocates = shelving.relocate_some(stepper.offset)
        except Exception:  # noqa: BLE001 - whatever a component raises is told
            _log.exception("what waits cannot be moved, and keeps its segments")
            self._relocates = self._may_relocate = False
            stepper.go_back()

    def _decide_early_if_full(self) -> None:
        """Have the oldest decided on where the disk is full of what waits."""
        shelving, offset = self._parts.shelving, self._parts.stepper.offset
        if shelving is None or not self._is_ready or self._draining.is_set():
            return
        self._relocates = self._may_relocate
        most_bytes = shelving.most_bytes_early(offset)
        if most_bytes is None or self._early_until is not None:
            return
        if time.monotonic() - self._early_told_at >= _EARLY_TOLD_SECONDS:
            self._early_told_at = time.monotonic()
            _log.warning("the disk is full of what waits: the oldest is decided on before its time")
        if self._append_control(DecideEarly(most_bytes)):
            self._early_until = self._parts.inbox.end

    def _append_control(self, control: Control) -> bool:
        """Append it; where the disk takes nothing, not again for a while."""
        if time.monotonic() < self._controls_from:
            return False
        clock = self._parts.clock
        entry = control_entry(control, clock.steady_ns(), clock.wall_ns())
        try:
            self._parts.inbox.append_now([entry])
        except (Incomplete, LogFailed) as error:
            now = time.monotonic()
            self._controls_from = now + _RETRY_SECONDS
            reason = error.__cause__ or error
            self._told.warn("", f"a control record was not appended: {reason}", now)
            return False
        return True

    def _save_if_due(self) -> None:
        """Save now and then: more often while the disk is pressed, less if it takes long."""
        early = self._early_until
        frees = early is not None and self._parts.stepper.offset >= early
        if self._parts.budget.is_pressed():
            patience = max(PRESSED_SNAPSHOT_SECONDS, _PRESSED_SAVING_PART * self._saved_seconds)
        else:
            patience = max(SNAPSHOT_SECONDS, _SAVING_PART * self._saved_seconds)
        if frees or time.monotonic() - self._saved_at >= patience:
            self._press.flush()
            self._save()
            self._early_until = None if frees else early
            self._decide_early_if_full()

    def _save(self) -> None:
        """Save a snapshot, then let go of what no longer needs to be replayed."""
        self._saved_at = began = time.monotonic()
        parts = self._parts
        if not parts.stepper.may_be_saved or not parts.keeper.needs_saving(parts.stepper.offset):
            self._trim()
            return
        try:
            parts.outbox.sync_now()
            parts.keeper.save(parts.stepper, parts.outbox, parts.dead)
        except (OSError, Incomplete, LogFailed) as error:
            _log.warning("the snapshot was not saved, the one before stands: %s", error)
            return
        except Exception:  # noqa: BLE001 - whatever a component raises is told
            _log.exception("a component cannot say its state, and nothing is trimmed until it can")
            return
        finally:
            self._saved_seconds = time.monotonic() - began
        self._trim()

    def _trim(self) -> None:
        try:
            self._parts.keeper.trim_inbox()
        except OSError as error:
            _log.warning("segments that nobody needs were not deleted: %s", error)
