"""Traffic over time, and the input series that show it to the rules.

A scenario is a list of phases with even rates. It is fed as raw counters where the SLI tells
which series mean a good and a bad event, so that the whole chain from the scrape on is
proven; else as the recorded rates, so that everything after the SLI's own expressions is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Final

from slo import names
from slo.emit.proving.events import Kinds, event_kinds, never_ends
from slo.emit.proving.linear import Raw
from slo.emit.yaml import Value
from slo.exact import decimal
from slo.model import Slo
from slo.rules.terms import FIVE_MINUTES, reads_raw, windows_of

Pair = tuple[int, int]
Whole = tuple[int, Pair, Pair, bool]
_NONE: Final = Fraction(0)
GROUPS: Final = ("first", "second")
"""Values of the `by` labels: the budget under test, and a busy one beside it."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Even traffic for some time.

    Attributes:
        seconds: A multiple of the step between samples.
        rate: Events per second; 0 for counters that stand still.
        bad: Bad events per event.
        gone: The targets are gone, there are no series.
    """

    seconds: int
    rate: Fraction
    bad: Fraction = Fraction(0)
    gone: bool = False

    @property
    def whole(self) -> Whole:
        """The same in whole numbers, which are compared and hashed in no time."""
        return self.seconds, self.rate.as_integer_ratio(), self.bad.as_integer_ratio(), self.gone


def _relabelled(kinds: Kinds | None, by: tuple[str, ...], group: str) -> Kinds | None:
    """The same events of another budget: only the values of its labels differ."""
    if kinds is None or not by:
        return kinds
    good, bad = (
        replace(
            events, growth={_of(raw, by, group): growth for raw, growth in events.growth.items()}
        )
        for events in (kinds.good, kinds.bad)
    )
    return Kinds(good, bad)


def _of(raw: Raw, by: tuple[str, ...], group: str) -> Raw:
    pairs = ((name, group if name in by else value) for name, value in raw.labels)
    return Raw(raw.metric, frozenset(pairs))


def metric(name: str, labels: Mapping[str, str]) -> str:
    """A series in Prometheus' notation, labels sorted."""
    pairs = ",".join(f"{key}={_quoted(labels[key])}" for key in sorted(labels))
    return f"{name}{{{pairs}}}"


class Feed:
    """The input series of one SLO.

    Attributes:
        raw: Whether raw counters are fed; else recorded rates are.
        worst: The highest error ratio that its bad events make: mostly 1.
        lasting: Whether all events are told even without series, so that no signal is lost.
    """

    def __init__(self, slo: Slo) -> None:
        self._slo = slo
        found = event_kinds(slo.sli, self.labels(GROUPS[0]))
        self._kinds = {group: _relabelled(found, slo.by, group) for group in GROUPS}
        self.raw = found is not None
        self.lasting = never_ends(slo.sli.total)
        self.worst = found.bad.bad_share if found else Fraction(1)

    def labels(self, group: str) -> dict[str, str]:
        """The `by` labels of a budget."""
        return dict.fromkeys(self._slo.by, group)

    def series(
        self,
        phases: Sequence[Phase],
        group: str,
        *,
        step: int,
        errors: bool,
        more: Mapping[str, str] | None = None,
    ) -> list[Value]:
        """The input of one budget.

        Args:
            phases: What happens, in order.
            group: One of `GROUPS`.
            step: Seconds between samples; phases last a multiple of it.
            errors: Whether the series that count bad events exist at all.
            more: Further labels of raw series; recorded ones have none.
        """
        kinds = self._kinds[group]
        if kinds is None:
            return self._recorded(phases, group, step)
        used = (kinds.good, kinds.bad) if errors else (kinds.good,)
        series = dict.fromkeys(raw for events in used for raw in events.growth)
        named = {raw: _named(_labelled(raw, more)) for raw in series}
        return self._counters(kinds, phases, named, step)

    def _counters(
        self, kinds: Kinds, phases: Sequence[Phase], named: Mapping[Raw, str], step: int
    ) -> list[Value]:
        found: list[Value] = []
        happens = tuple(phase.whole for phase in phases)
        worst = self.worst.as_integer_ratio()
        for raw, series in named.items():
            good, bad = (
                each.growth.get(raw, _NONE).as_integer_ratio() for each in (kinds.good, kinds.bad)
            )
            values = _grown(good, bad, worst, happens, step)
            found.append({"series": series, "values": values})
        return found

    def _recorded(self, phases: Sequence[Phase], group: str, step: int) -> list[Value]:
        identity = {"slo_id": self._slo.slo_id, **self.labels(group)}
        gone = [phase.gone for phase in phases]
        shown: dict[str, list[Fraction | None]] = {
            f"{names.SLI_TOTAL}:rate5m": [phase.rate for phase in phases],
            f"{names.SLI_ERRORS}:rate5m": [phase.rate * phase.bad for phase in phases],
        }
        for window in windows_of(self._slo):
            if window > FIVE_MINUTES and reads_raw(self._slo, window):
                ratios = [phase.bad if phase.rate else None for phase in phases]
                shown[names.error_ratio(window.promql())] = list(ratios)
        return [
            {
                "series": metric(name, identity),
                "values": _gauge(
                    [
                        (phase.seconds, None if away else level)
                        for phase, away, level in zip(phases, gone, levels, strict=True)
                    ],
                    step,
                ),
            }
            for name, levels in shown.items()
        ]


def _labelled(raw: Raw, more: Mapping[str, str] | None) -> Raw:
    return Raw(raw.metric, raw.labels | frozenset(more.items())) if more else raw


@lru_cache(maxsize=256)
def _named(raw: Raw) -> str:
    """The series in Prometheus' notation; the tests of an SLO name the same few."""
    return metric(raw.metric, dict(raw.labels))


@lru_cache(maxsize=4096)
def _grown(good: Pair, bad: Pair, worst: Pair, phases: tuple[Whole, ...], step: int) -> str:
    """A counter that grows by `good` for each good event, and by `bad` for each of the others.

    `worst` is the share of those that count as bad. Many SLOs have the same numbers, and
    exact ones take their time: all come as numerator and denominator.
    """
    each = Fraction(*good)
    more = (Fraction(*bad) - each) / Fraction(*worst)
    return _counter(
        (
            (seconds, None if gone else (each + more * Fraction(*share)) * Fraction(*rate))
            for seconds, rate, share, gone in phases
        ),
        step,
    )


def _counter(pieces: Iterable[tuple[int, Fraction | None]], step: int) -> str:
    """A counter from 0 on; None as growth per second ends it."""
    value = Fraction(0)
    words = ["0"]
    for seconds, growth in pieces:
        if growth is None:
            words.extend(_nothing(seconds, step))
            continue
        count, increase = seconds // step, growth * step
        words.append(f"{decimal(value + increase)}+{decimal(increase)}x{count - 1}")
        value += increase * count
    return " ".join(words)


def _gauge(pieces: Iterable[tuple[int, Fraction | None]], step: int) -> str:
    words: list[str] = []
    for seconds, level in pieces:
        count = seconds // step + (0 if words else 1)
        if level is None:
            words.extend(_nothing(count * step, step))
        else:
            words.append(f"{decimal(level)}+0x{count - 1}")
    return " ".join(words)


def _nothing(seconds: int, step: int) -> Iterator[str]:
    """No samples for so long, and no looking back at older ones."""
    yield "stale"
    if seconds // step > 1:
        yield f"_x{seconds // step - 1}"


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text or "\n" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'
