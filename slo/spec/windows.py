"""The length of a rolling window: no budget is shorter than an hour or longer than a year."""

from __future__ import annotations

from typing import Final

from slo.exact import Duration
from slo.spec.fields import Fields
from slo.spec.problems import Problems

_SHORTEST: Final = Duration.parse("1h")
_LONGEST: Final = Duration.parse("1y")


def rolling_length(fields: Fields, problems: Problems) -> Duration | None:
    """The length under `window`; None where there is none, or after its problem was reported."""
    length = fields.duration("window")
    if length is None or _SHORTEST <= length <= _LONGEST:
        return length
    text = f"window must be 1h to 1y, got {fields.text('window')!r}"
    problems.error("SLO014", text, fields.place("window"), "write for example 7d, 30d or 90d")
    return None
