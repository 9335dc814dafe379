"""The catalogue as data: what the fleet measures, and what is promised about it."""

from slo.catalog.load import Attribute, Metric, MetricCatalog, Source, metrics
from slo.catalog.naming import (
    Instrument,
    prometheus_label,
    prometheus_name,
    prometheus_series,
)
from slo.catalog.usage import unknown

__all__ = [
    "Attribute",
    "Instrument",
    "Metric",
    "MetricCatalog",
    "Source",
    "metrics",
    "prometheus_label",
    "prometheus_name",
    "prometheus_series",
    "unknown",
]
