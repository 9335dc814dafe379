"""Indicators on spans: which spans are events of an SLO, and which of those are bad."""

from collectors.indicators.config import BadConfig, HasIndicators, Key, SloConfig, SpansConfig
from collectors.indicators.matching import Matched, Matcher

__all__ = ["BadConfig", "HasIndicators", "Key", "Matched", "Matcher", "SloConfig", "SpansConfig"]
