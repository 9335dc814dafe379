"""The host itself: processors, memory, disks, networks, processes."""

from collectors.receivers.hostmetrics.config import HostMetricsConfig
from collectors.receivers.hostmetrics.receiver import FACTORY, HostMetricsReceiver

__all__ = ["FACTORY", "HostMetricsConfig", "HostMetricsReceiver"]
