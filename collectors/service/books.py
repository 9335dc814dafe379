"""The books: what came in, and what became of it, from counts that do not know each other.

Three identities hold at any time:

- at the inbox, accepted = read + unread + lost,
- per pipeline, and per connector, entered + made = out + sampled_out + filtered + aggregated
  + held + lost,
- per destination, queued = delivered + dead-lettered + buffered + lost.

Lost is what a damaged disk took after it was promised: 0 in any other case, counted from
the running totals of the logs, and told.

The left sides are counted where items come in, the right ones where they go.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from collectors.component import Signal
from collectors.log import SIGNALS, Kind, Record, Totals, total_of

Counts = dict[Signal, int]


def no_counts() -> Counts:
    """Zero of every signal."""
    return dict.fromkeys(SIGNALS, 0)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the graph has come, told at a moment when nothing was halfway.

    Attributes:
        offset: Next inbox record.
        read: Items that it read, as it counted them.
        passed: Running totals of the inbox at its place in it.
        lost: Items that it could not read, as those totals say.
        pipelines: Items unaccounted for, and items held, by pipeline and connector.
        queued: Items given to each destination.
    """

    offset: int = 0
    read: Totals = (0, 0, 0)
    passed: Totals = (0, 0, 0)
    lost: Totals = (0, 0, 0)
    pipelines: Mapping[str, tuple[Signal, int, int]] = field(
        default_factory=dict[str, tuple[Signal, int, int]]
    )
    queued: Mapping[str, Mapping[Signal, int]] = field(
        default_factory=dict[str, Mapping[Signal, int]]
    )


@dataclass(slots=True)
class _Account:
    """One destination: what became of what it was given."""

    delivered: Counts = field(default_factory=no_counts)
    dead_lettered: Counts = field(default_factory=no_counts)
    buffered: Counts = field(default_factory=no_counts)
    lost: Counts = field(default_factory=no_counts)
    records: int = 0
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Balance:
    """What the books say of one signal.

    Attributes:
        imbalance: Items unaccounted for, over all identities; 0 by contract.
        buffered: Items unread, held, and waiting for destinations.
    """

    imbalance: int
    buffered: int


class Books:
    """All counts; any thread may write its own side."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accepted: Totals = (0, 0, 0)
        self._appended: Totals = (0, 0, 0)
        self._progress = Progress()
        self._accounts: dict[str, _Account] = {}

    def open_inbox(self, totals: Totals) -> None:
        """Begin with what the inbox held at start."""
        with self._lock:
            self._accepted = totals
            self._appended = totals

    def appended(self, records: Sequence[Record], totals: Totals) -> None:
        """Take note of a group that became durable; in the inbox writer's thread."""
        counts = no_counts()
        for record in records:
            if record.kind is Kind.DATA and record.signal is not None:
                counts[record.signal] += record.items
        with self._lock:
            traces, metrics, logs = self._accepted
            self._accepted = (
                traces + counts[Signal.TRACES],
                metrics + counts[Signal.METRICS],
                logs + counts[Signal.LOGS],
            )
            self._appended = totals

    def publish(
        self, progress: Progress, given: Mapping[str, Iterable[tuple[Signal, int]]]
    ) -> None:
        """Take note of the graph's progress, and of each record it `given` a destination."""
        with self._lock:
            self._progress = progress
            for destination, records in given.items():
                account = self._accounts.setdefault(destination, _Account())
                for signal, items in records:
                    account.buffered[signal] += items
                    account.records += 1

    def open_account(
        self, destination: str, delivered: Counts, dead_lettered: Counts, lost: Counts
    ) -> None:
        """Begin with what was saved; the account counts once `recount` was called."""
        with self._lock:
            account = self._accounts.setdefault(destination, _Account())
            account.delivered = dict(delivered)
            account.dead_lettered = dict(dead_lettered)
            account.lost = dict(lost)

    def recount(self, destination: str, counts: Counts, records: int) -> None:
        """Take note of what the outbox held for `destination` at start."""
        with self._lock:
            account = self._accounts.setdefault(destination, _Account())
            for signal, items in counts.items():
                account.buffered[signal] += items
            account.records += records
            account.counted = True

    def delivered(self, destination: str, signal: Signal, items: int) -> None:
        """The far end answers for `items`."""
        with self._lock:
            self._accounts[destination].delivered[signal] += items

    def dead_lettered(self, destination: str, signal: Signal, items: int) -> None:
        """`items` are listed among the dead letters."""
        with self._lock:
            self._accounts[destination].dead_lettered[signal] += items

    def done(self, destination: str, signal: Signal, items: int, records: int) -> None:
        """So many items, of so many records, no longer wait."""
        with self._lock:
            account = self._accounts[destination]
            account.buffered[signal] -= items
            account.records -= records

    def shortfall(self, destination: str, signal: Signal) -> int:
        """Items that `destination` was given and that are nowhere, if its account counts."""
        with self._lock:
            account = self._accounts[destination]
            queued = self._progress.queued.get(destination, {}).get(signal, 0)
            return queued - _gone(account, signal) - account.buffered[signal]

    def lost(self, destination: str, signal: Signal, items: int, *, waited: bool = False) -> None:
        """`items` for `destination` were damaged on the disk; `waited`: they count as buffered."""
        with self._lock:
            account = self._accounts[destination]
            account.lost[signal] += items
            if waited:
                account.buffered[signal] -= items
                account.records = account.records if any(account.buffered.values()) else 0

    def saved(self, destination: str) -> tuple[Counts, Counts, Counts]:
        """Delivered, dead-lettered and lost items, to be saved with the cursor."""
        with self._lock:
            account = self._accounts[destination]
            return dict(account.delivered), dict(account.dead_lettered), dict(account.lost)

    def waiting(self, destination: str) -> tuple[int, Counts]:
        """Records and items that wait for `destination`."""
        with self._lock:
            account = self._accounts.get(destination, _Account())
            return account.records, dict(account.buffered)

    def progress(self) -> Progress:
        """The graph's progress as last published."""
        with self._lock:
            return replace(self._progress)

    def balance(self, signal: Signal) -> Balance:
        """Draw the balance of one signal, all counts taken at one moment."""
        with self._lock:
            unread = total_of(self._appended, signal) - total_of(self._progress.passed, signal)
            read = total_of(self._progress.read, signal) + total_of(self._progress.lost, signal)
            imbalance = abs(total_of(self._accepted, signal) - read - unread)
            buffered = unread
            for other, difference, held in self._progress.pipelines.values():
                if other is signal:
                    imbalance += abs(difference)
                    buffered += held
            for name, account in self._accounts.items():
                buffered += account.buffered[signal]
                if account.counted:
                    queued = self._progress.queued.get(name, {}).get(signal, 0)
                    gone = _gone(account, signal)
                    imbalance += abs(queued - gone - account.buffered[signal])
            return Balance(imbalance, buffered)


def _gone(account: _Account, signal: Signal) -> int:
    return account.delivered[signal] + account.dead_lettered[signal] + account.lost[signal]
