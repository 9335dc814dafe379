"""`agentmetrics`: the catalogue's metrics out of what agents say in spans, each thing once."""

from collectors.connectors.agentmetrics.config import AgentMetricsConfig
from collectors.connectors.agentmetrics.connector import FACTORY

__all__ = ["FACTORY", "AgentMetricsConfig"]
