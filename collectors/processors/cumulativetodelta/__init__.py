"""`cumulativetodelta`: what was added since the last point, in place of totals."""

from collectors.processors.cumulativetodelta.config import CumulativeToDeltaConfig
from collectors.processors.cumulativetodelta.processor import FACTORY

__all__ = ["FACTORY", "CumulativeToDeltaConfig"]
