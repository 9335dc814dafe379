"""Runs that go round in circles: steps of traces, counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from collectors.connectors.agentdetectors.config import LoopsConfig
from collectors.graph import pack, unpack
from collectors.judging import LoopKind

KINDS: Final = tuple(LoopKind)
REPETITION, ENDLESS, PING_PONG = (
    KINDS.index(kind) for kind in (LoopKind.REPETITION, LoopKind.NO_TERMINATION, LoopKind.PING_PONG)
)
ROW: Final = np.dtype(
    [
        ("step", "<i8"),  # of what: a hash
        ("run", "<i8"),  # in which trace: a hash
        ("seen", "<i8"),  # steady nanoseconds
        ("there", "<i4"),  # how often
        ("back", "<i4"),  # how often the other way
        ("agent", "<i4"),  # a word
        ("kind", "i1"),
        ("told", "i1"),
    ]
)
"""One step of one run."""

STEP: Final = np.dtype(
    [
        ("step", "<i8"),
        ("run", "<i8"),
        ("seen", "<i8"),
        ("span", "<i8"),
        ("agent", "<i4"),
        ("kind", "i1"),
        ("back", "i1"),
    ]
)
"""One span that is a step."""

Rows: TypeAlias = NDArray[np.void]
Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Loop:
    """A run that goes round in circles; `agent` is a word."""

    agent: int
    kind: LoopKind


class Runs:
    """How often each step of each run was taken."""

    def __init__(self, config: LoopsConfig) -> None:
        """Begin empty."""
        self._config = config
        self._rows: Rows = np.zeros(0, ROW)
        self._spans = np.zeros(0, np.int64)
        self._new: list[Rows] = []

    def add(self, steps: Rows) -> int:
        """Take in spans; how many were left out for want of room."""
        room = max(0, self._config.max_steps - sum(len(of) for of in self._new))
        if len(steps):
            self._new.append(steps[:room])
        return max(0, len(steps) - room)

    def settle(self, steady_ns: int) -> tuple[list[Loop], int]:
        """The runs that are found to circle; also how many steps were forgotten early."""
        rows = self._counted(self._fresh())
        over = (rows["told"] == 0) & self._is_over(rows)
        found: list[Loop] = []
        told = {(int(row["run"]), int(row["kind"])) for row in rows[rows["told"] != 0]}
        for place in np.flatnonzero(over).tolist():
            of = int(rows["run"][place]), int(rows["kind"][place])
            if of not in told:
                told.add(of)
                found.append(Loop(int(rows["agent"][place]), KINDS[of[1]]))
        rows["told"][over] = 1
        rows = rows[rows["seen"] + self._config.remember > steady_ns]
        surplus = max(0, len(rows) - self._config.max_steps)
        if surplus:
            rows = rows[np.argsort(rows["seen"], kind="stable")[surplus:]]
        self._rows = rows
        return found, surplus

    def words(self) -> list[int]:
        """The words that are used."""
        parts = [of["agent"] for of in (self._rows, *self._new)]
        return [int(number) for number in np.unique(np.concatenate(parts)).tolist()]

    def renumber(self, moved: NDArray[np.int64]) -> None:
        """Words have new numbers."""
        for rows in (self._rows, *self._new):
            rows["agent"] = moved[rows["agent"]]

    def snapshot(self) -> bytes:
        """All rows, the last spans, and what is new."""
        new = np.concatenate([np.zeros(0, STEP), *self._new])
        return pack(
            {
                "rows": self._rows.tobytes(),
                "spans": self._spans.tobytes(),
                "new": new.tobytes(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._rows = np.frombuffer(parts["rows"], ROW).copy()
        self._spans = np.frombuffer(parts["spans"], np.int64).copy()
        self._new = [np.frombuffer(parts["new"], STEP).copy()]

    def _fresh(self) -> Rows:
        """What is new and was not there before."""
        steps: Rows = np.concatenate([np.zeros(0, STEP), *self._new])
        self._new = []
        _, first = np.unique(steps["span"], return_index=True)
        keep: Mask = steps["span"] == 0
        keep[first] = True
        keep &= (steps["span"] == 0) | ~np.isin(steps["span"], self._spans)
        steps = steps[keep]
        self._spans = np.concatenate([self._spans, steps["span"]])[-self._config.max_steps :]
        return steps

    def _counted(self, steps: Rows) -> Rows:
        """The rows with what is new."""
        grouped, first, of_step = np.unique(steps["step"], return_index=True, return_inverse=True)
        size = len(grouped)
        made = np.zeros(size, ROW)
        for name in ("step", "run", "agent", "kind"):
            made[name] = steps[name][first]
        back = steps["back"] != 0
        made["there"] = np.bincount(of_step[~back], minlength=size)
        made["back"] = np.bincount(of_step[back], minlength=size)
        oldest = np.full(size, np.iinfo(np.int64).max)
        np.minimum.at(oldest, of_step, steps["seen"])
        np.maximum.at(made["seen"], of_step, steps["seen"])
        places = np.searchsorted(self._rows["step"], grouped)
        places = np.minimum(places, max(0, len(self._rows) - 1))
        known = np.zeros(size, np.bool_)
        if len(self._rows):
            known = self._rows["step"][places] == grouped
            self._add(places[known], made[known], oldest[known])
        rows: Rows = np.concatenate([self._rows, made[~known]])
        return rows[np.argsort(rows["step"], kind="stable")]

    def _add(self, places: NDArray[np.int64], made: Rows, oldest: NDArray[np.int64]) -> None:
        """Count on; a step that was long ago is not counted on."""
        of = self._rows
        is_slow = (of["kind"][places] == REPETITION) & (
            oldest - of["seen"][places] > self._config.within
        )
        for name in ("there", "back"):
            before = np.where(is_slow, 0, of[name][places])
            of[name][places] = np.minimum(before + made[name], np.iinfo(np.int32).max // 2)
        of["seen"][places] = np.maximum(of["seen"][places], made["seen"])

    def _is_over(self, rows: Rows) -> Mask:
        there, kinds = rows["there"], rows["kind"]
        over: Mask = (kinds == REPETITION) & (there >= self._config.repetitions)
        round_trips = np.minimum(there, rows["back"])
        over |= (kinds == PING_PONG) & (round_trips >= self._config.handoffs)
        if self._config.model_calls:
            over |= (kinds == ENDLESS) & (there > self._config.model_calls)
        return over
