"""`interval`: of each series the newest point every so often, and deltas added up."""

from collectors.processors.interval.config import IntervalConfig
from collectors.processors.interval.processor import FACTORY

__all__ = ["FACTORY", "IntervalConfig"]
