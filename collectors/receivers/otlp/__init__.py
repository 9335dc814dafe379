"""OTLP over gRPC and HTTP."""

from collectors.receivers.otlp.config import OtlpConfig
from collectors.receivers.otlp.receiver import FACTORY, OtlpReceiver

__all__ = ["FACTORY", "OtlpConfig", "OtlpReceiver"]
