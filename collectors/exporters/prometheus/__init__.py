"""The endpoint that Prometheus scrapes for the agents' metrics."""

from collectors.exporters.prometheus.config import PrometheusConfig
from collectors.exporters.prometheus.view import FACTORY, PrometheusView

__all__ = ["FACTORY", "PrometheusConfig", "PrometheusView"]
