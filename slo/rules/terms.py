"""The PromQL that rules are composed of. Whatever is composed is parsed before it is used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import promql_parser as pp

from slo import names
from slo.exact import Duration, Ratio
from slo.model import Slo
from slo.promql import bind, parse

FIVE_MINUTES: Final = Duration.parse("5m")
RAW_UP_TO: Final = Duration.parse("1h")
"""Windows up to this read the raw series: a derived one trails by half of its 5 minutes, which
is most of the detection time of a fast tier."""
SLOW_FROM: Final = Duration.parse("1d")
"""Windows from this on are sums of 5-minute tiles, evaluated in the slow group."""


def checked(expr: str) -> str:
    """`expr`, after the parser has read it.

    Raises:
        PromqlError: It does not parse: what was composed is wrong.
    """
    parse(expr)
    return expr


@dataclass(frozen=True, slots=True)
class Terms:
    """The series of one SLO.

    Attributes:
        slo: Whose terms these are.
        errors: Its errors template, in parentheses where an operator would tear it apart.
        total: Its total template, likewise.
    """

    slo: Slo
    errors: str
    total: str

    @classmethod
    def of(cls, slo: Slo) -> Terms:
        """Read the templates of `slo` once."""
        return cls(slo, _closed(slo.sli.errors), _closed(slo.sli.total))

    def select(self, series: str) -> str:
        """The recorded `series` of this SLO: ``slo:objective:ratio{slo_id="..."}``."""
        return f'{series}{{slo_id="{self.slo.slo_id}"}}'

    def raw_total(self, window: Duration) -> str:
        """All events per second over `window`, from the raw series."""
        return bind(self.total, window)

    def raw_errors(self, window: Duration) -> str:
        """Bad events per second; zero where there are events but no series of errors yet."""
        return f"{bind(self.errors, window)} or 0 * {self.raw_total(window)}"

    @property
    def same_budget(self) -> str:
        """Matches terms of one budget: ``and on (slo_id, agent)``."""
        return f"and on ({', '.join(('slo_id', *self.slo.by))})"

    def every(self, conditions: Iterable[str]) -> str:
        """All `conditions` on one budget, one per line; the value is the first one's."""
        return checked(f"\n{self.same_budget} ".join(conditions))

    def ratio_above(self, window: Duration, threshold: Ratio) -> str:
        """The recorded error ratio over `window` is above `threshold`."""
        series = self.select(names.error_ratio(window.promql()))
        return f"{series} > {threshold.promql()}"


def _closed(template: str) -> str:
    torn = isinstance(parse(template), pp.BinaryExpr | pp.UnaryExpr)
    return f"({template})" if torn else template
