"""What two configurations keep, in words: for people, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from collectors.cli.rehearsal import Rehearsal, Seen
from collectors.cli.tally import MOST_SLOS, Sums, Tally, only_in, sums
from collectors.cli.times import at
from collectors.sampling.index_kernel import Rows

_COLUMN: Final = 22
_ERROR: Final = "an error"


@dataclass(frozen=True, slots=True)
class Example:
    """A trace that one keeps and the other does not."""

    trace_id: str
    spans: int
    duration_ms: int
    kept_by: str
    otherwise: str
    has: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """The traces that only `keeper` keeps."""

    keeper: str
    traces: int
    spans: int
    size_bytes: int
    examples: Sequence[Example]


class Compared:
    """Both at the end of the inbox."""

    def __init__(
        self, seen: Seen, current: Rehearsal | None, candidate: Rehearsal, seconds: float
    ) -> None:
        """Add up.

        Args:
            seen: What they were given.
            current: None where what runs has no sampler, and keeps all.
            candidate: The other one.
            seconds: How long it took.
        """
        self.seen = seen
        self.seconds = seconds
        self.tallies: list[Tally] = [one.tally for one in (current, candidate) if one is not None]
        self.has_current = current is not None
        self._rows = [tally.traces() for tally in self.tallies]
        self.sums: list[Sums] = [
            sums(tally, rows) for tally, rows in zip(self.tallies, self._rows, strict=True)
        ]

    def differences(self, examples: int) -> list[Difference]:
        """What only one of them keeps, each way."""
        if not self.has_current:
            return []
        return [self._difference(0, 1, examples), self._difference(1, 0, examples)]

    def _difference(self, keeper: int, other: int, examples: int) -> Difference:
        rows, places = only_in(self._rows[keeper], self._rows[other])
        # Those that say most: with an error, a bad event, many spans; then by id.
        order = np.lexsort((rows["low"], rows["high"], -rows["spans"].astype(int), -_weight(rows)))
        chosen = order[:examples]
        made = [
            Example(
                trace_id=_id(rows[row]),
                spans=int(rows["spans"][row]),
                duration_ms=int(rows["ms"][row]),
                kept_by=self.tallies[keeper].by(rows[row]),
                otherwise=self._otherwise(other, int(places[row])),
                has=_marks(self.tallies[keeper], int(rows["marks"][row])),
            )
            for row in chosen
        ]
        return Difference(
            self.tallies[keeper].name,
            len(rows),
            int(rows["spans"].sum()),
            int(rows["size"].sum()),
            made,
        )

    def _otherwise(self, other: int, place: int) -> str:
        if place < 0:
            return "did not reach a sampler"
        by = self.tallies[other].by(self._rows[other][place])
        return f"dropped by {by}" if by else "no policy wants it"


def as_json(compared: Compared, examples: int) -> str:
    """Everything, for programs."""
    seen = compared.seen
    words = {
        "inbox": {
            "requests": seen.requests,
            "spans": seen.spans,
            "bytes": seen.size_bytes,
            "from": at(seen.first_ns),
            "to": at(seen.last_ns),
        },
        "seconds": round(compared.seconds, 3),
        "configurations": [
            _configuration(compared, place) for place in range(len(compared.tallies))
        ],
        "differences": [
            {
                "onlyKeptBy": one.keeper,
                "traces": one.traces,
                "spans": one.spans,
                "bytes": one.size_bytes,
                "examples": [
                    {
                        "traceId": of.trace_id,
                        "spans": of.spans,
                        "durationMs": of.duration_ms,
                        "keptBy": of.kept_by,
                        "otherwise": of.otherwise,
                        "has": of.has,
                    }
                    for of in one.examples
                ],
            }
            for one in compared.differences(examples)
        ],
    }
    return json.dumps(words, indent=2, ensure_ascii=False)


def _configuration(compared: Compared, place: int) -> dict[str, object]:
    tally, of = compared.tallies[place], compared.sums[place]
    return {
        "name": tally.name,
        "traces": of.traces,
        "keptTraces": of.kept_traces,
        "keptSpans": of.kept_spans,
        "keptBytes": of.kept_bytes,
        "ratio": _share(of.kept_spans, compared.seen.spans),
        "lateSpans": tally.late_spans,
        "unfinishedTraces": tally.unfinished,
        "unroutedSpans": tally.unrouted,
        "errors": _of(of, _ERROR),
        "badEvents": {name: _of(of, name) for name in tally.marks.slos},
        "samplers": [
            {
                "sampler": sampler,
                "policies": [
                    {"policy": name, "wanted": count.wanted, "decided": count.decided}
                    for name, count in policies.items()
                ],
            }
            for sampler, policies in zip(tally.samplers, tally.policies, strict=True)
        ],
    }


def _of(of: Sums, mark: str) -> dict[str, int]:
    traces, kept = of.marked[mark]
    return {"traces": traces, "kept": kept, "lost": traces - kept}


def as_text(compared: Compared, examples: int) -> str:
    """Everything, for people."""
    lines = [*_head(compared), "", *_table(compared)]
    for tally in compared.tallies:
        lines += ["", *_policies(tally)]
    for one in compared.differences(examples):
        lines += ["", *_told(one)]
    lines += _remarks(compared)
    return "\n".join(lines)


def _head(compared: Compared) -> Iterator[str]:
    seen = compared.seen
    yield (
        f"{seen.spans:,} spans in {seen.requests:,} requests, {seen.size_bytes:,} bytes, "
        f"from {at(seen.first_ns)} to {at(seen.last_ns)}"
    )


def _table(compared: Compared) -> Iterator[str]:
    yield _line("", *(tally.name for tally in compared.tallies))
    every = compared.sums
    seen = compared.seen
    yield _line("traces", *(f"{of.traces:,}" for of in every))
    yield _line("traces kept", *(_part(of.kept_traces, of.traces) for of in every))
    yield _line("spans kept", *(_part(of.kept_spans, seen.spans) for of in every))
    yield _line("bytes kept", *(_part(of.kept_bytes, seen.size_bytes) for of in every))
    for place, leaf in enumerate(compared.tallies[0].marks.leaves):
        name = "with an error" if leaf == _ERROR and not place else f"bad for {leaf}"
        cells = [of.marked[leaf] for of in every]
        if place and not any(traces for traces, _ in cells):
            continue
        yield _line(name, *(_lost(traces, kept) for traces, kept in cells))


def _policies(tally: Tally) -> Iterator[str]:
    for sampler, policies in zip(tally.samplers, tally.policies, strict=True):
        yield _line(f"{tally.name}: {sampler}", "traces wanted", "and decided on")
        for name, count in policies.items():
            yield _line(f"  {name}", f"{count.wanted:,}", f"{count.decided:,}")


def _told(one: Difference) -> Iterator[str]:
    if not one.traces:
        yield f"only the {one.keeper} configuration keeps: nothing"
        return
    traces, spans = _count(one.traces, "trace"), _count(one.spans, "span")
    yield f"only the {one.keeper} configuration keeps {traces}, {spans}, {one.size_bytes:,} bytes"
    for of in one.examples:
        has = f", {', '.join(of.has)}" if of.has else ""
        yield (
            f"  {of.trace_id}  {_count(of.spans, 'span')}, {of.duration_ms} ms{has}: "
            f"kept by {of.kept_by or 'chance'}, otherwise {of.otherwise}"
        )


def _remarks(compared: Compared) -> list[str]:
    found: list[str] = []
    for tally in compared.tallies:
        if tally.unfinished:
            found.append(
                f"{_count(tally.unfinished, 'trace')} of the {tally.name} configuration "
                "had still to wait at the end of the inbox, and may not be whole"
            )
        if tally.unrouted:
            found.append(
                f"{_count(tally.unrouted, 'span')} came from receivers that the {tally.name} "
                "configuration does not have in traces"
            )
        if len(tally.marks.slos) == MOST_SLOS:
            found.append(f"only the first {MOST_SLOS} SLOs were looked at")
    if not compared.has_current:
        found.append("the current configuration has no tail_sampling: it keeps all of this")
    if compared.seen.passed_over:
        requests = _count(compared.seen.passed_over, "request")
        found.append(f"{requests} that ended the daemon, and that it left out then, came here too")
    return ["", *found] if found else []


def _line(name: str, *cells: str) -> str:
    return f"{name:<34}{''.join(f'{cell:>{_COLUMN}}' for cell in cells)}".rstrip()


def _part(kept: int, of: int) -> str:
    return f"{kept:,} ({_share(kept, of):.1%})"


def _lost(traces: int, kept: int) -> str:
    return f"{kept:,} of {traces:,}, {traces - kept:,} lost" if traces else "-"


def _share(kept: int, of: int) -> float:
    return kept / of if of else 0.0


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _weight(rows: Rows) -> Rows:
    """How many of its spans' questions a trace answers with yes."""
    return np.bitwise_count(rows["marks"]).astype(int) if len(rows) else rows["ms"].astype(int)


def _id(row: Rows) -> str:
    return bytes(np.array([row["high"], row["low"]], np.uint64).tobytes()).hex()


def _marks(tally: Tally, marks: int) -> tuple[str, ...]:
    return tuple(
        leaf if not place else f"bad for {leaf}"
        for place, leaf in enumerate(tally.marks.leaves)
        if marks >> place & 1
    )
