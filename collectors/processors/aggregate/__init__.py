"""`aggregate`: metrics without some of their labels, summed so that nothing is counted twice."""

from collectors.processors.aggregate.config import AggregateConfig
from collectors.processors.aggregate.processor import FACTORY

__all__ = ["FACTORY", "AggregateConfig"]
