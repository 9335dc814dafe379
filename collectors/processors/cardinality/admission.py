"""Which series pass as they are: decided once for each, when it is first seen.

The decisions follow the order of appearance, so that they are the same however requests are cut.
A series that is silent for `max_stale` is forgotten, with the room that it took.
"""

from __future__ import annotations

import json
from typing import Final

import numpy as np

from collectors.graph import pack, unpack
from collectors.processors.cardinality.attributes import Looked, looked_at
from collectors.processors.cardinality.config import OVERFLOW, CardinalityConfig
from collectors.processors.cardinality.limits import Limits
from collectors.processors.cardinality.metrics import Metrics
from collectors.processors.cardinality.sketches import Sketches
from collectors.processors.cardinality.values import Mask, Pairs, Values
from collectors.series.table import Table, firsts, ranks
from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.points import EVERY, Columns, Keys, digests, read, rebuild
from collectors.wire.scan import locate

PASS, MERGED = 0, 1
"""Rulings: as it is; part of the overflow series. From 2 on: without some attributes."""
NO_ROOM: Final = -1

_HOME: Final = -2  # a row that stands for the series that others become
_MAX_DROPS: Final = 62
_MAX_PAIRS: Final = 32  # limited attributes of a series; with more of them it overflows
_HOMES: Final = np.uint64(0x9E3779B97F4A7C15)  # sets identities of homes apart from those of series
_NOTHING: Final[Octets] = np.empty(0, np.uint8)


class _Rows(Table):
    """Series: when last seen, metric, ruling, and the row of the series that it becomes."""

    seen_ns: Longs
    metric: Longs
    ruling: Longs
    home: Longs

    def __init__(self, limit: int) -> None:
        columns = {"seen_ns": 0, "metric": -1, "ruling": NO_ROOM, "home": -1}
        super().__init__(limit, {name: (np.int64, (), of) for name, of in columns.items()})


