"""Samples on their way into a database: series as columns, written as OpenMetrics text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_SAMPLES = 50_000_000
"""Samples that one replay takes: about 3 GB of text on disk, and two minutes to read it."""


class TooMuchError(RuntimeError):
    """More samples than a replay takes; the message says how many it takes."""


@dataclass(frozen=True, slots=True)
class Samples:
    """One series and its samples.

    Attributes:
        name: Of the metric.
        labels: Without the name.
        times: Seconds since 1970, ascending, to the millisecond.
        values: As many; text is taken for a number that Prometheus wrote.
    """

    name: str
    labels: Mapping[str, str]
    times: Sequence[float]
    values: Sequence[float | int | str]


def write(path: Path, series: Iterable[Samples], limit: int = MAX_SAMPLES) -> int:
    """Write `series` to `path` as OpenMetrics, families together; the number of samples.

    Raises:
        TooMuchError: There are more than `limit`.
    """
    families: dict[str, list[Samples]] = {}
    count = 0
    for one in series:
        count += len(one.times)
        if count > limit:
            msg = f"a replay takes {limit} samples at most: take a shorter time or fewer series"
            raise TooMuchError(msg)
        families.setdefault(one.name, []).append(one)
    with path.open("w", encoding="utf-8") as sink:
        for name in sorted(families):
            sink.write(f"# TYPE {name} unknown\n")
            for one in families[name]:
                sink.writelines(_lines(one))
        sink.write("# EOF\n")
    return count


def _lines(one: Samples) -> Iterator[str]:
    inside = ",".join(f"{key}={_quoted(text)}" for key, text in sorted(one.labels.items()))
    head = f"{one.name}{{{inside}}}"
    for time, value in zip(one.times, one.values, strict=True):
        yield f"{head} {value} {time}\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
