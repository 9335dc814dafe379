"""Eight colours that people with any colour vision can tell apart.

A colour never speaks alone: states carry a word, lines carry a dash and a name, limits
are drawn as lines.

Source: Okabe and Ito, "Color Universal Design" (2008); Wong, Nature Methods 8:441 (2011).
"""

from __future__ import annotations

from typing import Final

BLUE: Final = "#0072B2"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
ORANGE: Final = "#E69F00"
VERMILLION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#999999"

SAFE: Final = frozenset({BLUE, SKY, GREEN, YELLOW, ORANGE, VERMILLION, PURPLE, GREY})
"""Every colour that a dashboard may use, beside `NONE`."""
NONE: Final = "transparent"

GOOD: Final = BLUE
WATCH: Final = ORANGE
BAD: Final = VERMILLION
UNKNOWN: Final = GREY

DASHES: Final[tuple[tuple[int, ...], ...]] = ((), (10, 6), (2, 5), (14, 4, 2, 4), (6, 3), (1, 3))
"""Line patterns in pixels on and off, beside the colour; the first is solid."""
SERIES: Final = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY)
"""Colours of named series, in the order of `DASHES`."""