class Admission:
    """All series of a sender, and what is ruled of each."""

    def __init__(self, config: CardinalityConfig) -> None:
        self._config = config
        self._limits = Limits(config)
        self._rows = _Rows(config.max_streams)
        self._values = Values(self._limits)
        self._metrics = Metrics(self._limits)
        self._sketches = Sketches()
        self._drops: list[tuple[str, ...]] = []
        self._swept_ns = 0

    def rule(self, columns: Columns, steady_ns: int) -> Longs:
        """What becomes of each point; `NO_ROOM` where its series cannot be followed."""
        if steady_ns - self._swept_ns >= self._config.max_stale:
            self._sweep(steady_ns)
        rows, before = self._rows, len(self._rows)
        row = rows.assign(columns.point_id)
        new = np.flatnonzero(row >= before)
        if len(new):
            _, first = np.unique(row[new], return_index=True)
            self._decide(columns, new[first], before)
        found: Longs = np.full(len(row), NO_ROOM, np.int64)
        held = row[row >= 0]
        found[row >= 0] = rows.ruling[held]
        rows.seen_ns[held] = steady_ns
        home = rows.home[held]
        rows.seen_ns[home[home >= 0]] = steady_ns
        return found

    def keys(self, ruling: int) -> Keys:
        """Which attributes a series keeps that does not pass as it is."""
        if ruling == MERGED:
            return Keys(tuple(sorted(set(self._config.protect))), only=True)
        return Keys.without((*self._drops[ruling - 2], OVERFLOW))

    def most_series(self) -> list[tuple[str, int]]:
        """The metrics with the most series that came, each with how many."""
        return self._metrics.most(self._config.top)

    def most_values(self) -> list[tuple[str, int]]:
        """The attributes with the most values, limited or not, each with about how many."""
        return self._sketches.most(self._config.top)

    def snapshot(self) -> bytes:
        """All state."""
        return pack(
            {
                "words": json.dumps([self._drops, self._swept_ns]).encode(),
                "rows": self._rows.snapshot(),
                "values": self._values.snapshot(),
                "metrics": self._metrics.snapshot(),
                "sketches": self._sketches.snapshot(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        drops, self._swept_ns = json.loads(parts["words"])
        self._drops = [tuple(names) for names in drops]
        self._rows.restore(parts["rows"])
        self._values.restore(parts["values"])
        self._metrics.restore(parts["metrics"])
        self._sketches.restore(parts["sketches"])

    def _decide(self, columns: Columns, places: Longs, first_row: int) -> None:
        """Rule on new series, whose rows begin at `first_row`, by their first points."""
        new = columns.take(places)
        series = np.arange(first_row, first_row + len(new))
        metric = self._metrics.rows(new)
        self._rows.metric[series] = metric
        ruling = self._by_values(new, metric, series)
        self._by_series(columns, places, ruling, series)
        self._rows.ruling[series] = ruling
        self._metrics.came(metric)

    def _by_values(self, new: Columns, metric: Longs, series: Longs) -> Longs:
        """Rule by attributes alone; values within the limits are taken."""
        names = self._metrics.names
        found = looked_at(new, metric, lambda of, key: self._limits.scope(names[of], key))
        self._sketches.add(new, found)
        scope = self._values.scopes(found.scopes)[found.scope]
        many = np.bincount(found.series, minlength=len(new)) > _MAX_PAIRS
        scope[many[found.series]] = -1
        salts = self._values.salts(scope)
        identity = digests(new.scanned, found.spots, salts)
        value = self._values.admit(Pairs(scope, identity))
        bad = value < 0
        self._values.link(series[found.series[~bad]], value[~bad])
        ruling: Longs = np.full(len(new), PASS, np.int64)
        of_metric, place = np.unique(metric, return_inverse=True)
        drops = np.array([self._limits.drops(names[of]) for of in of_metric.tolist()], np.bool_)
        merged = found.marked | many
        merged[found.series[scope < 0]] = True
        merged[found.series[bad]] |= ~drops[place.ravel()[found.series[bad]]]
        ruling[merged] = MERGED
        left = np.flatnonzero(bad & ~merged[found.series])
        self._without(found, left, ruling)
        return ruling

    def _without(self, found: Looked, left: Longs, ruling: Longs) -> None:
        """Rule that series lose the attributes whose values are too many."""
        if not len(left):
            return
        codes, bit = np.unique(found.key[left], return_inverse=True)
        bit = np.minimum(bit.ravel(), _MAX_DROPS)
        mask = np.zeros(len(ruling), np.int64)
        np.bitwise_or.at(mask, found.series[left], np.int64(1) << bit)
        for of in np.unique(mask[mask > 0]).tolist():
            names = [
                str(found.keys[code]) for at, code in enumerate(codes.tolist()) if of >> at & 1
            ]
            is_known = of >> _MAX_DROPS == 0
            ruling[mask == of] = self._drop(tuple(sorted(names))) if is_known else MERGED

    def _drop(self, names: tuple[str, ...]) -> int:
        if names not in self._drops:
            if len(self._drops) >= _MAX_DROPS:
                return MERGED
            self._drops.append(names)
        return self._drops.index(names) + 2

    def _by_series(self, columns: Columns, places: Longs, ruling: Longs, series: Longs) -> None:
        """Rule by the number of series; those of a metric that are too many are merged."""
        rows, metric = self._rows, self._rows.metric[series]
        identity = self._becomes(columns, places, ruling)
        drops = ruling > MERGED
        home: Longs = np.full(len(ruling), -1, np.int64)
        home[drops] = rows.find(identity[drops])
        need = np.flatnonzero((ruling == PASS) | (drops & (home < 0)))
        first = need[firsts(identity[need])]
        fits = first[ranks(metric[first]) < self._metrics.room(metric[first])]
        fits = self._settle(identity, metric, drops, fits)
        self._metrics.admit(metric[fits])
        is_in: Mask = np.zeros(len(ruling), np.bool_)
        is_in[fits] = True
        ruling[(ruling == PASS) & ~is_in] = MERGED
        home[drops] = rows.find(identity[drops])
        ruling[drops & (home < 0)] = MERGED
        rows.home[series] = home

    def _settle(self, identity: Words, metric: Longs, drops: Mask, fits: Longs) -> Longs:
        """Give rows to series that others become; which of `fits` there was room for."""
        wanted = fits[drops[fits]]
        row = self._rows.assign(identity[wanted])
        self._rows.ruling[row[row >= 0]] = _HOME
        self._rows.metric[row[row >= 0]] = metric[wanted[row >= 0]]
        return np.sort(np.concatenate((fits[~drops[fits]], wanted[row >= 0])))

    def _becomes(self, columns: Columns, places: Longs, ruling: Longs) -> Words:
        """Identities of what series become: their own, or without some attributes."""
        found: Words = columns.point_id[places]
        for of in np.unique(ruling[ruling > MERGED]).tolist():
            mine = ruling == of
            found[mine] = reduced(columns, places[mine], self.keys(of)).point_id ^ _HOMES
        return found

    def _sweep(self, steady_ns: int) -> None:
        self._swept_ns = steady_ns
        self._sketches.turn()
        rows = self._rows
        kept: Mask = rows.seen_ns[: len(rows)] >= steady_ns - self._config.max_stale
        if bool(kept.all()):
            return
        renamed = rows.keep(kept)
        rows.home = np.append(renamed, -1)[rows.home]
        self._values.sweep(renamed)
        self._forget_drops()
        rows.metric = self._metrics.sweep(rows.metric, rows.ruling == _HOME, rows.ruling == PASS)

    def _forget_drops(self) -> None:
        """Let combinations of attributes go that no series is without."""
        ruling = self._rows.ruling
        used = np.unique(ruling[ruling > MERGED])
        renamed = np.arange(len(self._drops) + 2)
        renamed[used] = np.arange(len(used)) + 2
        self._drops = [self._drops[of - 2] for of in used.tolist()]
        drops = ruling > MERGED
        ruling[drops] = renamed[ruling[drops]]


def reduced(columns: Columns, places: Longs, keys: Keys) -> Columns:
    """These points, in order, as a request of their own, identified by what stays."""
    points = np.column_stack((columns.spots, columns.at[:, 3]))[places]
    payload = rebuild(columns, _NOTHING, points, np.zeros(len(columns.data), np.uint8))
    return read(locate(columns.scanned.signal, payload, len(places)), EVERY, keys)
