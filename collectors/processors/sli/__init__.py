"""`sli`: counts good and bad events on all spans, exactly, before anything is sampled."""

from collectors.processors.sli.config import SliConfig, SliConnectorConfig
from collectors.processors.sli.connector import CONNECTOR
from collectors.processors.sli.processor import FACTORY

__all__ = ["CONNECTOR", "FACTORY", "SliConfig", "SliConnectorConfig"]
