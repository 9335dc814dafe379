"""Grafana's variables replaced by what they stand for, so that a query can be run.

Source: Grafana, "Global variables" and the Prometheus data source's `$__rate_interval`:
the larger of the step plus one scrape interval, and four scrape intervals.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_SCRAPES_PER_RATE: Final = 4
_NAME: Final = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)")


@dataclass(frozen=True, slots=True)
class Moment:
    """When and how finely a dashboard looks.

    Attributes:
        range_seconds: From its start to its end.
        step_seconds: Distance of two points.
        scrape_seconds: `timeInterval` of the data source.
    """

    range_seconds: int
    step_seconds: int
    scrape_seconds: int

    def built_in(self) -> Mapping[str, str]:
        """Grafana's own variables."""
        rate = max(self.step_seconds + self.scrape_seconds, _SCRAPES_PER_RATE * self.scrape_seconds)
        return {
            "__interval": f"{self.step_seconds}s",
            "__rate_interval": f"{rate}s",
            "__range": f"{self.range_seconds}s",
            "__range_s": str(self.range_seconds),
        }


def expanded(expr: str, moment: Moment, values: Mapping[str, str]) -> str:
    """`expr` with every variable replaced; an unknown one stays as it is."""
    known = {**values, **moment.built_in()}

    def replaced(match: re.Match[str]) -> str:
        return known.get(match.group(1) or match.group(2), match.group(0))

    return _NAME.sub(replaced, expr)


def names_in(text: str) -> frozenset[str]:
    """The variables that `text` uses, Grafana's own (``__range``) included."""
    return frozenset(match.group(1) or match.group(2) for match in _NAME.finditer(text))
