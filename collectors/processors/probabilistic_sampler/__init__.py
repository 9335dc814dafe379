"""`probabilistic_sampler`: keeps a share of traces or log records, the same share everywhere."""

from collectors.processors.probabilistic_sampler.config import SamplerConfig
from collectors.processors.probabilistic_sampler.processor import FACTORY

__all__ = ["FACTORY", "SamplerConfig"]
