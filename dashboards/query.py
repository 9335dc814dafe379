"""What a panel asks of a data source.

Each query carries its data source as an object of type and uid; the uid is a variable of
the dashboard, so one file serves every Grafana.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from dashboards.notation import Json

PROMETHEUS_VARIABLE: Final = "prometheus_datasource"
PROMETHEUS: Final[Json] = {"type": "prometheus", "uid": f"${{{PROMETHEUS_VARIABLE}}}"}
MIXED: Final[Json] = {"type": "datasource", "uid": "-- Mixed --"}


class Query(Protocol):
    """Anything that becomes one entry of a panel's `targets`."""

    @property
    def source(self) -> Json:
        """The data source, as type and uid."""
        ...

    def to_json_data(self) -> Json:
        """The entry, complete."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Prom:
    """A PromQL query.

    Attributes:
        ref: Its name in the panel; overrides and transformations refer to it.
        legend: Name of the series, ``{{label}}`` filled in.
        instant: One value at the end of the range instead of a line over it.
        table: Answer as rows with a column per label. Implies that `instant` is wanted.
        exemplar: Ask for exemplars too; of use on raw histograms only.
        interval: Shortest step, as Grafana writes it; empty for its own choice.
    """

    expr: str
    ref: str = "A"
    legend: str = ""
    instant: bool = False
    table: bool = False
    exemplar: bool = False
    interval: str = ""

    @property
    def source(self) -> Json:
        """The data source, as type and uid."""
        return PROMETHEUS

    def to_json_data(self) -> Json:
        """The entry, complete."""
        instant = self.instant or self.table
        entry: Json = {
            "datasource": PROMETHEUS,
            "editorMode": "code",
            "exemplar": self.exemplar,
            "expr": self.expr,
            "format": "table" if self.table else "time_series",
            "instant": instant,
            "legendFormat": self.legend or "__auto",
            "range": not instant,
            "refId": self.ref,
        }
        if self.interval:
            entry["interval"] = self.interval
        return entry


def quantile(share: str, by: str, rates: str) -> str:
    """The value that `share` of observations stay below, per label `by`.

    Without observations Prometheus answers NaN, which Grafana would show as such; the
    comparison drops it, so that the panel says why there is nothing.

    Args:
        share: As PromQL writes it: ``0.95``.
        by: One label.
        rates: Rates of a histogram's buckets.
    """
    return f"histogram_quantile({share}, sum by (le, {by}) ({rates})) >= 0"


def quoted(value: str) -> str:
    r"""`value` as a PromQL string literal.

    A dollar is written ``\x24``, so that Grafana does not take it for a variable.
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + escaped.replace("$", "\\x24") + '"'


def any_of(values: list[str]) -> str:
    """A PromQL string literal that matches exactly `values`, for use after ``=~``."""
    return quoted("|".join(_regex_literal(value) for value in values))


def _regex_literal(value: str) -> str:
    return "".join("\\" + char if char in r"\.+*?()|[]{}^$" else char for char in value)
