"""Configuration of `filter`: conditions in OTTL by kind of item; one that holds drops the item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from collectors.component import Config
from collectors.ottl import CONTEXTS, Condition


def _checked(context: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        Condition(text, CONTEXTS[context])
        return text

    return check


SpanCondition = Annotated[str, AfterValidator(_checked("span"))]
MetricCondition = Annotated[str, AfterValidator(_checked("metric"))]
PointCondition = Annotated[str, AfterValidator(_checked("datapoint"))]
RecordCondition = Annotated[str, AfterValidator(_checked("log_record"))]


class TracesConfig(Config):
    """Conditions on spans."""

    span: list[SpanCondition] = Field(default_factory=list[str])


class MetricsConfig(Config):
    """Conditions on metrics, and on the data points of those that stay."""

    metric: list[MetricCondition] = Field(default_factory=list[str])
    datapoint: list[PointCondition] = Field(default_factory=list[str])


class LogsConfig(Config):
    """Conditions on log records."""

    log_record: list[RecordCondition] = Field(default_factory=list[str])


class FilterConfig(Config):
    """Configuration of `filter`.

    Attributes:
        error_mode: Taken, and without effect: a condition that was accepted cannot fail.
    """

    error_mode: Literal["propagate", "ignore", "silent"] = "propagate"
    traces: TracesConfig = TracesConfig()
    metrics: MetricsConfig = MetricsConfig()
    logs: LogsConfig = LogsConfig()
