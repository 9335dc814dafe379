"""`cardinality`: no metric and no attribute takes more series than it may, and nothing is lost."""

from collectors.processors.cardinality.config import CardinalityConfig
from collectors.processors.cardinality.processor import FACTORY

__all__ = ["FACTORY", "CardinalityConfig"]
