"""The endpoint's state as bytes and back: compact, versioned, exact.

JSON, because numbers survive it exactly and its encoder is in C; compressed, because the
same label text stands in every series of a target.
"""

from __future__ import annotations

import json
import zlib
from typing import Final, TypeAlias, cast

from collectors.exporters.prometheus.config import PrometheusConfig
from collectors.exporters.prometheus.state import Family, Info, Series, State
from collectors.prom.kinds import Kind
from collectors.prom.values import (
    Exemplar,
    Exponential,
    Histogram,
    Number,
    Summary,
    Value,
)

VERSION: Final = 1
_LEVEL: Final = 1

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
_ExemplarRow: TypeAlias = "tuple[str, str, float, int] | None"


class StateVersionError(ValueError):
    """The snapshot was written by a newer version."""


def dump(state: State) -> bytes:
    """All state. Equal states give equal bytes."""
    rows: list[Json] = [
        [
            family.name,
            family.kind.value,
            family.unit,
            family.help,
            family.source,
            [
                [text, series.start_ns, series.time_ns, series.seen_ns, *_row(series.value)]
                for text, series in family.series.items()
            ],
        ]
        for family in state.families.values()
    ]
    infos: list[Json] = [[key, info.text, info.seen_ns] for key, info in state.infos.items()]
    whole: Json = {
        "version": VERSION,
        "now": state.now_ns,
        "purged": state.purged_ns,
        "families": rows,
        "infos": infos,
    }
    return zlib.compress(json.dumps(whole, separators=(",", ":")).encode(), _LEVEL)


def load(config: PrometheusConfig, data: bytes) -> State:
    """The state that `dump` wrote.

    Raises:
        StateVersionError: A newer version wrote it.
    """
    whole = json.loads(zlib.decompress(data))
    if whole["version"] > VERSION:
        msg = f"the state has version {whole['version']}, this is version {VERSION}"
        raise StateVersionError(msg)
    state = State(config, now_ns=whole["now"], purged_ns=whole["purged"])
    for name, kind, unit, text, source, rows in whole["families"]:
        family = Family(name, Kind(kind), unit, text, source)
        for labels, start, time, seen, *row in rows:
            family.series[labels] = Series(start, time, seen, _value(row))
        state.adopt(family)
    for key, text, seen in whole["infos"]:
        state.infos[key] = Info(text, seen)
    return state


def _row(value: Value) -> list[Json]:
    """A value as a list that begins with a letter for its type."""
    if isinstance(value, Number):
        return ["n", value.value, _exemplar_row(value.exemplar)]
    if isinstance(value, Histogram):
        exemplars: list[Json] = [
            [index, _exemplar_row(item)] for index, item in value.exemplars.items()
        ]
        return ["h", list(value.bounds), list(value.counts), value.count, value.sum, exemplars]
    if isinstance(value, Exponential):
        return [
            "e",
            value.scale,
            value.count,
            value.sum,
            value.zero_count,
            value.zero_threshold,
            [list(pair) for pair in value.positive.items()],
            [list(pair) for pair in value.negative.items()],
        ]
    return ["s", value.count, value.sum, [list(pair) for pair in value.quantiles]]


def _exemplar_row(exemplar: Exemplar | None) -> list[Json] | None:
    if exemplar is None:
        return None
    return [exemplar.trace_id, exemplar.span_id, exemplar.value, exemplar.time_ns]


def _value(row: list[object]) -> Value:
    match row:
        case ["n", int() | float() as number, exemplar]:
            return Number(number, _exemplar(cast("_ExemplarRow", exemplar)))
        case ["h", list() as bounds, list() as counts, int() as count, total, list() as exemplars]:
            return Histogram(
                tuple(cast("list[float]", bounds)),
                tuple(cast("list[int]", counts)),
                count,
                cast("float | None", total),
                _exemplars(cast("list[tuple[int, _ExemplarRow]]", exemplars)),
            )
        case ["e", int() as scale, int() as count, total, int() as zeros, threshold, plus, minus]:
            return Exponential(
                scale,
                count,
                cast("float | None", total),
                zeros,
                cast("float", threshold),
                dict(cast("list[tuple[int, int]]", plus)),
                dict(cast("list[tuple[int, int]]", minus)),
            )
        case ["s", int() as count, total, quantiles]:
            pairs = cast("list[tuple[float, float]]", quantiles)
            return Summary(count, cast("float", total), tuple((low, high) for low, high in pairs))
        case _:
            msg = f"no value begins with {row[:1]}"
            raise ValueError(msg)


def _exemplar(row: _ExemplarRow) -> Exemplar | None:
    return Exemplar(*row) if row else None


def _exemplars(rows: list[tuple[int, _ExemplarRow]]) -> dict[int, Exemplar]:
    found = {index: _exemplar(row) for index, row in rows}
    return {index: exemplar for index, exemplar in found.items() if exemplar is not None}
