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

_DARK_INK: Final = "#111417"
_LIGHT_INK: Final = "#ffffff"
_BRIGHT: Final = 0.3
"""Relative luminance from which dark letters read better than light ones."""


def ink_on(color: str) -> str:
    """The colour of letters on `color`, as #rrggbb.

    Source: WCAG 2.2, relative luminance.
    """
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    luminance = sum(
        share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
    )
    return _DARK_INK if luminance > _BRIGHT else _LIGHT_INK
