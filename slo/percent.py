"""A share as people read it: in percent, never in powers of ten."""

from __future__ import annotations

from typing import Final

_WHOLE: Final = 100.0


def percent(share: float, digits: int = 3) -> str:
    """``1.5 %`` for 0.015, ``3570 %`` for 35.7.

    Args:
        share: A part of one; below 0 and above 1 as well.
        digits: Significant ones, of what is below 100 %.
    """
    value = share * 100
    return f"{value:.0f} %" if abs(value) >= _WHOLE else f"{value:.{digits}g} %"
