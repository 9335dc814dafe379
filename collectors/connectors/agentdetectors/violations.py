"""Breaches of compliance rules: what a span tells and what records inside it tell is one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from collectors.connectors.agentdetectors.config import ViolationsConfig
from collectors.graph import pack, unpack
from collectors.wire.kernel import Longs
from slo.catalog import metrics

METRIC: Final = "mas.compliance.violations"
_LABELS: Final = {of.key: of.values for of in metrics().metric(METRIC).attributes}
SEVERITIES: Final = _LABELS["mas.compliance.severity"]
REACTIONS: Final = _LABELS["mas.compliance.action"]
_NAMED: Final = ("name", "rule", "severity", "reaction")

TELLING: Final = np.dtype(
    [
        ("id", "<i8"),  # of what tells it, such as one log record: a hash
        ("of", "<i8"),  # the span and the rule, or the record itself where it is in no span
        ("seen", "<i8"),  # steady nanoseconds
        ("name", "<i4"),  # of the agent: a word
        ("rule", "<i4"),  # a word
        ("severity", "i1"),
        ("reaction", "i1"),
        ("by_record", "i1"),
        ("judged", "i1"),
    ]
)
"""One telling of a violation."""

Rows: TypeAlias = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Violation:
    """What was broken, and by whom; `name` and `rule` are words."""

    name: int
    rule: int
    severity: str
    reaction: str


class Violations:
    """What was told lately."""

    def __init__(self, config: ViolationsConfig) -> None:
        """Begin empty."""
        self._config = config
        self._rows: Rows = np.zeros(0, TELLING)
        self._new: list[Rows] = []

    def add(self, tellings: Rows) -> int:
        """Take in what was told; how many were left out for want of room."""
        room = max(0, self._config.max_violations - sum(len(of) for of in self._new))
        if len(tellings):
            self._new.append(tellings[:room])
        return max(0, len(tellings) - room)

    def settle(self, steady_ns: int) -> Counter[Violation]:
        """The violations that are new."""
        rows = np.concatenate([self._rows, *self._new])
        self._new = []
        # Of one telling that came twice the earlier; records before the span that they are in.
        rows = rows[np.sort(np.unique(rows["id"], return_index=True)[1])]
        rows = rows[np.lexsort((-rows["by_record"], -rows["judged"], rows["of"]))]
        counts = _that_count(rows)
        kinds, times = np.unique(rows[counts][[*_NAMED]], return_counts=True)
        rows["judged"] = 1
        rows = rows[rows["seen"] + self._config.pairing > steady_ns]
        surplus = max(0, len(rows) - self._config.max_violations)
        self._rows = rows[np.argsort(rows["seen"], kind="stable")[surplus:]]
        return Counter(
            {
                Violation(name, rule, SEVERITIES[severity], REACTIONS[reaction]): count
                for (name, rule, severity, reaction), count in zip(
                    kinds.tolist(), times.tolist(), strict=True
                )
            }
        )

    def words(self) -> list[int]:
        """The words that are used."""
        rows = (self._rows, *self._new)
        parts = [of[name] for of in rows for name in ("name", "rule")]
        return [int(number) for number in np.unique(np.concatenate(parts)).tolist()]

    def renumber(self, moved: Longs) -> None:
        """Words have new numbers."""
        for rows in (self._rows, *self._new):
            for name in ("name", "rule"):
                rows[name] = moved[rows[name]]

    def snapshot(self) -> bytes:
        """All rows, and what is new."""
        new = np.concatenate([np.zeros(0, TELLING), *self._new])
        return pack({"rows": self._rows.tobytes(), "new": new.tobytes()})

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._rows = np.frombuffer(parts["rows"], TELLING).copy()
        self._new = [np.frombuffer(parts["new"], TELLING).copy()]


def _that_count(rows: Rows) -> NDArray[np.bool_]:
    """Which of `rows` count now; they are sorted by what they are of, the judged ones first.

    Of one thing as many count as records tell it, and one if the span alone does: where the
    span has counted before, the first record adds nothing.
    """
    _, starts, of_row = np.unique(rows["of"], return_index=True, return_inverse=True)
    is_record, is_judged = rows["by_record"] != 0, rows["judged"] != 0
    size = len(starts)
    records = np.bincount(of_row[is_record], minlength=size)
    judged = np.bincount(of_row[is_record & is_judged], minlength=size)
    by_span = np.bincount(of_row[~is_record & is_judged], minlength=size) > 0
    wanted = np.maximum(records, 1) - np.where(judged > 0, judged, by_span)
    place = np.cumsum(~is_judged) - 1
    before = np.cumsum(np.bincount(of_row[~is_judged], minlength=size))
    before = np.concatenate([[0], before])[:-1]
    found: NDArray[np.bool_] = ~is_judged & (place - before[of_row] < wanted[of_row])
    return found
