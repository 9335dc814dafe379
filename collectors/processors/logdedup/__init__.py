"""`logdedup`: log records that are alike become one with a count."""

from collectors.processors.logdedup.config import LogdedupConfig
from collectors.processors.logdedup.processor import FACTORY

__all__ = ["FACTORY", "LogdedupConfig"]
