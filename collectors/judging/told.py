"""What is told of those who judge agents: what they had no room or no measure for."""

from __future__ import annotations

from typing import Final

LEFT_OUT: Final = "fleetslo_agent_facts_left_out_total"
"""Facts about agents that were not judged, by `reason`.

agents, actions, runs, decisions, violations (there was no room); unordered (nobody can say
which revision is newer).
"""
