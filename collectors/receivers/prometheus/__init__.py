"""Scrapes what Prometheus would scrape."""

from collectors.receivers.prometheus.config import PrometheusReceiverConfig
from collectors.receivers.prometheus.receiver import FACTORY, PrometheusReceiver

__all__ = ["FACTORY", "PrometheusReceiver", "PrometheusReceiverConfig"]
