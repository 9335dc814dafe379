"""Prometheus remote write."""

from collectors.exporters.prometheus_remote_write.config import RemoteWriteConfig
from collectors.exporters.prometheus_remote_write.exporter import FACTORY, RemoteWriteExporter

__all__ = ["FACTORY", "RemoteWriteConfig", "RemoteWriteExporter"]
