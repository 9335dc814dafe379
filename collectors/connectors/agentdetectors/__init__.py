"""`agentdetectors`: what no agent can say of itself, derived from what all of them send."""

from collectors.connectors.agentdetectors.config import AgentDetectorsConfig
from collectors.connectors.agentdetectors.connector import FACTORY, AgentDetectors

__all__ = ["FACTORY", "AgentDetectors", "AgentDetectorsConfig"]
