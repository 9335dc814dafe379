"""What is told of the spans that dialects were recognised in."""

from __future__ import annotations

from typing import Final

AGENT_SPANS: Final = "fleetslo_agent_spans_total"
"""Spans by dialect and by what became of them.

counted; wrapper (another span tells the same); counts_itself (its framework sends the metric);
step (between those that count); unmapped (nobody knows what it is); duplicate (it came twice);
early (there was no room to wait).
"""
