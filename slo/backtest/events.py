"""A file of events becomes counters, as if somebody had scraped them.

CSV with a header, or one JSON object per line: `time` (Unix seconds, or ISO 8601; without an
offset it is UTC), `good` and `bad` (how many, 0 or more), `slo` where the file speaks of
several SLOs, and the labels of `by`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

import numpy as np

from slo.model import Sli, SliKind, Slo
from slo.replay import Samples

METRIC: Final = "backtest_events_total"
MAX_ROWS: Final = 5_000_000
_LEAD_SECONDS: Final = 600
"""Counters stand at zero before the first event, as those of a running process do."""


class EventsError(ValueError):
    """The file cannot be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Row:
    """Events of one moment, seconds since 1970."""

    time: float
    good: float
    bad: float
    slo: str
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Events:
    """Everything in a file, ordered by time; at least one row."""

    rows: tuple[Row, ...]

    @property
    def start(self) -> int:
        """When the counters begin, a whole multiple of 10 minutes before the first event."""
        return (int(self.rows[0].time) // _LEAD_SECONDS - 1) * _LEAD_SECONDS

    @property
    def end(self) -> int:
        """The whole 5 minutes in which the last event falls, and as many more."""
        return (int(self.rows[-1].time) // 300 + 2) * 300

    def of(self, slo: Slo) -> Events:
        """The rows that speak of `slo`: those that name it, or name none.

        Raises:
            EventsError: There is none, or a label of `by` is missing.
        """
        known = {"", slo.slo_id, slo.name}
        rows = tuple(row for row in self.rows if row.slo in known)
        if not rows:
            spoken = ", ".join(sorted({row.slo for row in self.rows}))
            msg = f"no event in the file is of {slo.slo_id}, only of {spoken}; --slo ID takes one"
            raise EventsError(msg)
        for row in rows:
            missing = set(slo.by) - {key for key, _ in row.labels}
            if missing:
                msg = f"{slo.slo_id} has a budget for each {', '.join(slo.by)}, got events without"
                raise EventsError(msg)
        return Events(rows)

    def series(self, slo: Slo, scrape_seconds: float) -> Iterator[Samples]:
        """The counters of `slo` as they are scraped: one good and one bad for each budget."""
        groups: dict[tuple[tuple[str, str], ...], list[Row]] = {}
        for row in self.rows:
            labels = tuple(pair for pair in row.labels if pair[0] in slo.by)
            groups.setdefault(labels, []).append(row)
        times = np.arange(self.start, self.end + 1, scrape_seconds)
        for labels, rows in groups.items():
            at = np.searchsorted(times, [row.time for row in rows])
            for outcome, counts in (
                ("good", [row.good for row in rows]),
                ("bad", [row.bad for row in rows]),
            ):
                gained = np.bincount(at, weights=counts, minlength=len(times))
                names = {**dict(labels), "slo": slo.slo_id, "outcome": outcome}
                yield Samples(METRIC, names, times.tolist(), np.cumsum(gained).tolist())


def counted(slo: Slo) -> Slo:
    """`slo` as it would be if its events were those counters."""
    by = f"sum by ({', '.join(slo.by)})" if slo.by else "sum"
    bad, every = (
        f'{by} (rate({METRIC}{{slo="{slo.slo_id}"{outcome}}}[$window]))'
        for outcome in (',outcome="bad"', "")
    )
    return replace(slo, sli=Sli(SliKind.EVENTS, bad, every))


def read_events(path: Path) -> Events:
    """Read the file at `path`.

    Raises:
        EventsError: A line is not of the format, there are too many, or there is none.
        OSError: It cannot be read.
    """
    rows: list[Row] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line, record in _records(file):
                rows.append(_row(record, f"{path}:{line}"))
                if len(rows) > MAX_ROWS:
                    msg = f"{path} has more than {MAX_ROWS} lines: add up the events of a minute"
                    raise EventsError(msg)
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"{path} is neither CSV nor JSON lines: {error}"
        raise EventsError(msg) from error
    if not rows:
        msg = f"{path} holds no event"
        raise EventsError(msg)
    rows.sort(key=lambda row: row.time)
    return Events(tuple(rows))


def _records(file: Iterable[str]) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Each record with its line, from 1."""
    lines = iter(file)
    first = next((line for line in lines if line.strip()), "")
    if not first.lstrip().startswith("{"):
        header = [name.strip() for name in next(csv.reader([first]), [])]
        for number, cells in enumerate(csv.reader(lines), 2):
            if cells:
                yield number, dict(zip(header, (cell.strip() for cell in cells), strict=False))
        return
    for number, line in enumerate((first, *lines), 1):
        if line.strip():
            yield number, _object(line, number)


def _object(line: str, number: int) -> Mapping[str, object]:
    try:
        value = cast("object", json.loads(line))
    except ValueError as error:
        msg = f"line {number} is not JSON: {error}"
        raise EventsError(msg) from error
    if not isinstance(value, dict):
        msg = f"line {number} must be a JSON object"
        raise EventsError(msg)
    return cast("Mapping[str, object]", value)


def _row(record: Mapping[str, object], place: str) -> Row:
    if "time" not in record or not {"good", "bad"} & set(record):
        msg = f"{place}: an event needs time, and good or bad, got {', '.join(record) or 'nothing'}"
        raise EventsError(msg)
    known: Sequence[str] = ("time", "good", "bad", "slo")
    labels = tuple(sorted((key, str(text)) for key, text in record.items() if key not in known))
    try:
        return Row(
            _time(str(record["time"])),
            _count(record.get("good")),
            _count(record.get("bad")),
            str(record.get("slo", "")),
            labels,
        )
    except ValueError as error:
        msg = f"{place}: {error}"
        raise EventsError(msg) from error


def _time(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not 1e8 < seconds < 1e11:
        msg = f"time must be in seconds since 1970, or ISO 8601, got {text}"
        raise ValueError(msg)
    return seconds


def _count(value: object) -> float:
    if value is None or value == "":
        return 0.0
    count = float(str(value))
    if not 0 <= count < 1e15:
        msg = f"a number of events must be 0 or more, got {value}"
        raise ValueError(msg)
    return count
