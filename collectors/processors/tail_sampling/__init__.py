"""`tail_sampling`: decides on whole traces, whose spans wait on disk for the decision."""

from collectors.processors.tail_sampling.config import TailSamplingConfig
from collectors.processors.tail_sampling.processor import FACTORY

__all__ = ["FACTORY", "TailSamplingConfig"]
