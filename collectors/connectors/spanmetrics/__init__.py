"""`spanmetrics`: calls and durations of spans, as metrics that are exact and outlive restarts."""

from collectors.connectors.spanmetrics.config import SpanMetricsConfig
from collectors.connectors.spanmetrics.connector import FACTORY

__all__ = ["FACTORY", "SpanMetricsConfig"]
