"""`filter`: drops the spans, metrics, data points and log records that a condition names."""

from collectors.processors.filter.config import FilterConfig
from collectors.processors.filter.processor import FACTORY

__all__ = ["FACTORY", "FilterConfig"]
