"""Spans that wait for their relatives, or are remembered: flat arrays, one row each."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from collectors.dialects import KINDS, Kind, number_of

ROW: Final = np.dtype(
    [
        ("key", "<u8"),  # of the span, 0 where it has no ids
        ("parent", "<u8"),  # of the span above, 0 where there is none
        ("open", "<u8"),  # the topmost parent that had not come when it was decided, or 0
        ("seen", "<i8"),  # steady nanoseconds at which it came
        ("took", "<u8"),
        ("input", "<i8"),
        ("output", "<i8"),
        ("cost", "<i8"),
        ("name", "<i4"),  # of the agent, tool, workflow or policy: a word, -1 for none
        ("agent", "<i4"),  # in whose name it counts
        ("labels", "<i4"),
        ("resource", "<i4"),
        ("dialect", "<i2"),
        ("kind", "i1"),
        ("state", "i1"),
        ("flags", "u1"),
        ("below", "u1"),
        ("carried", "u1"),  # what it tells of itself above `open`
    ]
)
"""One span that some dialect recognises."""

LINK: Final = np.dtype([("key", "<u8"), ("parent", "<u8"), ("seen", "<i8")])
"""A span that counts as nothing, but may stand between two that do."""

Rows: TypeAlias = NDArray[np.void]

AGENT, LLM, TOOL, WORKFLOW, ATTEMPT, GUARDRAIL = (
    number_of(kind)
    for kind in (
        Kind.AGENT,
        Kind.LLM,
        Kind.TOOL,
        Kind.WORKFLOW,
        Kind.ATTEMPT,
        Kind.GUARDRAIL,
    )
)

WAIT: Final = len(KINDS)
"""What a message waited counts like a span that took so long, of this kind."""

WAITING, COUNTED, PASSED = range(3)
"""States: not decided; counted; decided not to count."""

HAS_TOKENS, TOKENS_TAKEN, ATTEMPT_TAKEN, SHOWN, COVERED, COUNTS_ITSELF, ALIKE = (
    1 << bit for bit in range(7)
)
"""Flags. COVERED: the same thing is told further down. SHOWN: its series were seen at zero.
ALIKE: what stands above `open` may be the same thing."""

LLM_BELOW, ATTEMPT_BELOW, TOKENS_NEAR, TOKENS_BELOW = (1 << bit for bit in range(4))
"""What is below a span. TOKENS_NEAR is not told across an agent or a tool, TOKENS_BELOW is."""
