"""What agents did to which target: conflicts and reversals, found once the order is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from collectors.connectors.agentdetectors.config import ActionsConfig
from collectors.graph import pack, unpack
from collectors.judging import (
    REMEMBERED,
    ConflictType,
    Deed,
    Epochs,
    Reign,
    Seen,
    conflict,
    reverses,
    told_before,
)
from collectors.net.fields import SECOND
from collectors.wire.kernel import Longs

ROW: Final = np.dtype(
    [
        ("said", "<i8"),  # by the sender's clock
        ("at", "<i8"),  # steady nanoseconds of arrival
        ("on", "<i8"),  # type and target
        ("value", "<i8"),
        ("agent", "<i8"),
        ("key", "<i8"),
        ("epoch", "<i8"),
        ("lease", "<i8"),
        ("base", "<i8"),
        ("inside", "<i8"),  # the span that it is, or was written in; 0 where its key is said
        ("type", "<i4"),  # a word
        ("by_record", "i1"),
        ("undone", "i1"),  # its span says that nothing was done
        ("judged", "i1"),
    ]
)
"""One action; but for times, epoch and type, hashes of what was said."""

Rows: TypeAlias = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Clash:
    """What an action brought to light; `type` is a word."""

    type: int
    conflict: ConflictType | None
    reversal: bool = False


class Actions:
    """The last actions, and who led under which epoch."""

    def __init__(self, config: ActionsConfig) -> None:
        """Begin empty."""
        self._config = config
        self._rows: Rows = np.zeros(0, ROW)
        self._new: list[Rows] = []
        self._epochs = Epochs()

    def add(self, rows: Rows) -> int:
        """Take in what came; how many were left out for want of room."""
        room = self._config.max_actions - sum(len(of) for of in self._new)
        if len(rows):
            self._new.append(rows[: max(0, room)])
        return max(0, len(rows) - max(0, room))

    def settle(self, steady_ns: int) -> tuple[list[Clash], int]:
        """Judge what can no longer be overtaken; also how many were forgotten early."""
        rows = self._gathered(steady_ns)
        order = np.lexsort((rows["key"], rows["said"], self._steps(rows), rows["on"]))
        rows = rows[order]
        due = (rows["judged"] == 0) & (rows["undone"] == 0)
        due &= self._steps(rows) < steady_ns // self._config.order_tolerance
        found: list[Clash] = []
        keep = np.ones(len(rows), np.bool_)
        held = self._holders(rows, due)
        _, first, counts = np.unique(rows["on"], return_index=True, return_counts=True)
        contested = np.maximum.reduceat(due, first) & (counts > 1) if len(rows) else counts > 1
        for start, count in zip(first[contested].tolist(), counts[contested].tolist(), strict=True):
            self._judge(rows[start : start + count], due, start, keep, held, found)
        alone = np.array(sorted(held), np.int64)
        seen = set(first[contested].tolist())
        starts = np.searchsorted(first, alone, side="right") - 1
        for place, group in zip(alone.tolist(), starts.tolist(), strict=True):
            if int(first[group]) not in seen:
                found.append(Clash(int(rows["type"][place]), held[place]))
        rows["judged"][due] = 1
        rows = rows[keep]
        surplus = max(0, len(rows) - self._config.max_actions)
        if surplus:
            rows = rows[np.argsort(rows["at"], kind="stable")[surplus:]]
        self._rows = rows
        return found, surplus

    def words(self) -> list[int]:
        """The words that are used."""
        parts = [of["type"] for of in (self._rows, *self._new)]
        return [int(number) for number in np.unique(np.concatenate(parts)).tolist()]

    def renumber(self, moved: NDArray[np.int64]) -> None:
        """Words have new numbers."""
        for rows in (self._rows, *self._new):
            rows["type"] = moved[rows["type"]]

    def snapshot(self) -> bytes:
        """All rows, and the epochs."""
        rows = np.concatenate([self._rows, *self._new])
        reigns = [[of.lease, of.epoch, of.agent, of.since] for of in self._epochs.all()]
        epochs = json.dumps(reigns).encode()
        return pack({"rows": rows.tobytes(), "epochs": epochs})

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._rows = np.frombuffer(parts["rows"], ROW).copy()
        self._new = []
        self._epochs = Epochs([Reign(*of) for of in json.loads(parts["epochs"])])

    def _gathered(self, steady_ns: int) -> Rows:
        rows: Rows = np.concatenate([self._rows, *self._new])
        self._new = []
        window = max(self._config.conflict_window, self._config.reversal_window)
        return _once(rows[rows["at"] + window > steady_ns])

    def _steps(self, rows: Rows) -> Longs:
        """Arrival in steps of the tolerance."""
        steps: Longs = rows["at"] // self._config.order_tolerance
        return steps

    def _holders(self, rows: Rows, due: NDArray[np.bool_]) -> dict[int, ConflictType]:
        """The rows of holders of a lease that another holds."""
        found: dict[int, ConflictType] = {}
        grace = self._config.lease_grace / SECOND
        led = np.flatnonzero(due & (rows["epoch"] != 0))
        for place in led[np.lexsort((rows["said"][led], self._steps(rows[led])))].tolist():
            clash = self._epochs.clash(_deed(rows[place]), int(rows["at"][place]) / SECOND, grace)
            if clash is not None:
                found[place] = clash
        return found

    def _judge(
        self,
        group: Rows,
        due: NDArray[np.bool_],
        start: int,
        keep: NDArray[np.bool_],
        held: Mapping[int, ConflictType],
        found: list[Clash],
    ) -> None:
        earlier: list[Seen] = []
        for offset in range(len(group)):
            row, place = group[offset], start + offset
            deed, at = _deed(row), int(row["at"]) / SECOND
            if due[place]:
                if told_before(deed, earlier):
                    keep[place] = False
                    continue
                clash = held.get(place) or conflict(
                    deed, earlier, at, self._config.conflict_window / SECOND
                )
                back = reverses(deed, earlier, at, self._config.reversal_window / SECOND)
                if clash is not None or back:
                    found.append(Clash(int(row["type"]), clash, reversal=back))
            elif not row["judged"]:
                continue
            earlier.append(Seen(at, deed))
            del earlier[:-REMEMBERED]


def _once(rows: Rows) -> Rows:
    """`rows` without what a span and a record inside it both tell; the record tells more.

    Where the span was judged before, its first record is taken for judged.
    """
    inside, fresh = rows["inside"], rows["judged"] == 0
    records = (rows["by_record"] != 0) & (inside != 0)
    spans = (rows["by_record"] == 0) & (inside != 0)
    told = spans & fresh & (rows["undone"] == 0) & np.isin(inside, inside[records])
    void = records & fresh & np.isin(inside, inside[spans & (rows["undone"] != 0)])
    late = records & fresh & np.isin(inside, inside[spans & ~fresh])
    late &= ~np.isin(inside, inside[records & ~fresh])
    places = np.flatnonzero(late)
    rows["judged"][places[np.unique(inside[places], return_index=True)[1]]] = 1
    kept: Rows = rows[~told & ~void]
    return kept


def _deed(row: Rows | np.void) -> Deed:
    return Deed(
        agent=int(row["agent"]),
        kind=0,
        target=int(row["on"]),
        value=int(row["value"]),
        key=int(row["key"]),
        epoch=int(row["epoch"]),
        lease=int(row["lease"]),
        base=int(row["base"]),
    )
