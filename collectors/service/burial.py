"""The graph's dead letters: each is listed once, and the graph waits until it is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from collectors.component import Context, Meter, Signal
from collectors.graph import InboxWords, Output, Unreadable
from collectors.log import Entry, Incomplete, Log, LogFailed, Record
from collectors.service import names
from collectors.service.clock import Clock
from collectors.service.dead import GRAPH, dead_letter
from collectors.service.outbox import Abandoned
from collectors.service.state import Identity

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.5

DeadIdentity = tuple[int, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Burial:
    """Lists what the graph gives up.

    Attributes:
        known: Dead letters that are listed already.
        abandon: Set once the daemon must end though the disk takes nothing.
        has_room: Whether a dead letter of so many bytes fits into their share.
    """

    dead: Log
    clock: Clock
    meter: Meter
    known: frozenset[DeadIdentity]
    abandon: threading.Event
    has_room: Callable[[int], bool]

    def request(self, record: Record, reason: str) -> None:
        """List a request; raises Abandoned if the daemon must end before that."""
        if (record.offset, -1, "") in self.known:
            return
        words = InboxWords("", Context())
        try:
            words = InboxWords.decode(record.meta)
        except Unreadable:
            reason = f"{reason}; its words cannot be read"
        letter = dead_letter(
            reason=reason,
            stage=GRAPH,
            signal=record.signal,
            items=record.items,
            payload=record.payload,
            origin=record.offset,
            clock=self.clock,
            context=words.context,
            receiver=words.receiver,
        )
        self._write(letter)
        if record.signal is not None:
            self._count(record.signal, record.items, "", "")

    def output(self, output: Output, identity: Identity, destination: str, reason: str) -> None:
        """List an output that `destination`, a view, did not take; raises Abandoned."""
        if (*identity, destination) in self.known:
            return
        batch = output.batch
        letter = dead_letter(
            reason=reason,
            stage=GRAPH,
            signal=batch.signal,
            items=batch.items,
            payload=batch.payload,
            origin=identity[0],
            index=identity[1],
            destination=destination,
            pipeline=output.pipeline,
            clock=self.clock,
            context=batch.context,
        )
        self._write(letter)
        self._count(batch.signal, batch.items, output.pipeline, destination)

    def _write(self, letter: Entry) -> None:
        """Wait for room and for the disk; one line when it begins and when the reason changes."""
        told = ""
        while True:
            reason = "their share of the disk is full: requeue some, or let old ones go"
            try:
                if self.has_room(letter.size_bytes):
                    self.dead.append_now([letter])
                    return
            except (Incomplete, LogFailed) as error:
                reason = str(error.__cause__ or error)
            if reason != told:
                _log.warning("the graph waits, a dead letter cannot be written: %s", reason)
                told = reason
            if self.abandon.wait(_RETRY_SECONDS):
                raise Abandoned

    def _count(self, signal: Signal, items: int, pipeline: str, exporter: str) -> None:
        self.meter.add(
            names.ITEMS,
            items,
            signal=signal,
            pipeline=pipeline,
            exporter=exporter,
            outcome="dead_lettered",
        )
