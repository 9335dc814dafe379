"""What one configuration decided about the traces of an inbox, and how two of them differ.

A row of 44 bytes stands for a trace: two configurations and a million traces take 90 MB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from collectors.indicators import Matcher, SloConfig
from collectors.sampling.index_kernel import Rows
from collectors.sampling.notes import Cause
from collectors.sampling.plan import NOBODY, Decisions, Extra, Facts
from collectors.sampling.shadow import Beside
from collectors.wire.kernel import Longs, Words
from collectors.wire.scan import Scan
from collectors.wire.spans import statuses

MOST_SLOS: Final = 63
"""SLOs whose bad events are looked for: a bit of a word each, and one for errors."""

TRACE: Final = np.dtype(
    [
        ("high", "u8"),
        ("low", "u8"),
        ("keep", "?"),
        ("sampler", "u1"),
        ("policy", "i2"),
        ("spans", "u4"),
        ("size", "u8"),
        ("ms", "u4"),
        ("marks", "u8"),
    ]
)
_ERROR: Final = 2
_MILLISECOND_NS: Final = 1_000_000
_LONGEST_MS: Final = 2**32 - 1


class Marks:
    """Questions beside those of the policies: is it an error, is it a bad event of an SLO."""

    def __init__(self, slos: Mapping[str, SloConfig]) -> None:
        """Look for bad events of `slos`, the first `MOST_SLOS` of them."""
        self.slos = tuple(slos)[:MOST_SLOS]
        self._matcher = Matcher({name: slos[name] for name in self.slos})
        self.leaves: Sequence[str] = ("an error", *self.slos)
        self.extras: Sequence[Extra] = ()

    def flags(self, scanned: Scan) -> Words:
        """One bit for each of `leaves`."""
        found: Words = (statuses(scanned) == _ERROR).astype(np.uint64)
        for matched in self._matcher.match(scanned) if self.slos else ():
            found[matched.rows[matched.bad]] |= np.uint64(2 << matched.slo)
        return found

    def measure(self, scanned: Scan) -> Words:
        """Nothing more."""
        return np.zeros((0, len(scanned.entries)), np.uint64)


@dataclass(slots=True)
class PolicyCount:
    """What a policy said, by itself, and on how much it had the last word."""

    wanted: int = 0
    decided: int = 0


@dataclass(slots=True)
class Tally:
    """What the samplers of one configuration decided.

    Attributes:
        name: Of the configuration, as the reader knows it.
        samplers: Pipeline and component of each.
        policies: Of each sampler, in their order.
        late_spans: That came after the decision to keep their trace.
        late_bytes: Of them, as they left.
        unfinished: Traces that were decided on at the end of the inbox, before their time.
        unrouted: Spans of receivers that it does not have.
    """

    name: str
    marks: Marks
    samplers: list[str] = field(default_factory=list[str])
    policies: list[dict[str, PolicyCount]] = field(default_factory=list[dict[str, PolicyCount]])
    late_spans: int = 0
    late_bytes: int = 0
    unfinished: int = 0
    unrouted: int = 0
    is_ending: bool = False
    _rows: list[Rows] = field(default_factory=list[Rows])

    def sampler(self, name: str, policies: Sequence[str]) -> Watcher:
        """Who watches one more sampler."""
        self.samplers.append(name)
        self.policies.append({policy: PolicyCount() for policy in policies})
        return Watcher(self, len(self.samplers) - 1)

    def add(self, sampler: int, facts: Facts, decisions: Decisions, cause: Cause) -> None:
        """Traces on which a sampler has decided."""
        rows = np.zeros(len(facts), TRACE)
        halves = np.ascontiguousarray(facts.ids).view(np.uint64).reshape(-1, 2)
        rows["high"], rows["low"] = halves[:, 0], halves[:, 1]
        rows["keep"], rows["policy"], rows["sampler"] = decisions.keep, decisions.policies, sampler
        rows["spans"], rows["size"], rows["marks"] = facts.spans, facts.sizes, facts.extras[-1]
        taken = (facts.ends_ns - facts.starts_ns) // np.uint64(_MILLISECOND_NS)
        rows["ms"] = np.minimum(taken, np.uint64(_LONGEST_MS))
        self._rows.append(rows)
        if cause is not Cause.BROUGHT_BACK:
            self.unfinished += len(facts) if self.is_ending else 0
        counts = self.policies[sampler]
        last = np.bincount(decisions.policies[decisions.policies != NOBODY], minlength=len(counts))
        for place, count in enumerate(counts.values()):
            count.wanted += int(decisions.votes[place, 0])
            count.decided += int(last[place])

    def traces(self) -> Rows:
        """Each trace once, sorted by its id: kept if anybody keeps it, by the first who does."""
        rows = np.concatenate(self._rows) if self._rows else np.zeros(0, TRACE)
        self._rows = [rows]
        if not len(rows):
            return rows
        rows = rows[np.lexsort((~rows["keep"], rows["low"], rows["high"]))]
        is_first = np.ones(len(rows), np.bool_)
        is_first[1:] = (rows["high"][1:] != rows["high"][:-1]) | (
            rows["low"][1:] != rows["low"][:-1]
        )
        starts = np.flatnonzero(is_first)
        found = rows[starts]
        for column in ("spans", "size", "ms"):
            found[column] = np.maximum.reduceat(rows[column], starts)
        found["marks"] = np.bitwise_or.reduceat(rows["marks"], starts)
        return found

    def by(self, row: Rows) -> str:
        """Who had the last word on a trace; empty where no policy wanted it."""
        policy = int(row["policy"])
        return "" if policy == NOBODY else list(self.policies[int(row["sampler"])])[policy]


@dataclass(frozen=True, slots=True)
class Watcher:
    """Tells a tally of one sampler; see `Watch`."""

    tally: Tally
    number: int

    @property
    def beside(self) -> Beside:
        """See `Watch.beside`."""
        return Beside(self.tally.marks)

    def decided(self, facts: Facts, decisions: Decisions, cause: Cause) -> None:
        """See `Watch.decided`."""
        self.tally.add(self.number, facts, decisions, cause)


@dataclass(frozen=True, slots=True)
class Sums:
    """What a configuration keeps, in numbers.

    Attributes:
        marked: Of each of `Marks.leaves`, traces that have such a span, and how many are kept.
    """

    traces: int
    kept_traces: int
    kept_spans: int
    kept_bytes: int
    marked: Mapping[str, tuple[int, int]]


def sums(tally: Tally, rows: Rows) -> Sums:
    """Add up `Tally.traces`; late spans of kept traces are among what is kept."""
    keep = rows["keep"]
    marked: dict[str, tuple[int, int]] = {}
    for place, leaf in enumerate(tally.marks.leaves):
        has = (rows["marks"] >> np.uint64(place) & np.uint64(1)) != 0
        marked[leaf] = int(np.count_nonzero(has)), int(np.count_nonzero(has & keep))
    return Sums(
        traces=len(rows),
        kept_traces=int(np.count_nonzero(keep)),
        kept_spans=int(rows["spans"][keep].sum()) + tally.late_spans,
        kept_bytes=int(rows["size"][keep].sum()) + tally.late_bytes,
        marked=marked,
    )


def only_in(kept: Rows, other: Rows) -> tuple[Rows, Longs]:
    """Traces that `kept` keeps and `other` does not, and their row there; -1 for none."""
    if not len(kept):
        return kept, np.zeros(0, np.int64)
    here, there = _keys(kept), _keys(other)
    places = np.searchsorted(there, here)
    found = np.full(len(kept), -1, np.int64)
    inside = places < len(there)
    same = np.zeros(len(kept), np.bool_)
    same[inside] = there[places[inside]] == here[inside]
    found[same] = places[same]
    lost = kept["keep"].copy()
    lost[same] &= ~other["keep"][places[same]]
    return kept[lost], found[lost]


def _keys(rows: Rows) -> Rows:
    """Ids as numpy can compare them: 16 bytes, high half first, highest byte first."""
    halves = np.stack((rows["high"], rows["low"]), axis=1).astype(">u8")
    return np.ascontiguousarray(halves).view("S16").ravel()
