"""Where panels stand: they arrange themselves, nobody writes coordinates.

Panels flow from left to right into lines of 24 columns. What a line leaves over goes to
its panels, so that edges align, and all panels of a line are as tall as the tallest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

COLUMNS: Final = 24
"""Width of Grafana's grid."""
HEADER_HEIGHT: Final = 1


@dataclass(frozen=True, slots=True)
class Size:
    """What a panel asks for, in grid units; 1 <= width <= 24. A unit is 30 px high."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Place:
    """What a panel gets."""

    x: int
    y: int
    width: int
    height: int


def flow(sizes: Sequence[Size], top: int) -> tuple[list[Place], int]:
    """Place panels of `sizes` from line `top` on.

    Returns:
        A place per size, in the same order, and the first free line below them.
    """
    places: list[Place] = []
    y = top
    for line in _lines(sizes):
        widths = _stretched([size.width for size in line])
        height = max(size.height for size in line)
        x = 0
        for width in widths:
            places.append(Place(x, y, width, height))
            x += width
        y += height
    return places, y


def _lines(sizes: Sequence[Size]) -> list[list[Size]]:
    lines: list[list[Size]] = []
    used = COLUMNS
    for size in sizes:
        if used + size.width > COLUMNS:
            lines.append([])
            used = 0
        lines[-1].append(size)
        used += size.width
    return lines


def _stretched(widths: list[int]) -> list[int]:
    share, rest = divmod(COLUMNS - sum(widths), len(widths))
    return [width + share + (index < rest) for index, width in enumerate(widths)]
