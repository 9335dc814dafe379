"""Audit records that are missing: decisions without one, and numbers that never came.

A decision has its record if one was written in its span, in a decision inside it or around it,
or names its key. Who never wrote one is not missed: a class of agents is looked at from its
first record on.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from collectors.connectors.agentdetectors.config import AuditsConfig
from collectors.connectors.agentdetectors.sequences import Sequences
from collectors.graph import pack, unpack
from collectors.wire.kernel import Longs

DECISION: Final = np.dtype(
    [
        ("span", "<i8"),  # with its agent, as all of the following: hashes, 0 for none
        ("above", "<i8"),
        ("key", "<i8"),  # what it is called by, beside its span
        ("family", "<i8"),
        ("seen", "<i8"),  # steady nanoseconds
        ("name", "<i4"),  # of the class of its agent: a word
    ]
)
"""One decision."""

RECORD: Final = np.dtype(
    [
        ("span", "<i8"),
        ("key", "<i8"),
        ("family", "<i8"),
        ("seen", "<i8"),
        ("agent", "<i8"),
        ("number", "<i8"),  # 0 where it has none
        ("said", "<i8"),  # by the sender's clock
        ("name", "<i4"),
        ("below", "i1"),  # a decision inside this span has one; those beside have none for that
    ]
)
"""One audit record."""

Rows: TypeAlias = NDArray[np.void]
Mask: TypeAlias = NDArray[np.bool_]

_LEVELS: Final = 4
"""Decisions inside each other that are looked through."""

_MOST_FAMILIES: Final = 1_000


class Audits:
    """Decisions that wait for their records, and records that wait for their decisions."""

    def __init__(self, config: AuditsConfig) -> None:
        """Begin empty."""
        self._config = config
        self._decisions: Rows = np.zeros(0, DECISION)
        self._records: Rows = np.zeros(0, RECORD)
        self._new: list[tuple[Rows, Rows]] = []
        self._since: OrderedDict[int, int] = OrderedDict()
        self._sequences = Sequences(config.patience)

    def add(self, decisions: Rows, records: Rows) -> int:
        """Take in what came; how many decisions were left out for want of room."""
        families, first = np.unique(records["family"], return_index=True)
        for family, seen in zip(families.tolist(), records["seen"][first].tolist(), strict=True):
            self._since.setdefault(family, seen)
        while len(self._since) > _MOST_FAMILIES:
            self._since.popitem(last=False)
        room = max(0, self._config.max_records - sum(len(of) for of, _ in self._new))
        if len(decisions) or len(records):
            self._new.append((decisions[:room], records))
        self._sequences.add(records[records["number"] > 0])
        return max(0, len(decisions) - room)

    def settle(self, steady_ns: int) -> tuple[Counter[int], int]:
        """Missing records, by the word of the class; also how many decisions came too many."""
        decisions = np.concatenate([self._decisions, *(of for of, _ in self._new)])
        records = np.concatenate([self._records, *(of for _, of in self._new)])
        self._new = []
        has_one, records = _told(decisions, records)
        is_due = decisions["seen"] + self._config.patience <= steady_ns
        missing = is_due & ~has_one & self._is_expected(decisions)
        names, counts = np.unique(decisions["name"][missing], return_counts=True)
        found = Counter(dict(zip(names.tolist(), counts.tolist(), strict=True)))
        found.update(self._sequences.settle(steady_ns))
        waiting = decisions[~is_due & ~has_one]
        surplus = max(0, len(waiting) - self._config.max_records)
        self._decisions = waiting[surplus:]
        self._records = self._still_known(records, decisions["span"][has_one], steady_ns)
        return found, surplus

    def words(self) -> list[int]:
        """The words that are used."""
        parts = [self._decisions["name"], self._records["name"]]
        parts += [of["name"] for both in self._new for of in both]
        return [*np.unique(np.concatenate(parts)).tolist(), *self._sequences.words()]

    def renumber(self, moved: Longs) -> None:
        """Words have new numbers."""
        for rows in (self._decisions, self._records, *(of for both in self._new for of in both)):
            rows["name"] = moved[rows["name"]]
        self._sequences.renumber(moved)

    def snapshot(self) -> bytes:
        """All state."""
        decisions = np.concatenate([np.zeros(0, DECISION), *(of for of, _ in self._new)])
        records = np.concatenate([np.zeros(0, RECORD), *(of for _, of in self._new)])
        return pack(
            {
                "decisions": self._decisions.tobytes(),
                "records": self._records.tobytes(),
                "new_decisions": decisions.tobytes(),
                "new_records": records.tobytes(),
                "since": json.dumps(list(self._since.items())).encode(),
                "sequences": json.dumps(self._sequences.state()).encode(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._decisions = np.frombuffer(parts["decisions"], DECISION).copy()
        self._records = np.frombuffer(parts["records"], RECORD).copy()
        decisions = np.frombuffer(parts["new_decisions"], DECISION).copy()
        self._new = [(decisions, np.frombuffer(parts["new_records"], RECORD).copy())]
        self._since = OrderedDict((family, at) for family, at in json.loads(parts["since"]))
        self._sequences.restore(json.loads(parts["sequences"]))

    def _is_expected(self, decisions: Rows) -> Mask:
        """Whose agents wrote records before."""
        families, of_row = np.unique(decisions["family"], return_inverse=True)
        never = np.iinfo(np.int64).max
        since = np.array([self._since.get(of, never) for of in families.tolist()], np.int64)
        found: Mask = since[of_row] <= decisions["seen"] if len(families) else since > 0
        return found

    def _still_known(self, records: Rows, spans: Longs, steady_ns: int) -> Rows:
        """The records without those that are old, or whose decision, among `spans`, has come."""
        found = np.isin(records["span"], spans)
        soon = steady_ns - self._config.recall + self._config.patience
        records["seen"][found] = np.minimum(records["seen"][found], soon)
        kept: Rows = records[records["seen"] + self._config.recall > steady_ns]
        return kept[max(0, len(kept) - self._config.max_records) :]


def _told(decisions: Rows, records: Rows) -> tuple[Mask, Rows]:
    """Which decisions have a record; and all records, with those that the spans above are told."""
    keys = records["key"][records["key"] != 0]
    written = records["span"][(records["below"] == 0) & (records["span"] != 0)]
    told: Mask = (decisions["key"] != 0) & np.isin(decisions["key"], keys)
    told |= np.isin(decisions["above"], written)
    spans = records["span"][records["span"] != 0]
    for _ in range(_LEVELS):
        found = told | np.isin(decisions["span"], spans)
        above = np.setdiff1d(decisions["above"][found & (decisions["above"] != 0)], spans)
        told = found
        if not len(above):
            break
        passed: Rows = np.zeros(len(above), RECORD)
        passed["span"], passed["below"] = above, 1
        passed["seen"] = decisions["seen"].max(initial=0)
        records = np.concatenate([records, passed])
        spans = np.concatenate([spans, above])
    return told, records
