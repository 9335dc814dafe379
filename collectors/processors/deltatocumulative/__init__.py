"""`deltatocumulative`: totals in place of what was added."""

from collectors.processors.deltatocumulative.config import DeltaToCumulativeConfig
from collectors.processors.deltatocumulative.processor import FACTORY

__all__ = ["FACTORY", "DeltaToCumulativeConfig"]
