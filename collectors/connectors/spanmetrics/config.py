"""Configuration of `spanmetrics`, with the Collector's names and defaults."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from collectors.component import Config
from collectors.counting import Exponents, series_bytes
from collectors.net.fields import SECOND, Count, Nanoseconds, Positive, Size, differs

MILLISECOND: Final = SECOND // 1000
UNITS_NS: Final = {"ms": MILLISECOND, "s": SECOND}

SERVICE: Final = "service.name"
SPAN_NAME: Final = "span.name"
SPAN_KIND: Final = "span.kind"
STATUS_CODE: Final = "status.code"
ALWAYS: Final = (SERVICE, SPAN_NAME, SPAN_KIND, STATUS_CODE)
"""Dimensions that every series has unless they are excluded."""

SCOPE_NAME: Final = "span.instrumentation.scope.name"
SCOPE_VERSION: Final = "span.instrumentation.scope.version"

Always = Literal["service.name", "span.name", "span.kind", "status.code"]

CUMULATIVE: Final = "AGGREGATION_TEMPORALITY_CUMULATIVE"
DELTA: Final = "AGGREGATION_TEMPORALITY_DELTA"

MOST_BUCKETS: Final = 10_000
"""Most exponential buckets of a series: what `aggregate` and its like still take as sane."""

_BUCKETS_MS: Final = (2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10000, 15000)


def _not_always(value: str) -> str:
    if value in ALWAYS:
        msg = f"is a dimension already, got {value!r}"
        raise ValueError(msg)
    return value


class DimensionConfig(Config):
    """A dimension: an attribute of the span, else of its resource, else `default`.

    Attributes:
        default: None leaves the attribute out where neither has it.
    """

    name: Annotated[str, Field(min_length=1), AfterValidator(_not_always)]
    default: str | None = None


Dimensions = list[DimensionConfig]


class ExplicitConfig(Config):
    """Buckets with bounds.

    Attributes:
        buckets: Upper bounds, ascending; a span just as long as a bound is below it.
    """

    buckets: Annotated[list[Nanoseconds], Field(min_length=1)] = Field(
        default_factory=lambda: [bound * MILLISECOND for bound in _BUCKETS_MS]
    )

    @field_validator("buckets")
    @classmethod
    def _ascend(cls, value: list[int]) -> list[int]:
        if any(low >= high for low, high in pairwise(value)):
            msg = "must ascend, each bound once"
            raise ValueError(msg)
        return value


class ExponentialConfig(Config):
    """Buckets of exponential width, as fine as `max_size` of them allow.

    Attributes:
        max_size: Most buckets of a series.
        max_bytes: What the buckets of all series of all resources may take; what comes beyond
            is counted in one more series of its resource, ``otel.metric.overflow="true"``.
    """

    max_size: Annotated[int, Field(ge=2, le=MOST_BUCKETS)] = 160
    max_bytes: Size = Field(default=64 << 20, json_schema_extra=differs("(no limit)"))

    @field_validator("max_bytes")
    @classmethod
    def _holds_a_series(cls, value: int, info: ValidationInfo) -> int:
        needed = series_bytes(info.data.get("max_size", 2))
        if value < needed:
            msg = f"must hold one series, which takes {needed} bytes, got {value}"
            raise ValueError(msg)
        return value


class HistogramConfig(Config):
    """The histogram of durations; its buckets are explicit where neither kind is given."""

    disable: bool = False
    unit: Literal["ms", "s"] = "ms"
    exponential: ExponentialConfig | None = None
    explicit: ExplicitConfig | None = Field(default=None, validate_default=True)
    dimensions: Dimensions = Field(default_factory=list[DimensionConfig])

    @field_validator("explicit")
    @classmethod
    def _either(cls, value: ExplicitConfig | None, info: ValidationInfo) -> ExplicitConfig | None:
        if info.data.get("exponential") is None:
            return value or ExplicitConfig()
        if value is not None:
            msg = "is given with exponential: a histogram has buckets of one kind, drop one"
            raise ValueError(msg)
        return value

    @property
    def buckets(self) -> tuple[int, ...] | Exponents:
        """What `Table` counts in."""
        if self.exponential is not None:
            of = self.exponential
            return Exponents(of.max_size, UNITS_NS[self.unit], of.max_bytes)
        return tuple((self.explicit or ExplicitConfig()).buckets)


class ExemplarsConfig(Config):
    """Traces beside the metrics: the slowest spans of each series since the last flush."""

    enabled: bool = False
    max_per_data_point: Positive = 5


class EventsConfig(Config):
    """The counter of the events of spans, such as exceptions.

    Attributes:
        dimensions: Of this counter alone: an attribute of the span, else of the event, else of
            the resource, else `default`. It needs one, or it would count spans' calls over.
    """

    enabled: bool = False
    dimensions: Dimensions = Field(default_factory=list[DimensionConfig])

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if self.enabled and not self.dimensions:
            msg = "dimensions must name an attribute of events, such as exception.type"
            raise ValueError(msg)
        return self


class SpanMetricsConfig(Config):
    """Configuration of `spanmetrics`.

    Attributes:
        calls_dimensions: Dimensions of the counter alone, as `histogram.dimensions` are of
            the histogram alone.
        metrics_expiration: A resource without a span for so long is let go; 0 never.
        series_expiration: So is a series.
        resource_metrics_cache_size: Most resources; the one longest without a span goes.
        resource_metrics_key_attributes: Resource attributes that tell resources apart;
            empty for all of them.
        aggregation_cardinality_limit: Most series of a metric and resource, 0 for no limit;
            what comes beyond is counted in one series, ``otel.metric.overflow="true"``.
        include_instrumentation_scope: Instrumentation scopes whose spans have two dimensions
            more, `span.instrumentation.scope.name` and, where they say one, `.version`.
        add_resource_attributes: The metrics stand on the resources that the spans came from;
            otherwise all stand on one without attributes, and dimensions tell them apart.
        dimensions_cache_size: Taken, and without effect: `aggregation_cardinality_limit` bounds.
        metric_timestamp_cache_size: Taken, and without effect: a delta begins with its first span.
    """

    namespace: str = "traces.span.metrics"
    histogram: HistogramConfig = HistogramConfig()
    dimensions: Dimensions = Field(default_factory=list[DimensionConfig])
    calls_dimensions: Dimensions = Field(default_factory=list[DimensionConfig])
    exclude_dimensions: list[Always] = Field(default_factory=list[Always])
    aggregation_temporality: Literal[
        "AGGREGATION_TEMPORALITY_CUMULATIVE", "AGGREGATION_TEMPORALITY_DELTA"
    ] = CUMULATIVE
    metrics_flush_interval: Annotated[Nanoseconds, Field(gt=0)] = 60 * SECOND
    metrics_expiration: Nanoseconds = 0
    series_expiration: Nanoseconds = 0
    resource_metrics_cache_size: Positive = 1000
    resource_metrics_key_attributes: list[str] = Field(default_factory=list[str])
    aggregation_cardinality_limit: Count = Field(
        default=2000, json_schema_extra=differs("0 (no limit)")
    )
    exemplars: ExemplarsConfig = ExemplarsConfig()
    events: EventsConfig = EventsConfig()
    include_instrumentation_scope: list[Annotated[str, Field(min_length=1)]] = Field(
        default_factory=list[str]
    )
    add_resource_attributes: bool = Field(default=True, json_schema_extra=differs("false"))
    dimensions_cache_size: Positive = 1000
    metric_timestamp_cache_size: Positive = 1000

    @property
    def always(self) -> tuple[str, ...]:
        """Dimensions that nobody has to name."""
        kept = tuple(name for name in ALWAYS if name not in self.exclude_dimensions)
        return (*kept, *((SCOPE_NAME, SCOPE_VERSION) if self.include_instrumentation_scope else ()))

    @model_validator(mode="after")
    def _dimensions_are_told_apart(self) -> Self:
        every = self.calls_dimensions, self.histogram.dimensions, self.events.dimensions
        for own in every:
            names = [*self.always, *(of.name for of in (*self.dimensions, *own))]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                msg = f"dimension {twice[0]} is given twice"
                raise ValueError(msg)
        return self
