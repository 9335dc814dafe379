"""The PromQL that rules are composed of. Whatever is composed is parsed before it is used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import promql_parser as pp

from slo import names
from slo.exact import Duration, Ratio
from slo.model import SliKind, Slo, Tier
from slo.promql import bind, form

FIVE_MINUTES: Final = Duration.parse("5m")
RAW_UP_TO: Final = Duration.parse("1h")
"""Windows up to this read the raw series: a derived one trails by half of its 5 minutes, which
is most of the detection time of a fast tier."""
SLOW_FROM: Final = Duration.parse("1d")
"""Windows from this on are sums of 5-minute tiles, evaluated in the slow group."""
SHOWN: Final = tuple(Duration.parse(window) for window in ("5m", "1h", "6h", "1d", "3d"))
"""Windows that are recorded for every SLO, whatever its policy: dashboards show them."""
_TRAIL: Final = FIVE_MINUTES.ms // 1000
"""Seconds for which a rate over 5 minutes still shows what was in a span that is left out."""


def checked(expr: str) -> str:
    """`expr`, after the parser has read it.

    Raises:
        PromqlError: It does not parse: what was composed is wrong.
    """
    form(expr)
    return expr


def windows_of(slo: Slo) -> tuple[Duration, ...]:
    """The windows that are recorded: those of dashboards, and those that decide when a tier fires.

    A tier over more than an hour is told by its long window; its short one only ends the
    alert. It is derived from recorded rates where it is read, and costs no series.
    """
    return _windows(slo.alerting.tiers)


@lru_cache(maxsize=1024)
def _windows(tiers: tuple[Tier, ...]) -> tuple[Duration, ...]:
    windows = set(SHOWN)
    for tier in tiers:
        windows.add(tier.long)
        short = tier.short
        if short is not None and (short <= FIVE_MINUTES or tier.long <= RAW_UP_TO):
            windows.add(short)
    return tuple(sorted(windows))


def reads_raw(slo: Slo, window: Duration) -> bool:
    """Whether the error ratio over `window` is read from raw series, and trails by nothing.

    A budget that leaves time out is read from recorded rates only, where that time is zero;
    and so is one that is made of others.
    """
    derived = slo.excluded or slo.sli.kind is SliKind.COMPOSITE
    return not derived and window <= RAW_UP_TO and window in windows_of(slo)


def tiles_of(window: Duration) -> str:
    """The subquery's range and step that hold the tiles of `window`, each once.

    Half a tile is left away at the start: Prometheus before 3.0 counts both ends of a range.
    """
    return f"{Duration(window.ms - FIVE_MINUTES.ms // 2).promql()}:{FIVE_MINUTES.promql()}"


@dataclass(frozen=True, slots=True)
class Terms:
    """The series of one SLO.

    Attributes:
        slo: Whose terms these are.
        errors: Its errors template, in parentheses where an operator would tear it apart.
        total: Its total template, likewise.
        windows: The windows whose error ratio is recorded, ascending.
    """

    slo: Slo
    errors: str
    total: str
    windows: tuple[Duration, ...]

    @classmethod
    def of(cls, slo: Slo) -> Terms:
        """Read the templates of `slo` once."""
        return cls(slo, _closed(slo.sli.errors), _closed(slo.sli.total), windows_of(slo))

    def select(self, series: str) -> str:
        """The recorded `series` of this SLO: ``slo:objective:ratio{slo_id="..."}``."""
        return f'{series}{{slo_id="{self.slo.slo_id}"}}'

    def raw_total(self, window: Duration) -> str:
        """All events per second over `window`, from the raw series."""
        return f"{bind(self.total, window)}{self._kept}"

    def raw_errors(self, window: Duration) -> str:
        """Bad events per second; zero where there are events but no series of errors yet.

        Over more than 5 minutes the zero comes from the recorded total: it costs one sample
        and not all of the window. The identity, which the rule adds, is taken off, or both
        sides of `or` would be there.
        """
        zero = self.raw_total(window)
        if window > FIVE_MINUTES:
            zero = f"sum without (slo_id) ({self.select(f'{names.SLI_TOTAL}:rate5m')})"
        return f"{bind(self.errors, window)}{self._kept} or 0 * {zero}"

    @property
    def _kept(self) -> str:
        """A factor: 0 in the spans that the budget leaves out and while rates show them, else 1.

        A factor and not a filter: where nothing is, `SLOSignalLost` would be told.
        """
        return "".join(
            f" * (1 - (time() >= bool {start}) * (time() < bool {end + _TRAIL}))"
            for start, end in self.slo.excluded
        )

    def counted(self) -> str:
        """True outside of the spans that the budget leaves out; empty where there are none."""
        return f"vector(1{self._kept}) > 0" if self.slo.excluded else ""

    def derived(self, window: Duration) -> str:
        """The error ratio over `window` from recorded rates, weighted by events."""
        of, span = "rate5m", window.promql()
        if window >= SLOW_FROM:
            of, span = "avg5m", tiles_of(window)
        errors, total = (
            f"sum_over_time({self.select(f'{series}:{of}')}[{span}])"
            for series in (names.SLI_ERRORS, names.SLI_TOTAL)
        )
        return f"{errors} / ({total} > 0)"

    @property
    def same_budget(self) -> str:
        """Matches terms of one budget: ``and on (slo_id, agent)``."""
        return f"and on ({', '.join(('slo_id', *self.slo.by))})"

    def every(self, conditions: Iterable[str]) -> str:
        """All `conditions` on one budget, one per line; the value is the first one's."""
        return checked(f"\n{self.same_budget} ".join(conditions))

    def ratio_above(self, window: Duration, threshold: Ratio) -> str:
        """The error ratio over `window`, recorded or derived, is above `threshold`."""
        if window in self.windows:
            series = self.select(names.error_ratio(window.promql()))
        else:
            series = self.derived(window)
        return f"{series} > {threshold.promql()}"


def _closed(template: str) -> str:
    torn = isinstance(form(template), pp.BinaryExpr | pp.UnaryExpr)
    return f"({template})" if torn else template
