"""Panels over time as SVG: lines, bands, boxes, distributions, and the graph of agents."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

from dashboards import palette
from dashboards.notation import JsonValue, shortened
from dashboards.preview.collect import Drawn, Filled
from dashboards.preview.fields import (
    color_of,
    settings,
    steps_of,
    title_of,
    told,
    with_unit,
    worded,
)
from dashboards.proving.reading import Node, mapping, word

_COLUMN_PX: Final = 57
"""Width of a grid column on a page 1400 px wide."""
_LEFT: Final = 64
_BOTTOM: Final = 18
_LABEL: Final = 190
_LABEL_LETTERS: Final = 30
_INSIDE_PX: Final = 7.4
"""Width of a bold letter inside a box."""
_ROW: Final = 26
_LETTER_PX: Final = 14
"""Height of a line of letters."""
_DAY_SECONDS: Final = 86_400
_SIGNS: Final = {palette.GOOD: "✓", palette.WATCH: "●", palette.BAD: "▲"}
"""What stands in a box that is too narrow for its word."""


def width_of(filled: Filled) -> int:
    """Width of the panel's drawing, in pixels of a page 1400 px wide."""
    return filled.panel.place[2] * _COLUMN_PX - 26


def svg(filled: Filled, body: str, height: int) -> str:
    """A drawing as wide as its panel."""
    return (
        f'<svg viewBox="0 0 {width_of(filled)} {height}" '
        f'role="img" style="max-height:{height}px">{body}</svg>'
    )


def lines(filled: Filled, height: int) -> str:
    """Values over time, limits dashed."""
    values = [value for each in filled.series for _, value in each.points if math.isfinite(value)]
    if not values:
        return ""
    panel = filled.panel
    drawn = mapping(panel.defaults.get("custom")).get("thresholdsStyle")
    dashed = word(mapping(drawn), "mode") == "dashed"
    edges = [
        (edge, color) for edge, color in steps_of(panel.defaults) if edge is not None and dashed
    ]
    low, high = min([*values, 0.0]), max(values)
    high = max([high, *(edge for edge, _ in edges if edge <= high * 3)]) or 1.0
    bottom = height - _BOTTOM

    def y(value: float) -> float:
        return bottom - (value - low) / ((high - low) or 1.0) * (bottom - 8)

    body = [
        _axis(filled, low, high, bottom),
        *_limits(filled, [(edge, color) for edge, color in edges if edge <= high], y),
    ]
    body += [_line(filled, each, index, y) for index, each in enumerate(filled.series)]
    return svg(filled, "".join(body), height)


def bands(filled: Filled) -> str:
    """What held from when to when, the state written in its band."""
    body = []
    for row, each in enumerate(filled.series):
        field = settings(filled.panel, each.name)
        body.append(_row_label(row, title_of(field, each.name)))
        for start, end, value in _runs(each):
            x, wide = _x(filled, start, _LABEL), _x(filled, end, _LABEL)
            body.append(_box(x, row, max(wide - x, 2.0), field, value))
    return svg(filled, "".join(body), _ROW * max(1, len(filled.series)) + 4)


def boxes(filled: Filled) -> str:
    """A calendar: one box for each day."""
    days = max(1, (filled.end - filled.start) // _DAY_SECONDS)
    wide = (width_of(filled) - _LABEL) / (days + 1)
    body = []
    for row, each in enumerate(filled.series):
        field = settings(filled.panel, each.name)
        body.append(_row_label(row, title_of(field, each.name)))
        for time, value in each.points:
            column = (time - filled.start) // _DAY_SECONDS
            body.append(_box(_LABEL + column * wide, row, wide * 0.9, field, value))
    bottom = _ROW * max(1, len(filled.series)) + 4
    for column in range(0, days + 1, 7):
        day = datetime.fromtimestamp(filled.start + column * _DAY_SECONDS, UTC)
        body.append(f'<text x="{_LABEL + column * wide:.1f}" y="{bottom + 10}">{day:%d %b}</text>')
    return svg(filled, "".join(body), bottom + 16)


def heat(filled: Filled, height: int) -> str:
    """A distribution: cumulative buckets parted, darker is more."""
    rows = sorted(filled.series, key=lambda each: float(each.labels.get("le", "inf")))
    cells: list[tuple[int, int, float]] = []
    below: dict[int, float] = {}
    for row, each in enumerate(rows):
        for time, value in each.points:
            cells.append((row, time, max(0.0, value - below.get(time, 0.0))))
            below[time] = value
    most = max((count for _, _, count in cells), default=0.0) or 1.0
    bottom, tall = height - _BOTTOM, (height - _BOTTOM - 4) / max(1, len(rows))
    body = [
        f'<rect x="{_x(filled, time, _LEFT):.1f}" y="{bottom - (row + 1) * tall:.1f}" width="8" '
        f'height="{tall:.1f}" fill="{palette.BLUE}" opacity="{math.sqrt(count / most):.2f}"/>'
        for row, time, count in cells
        if count > 0
    ]
    for row in range(0, len(rows), 3):
        edge = rows[row].labels.get("le", "")
        body.append(f'<text x="0" y="{bottom - row * tall:.1f}">≤ {escape(edge)} s</text>')
    return svg(filled, "".join(body), height)


def graph(filled: Filled, height: int) -> str:
    """Agents on a circle, an arrow for each handoff, the statistic beside it."""
    nodes = [each for each in filled.series if each.ref == "nodes"]
    middle, radius = (width_of(filled) / 2, height / 2), height / 2 - 50
    places = {
        each.labels.get("id", ""): (
            middle[0] + 1.7 * radius * math.cos(2 * math.pi * index / len(nodes) - math.pi / 2),
            middle[1] + radius * math.sin(2 * math.pi * index / len(nodes) - math.pi / 2),
        )
        for index, each in enumerate(nodes)
    }
    body = [_ARROW]
    for each in filled.series:
        ends = (each.labels.get("source", ""), each.labels.get("target", ""))
        if each.ref == "edges" and all(end in places for end in ends):
            body.append(_edge(places[ends[0]], places[ends[1]], each))
    for each in nodes:
        x, y = places[each.labels.get("id", "")]
        said = with_unit(each.points[-1][1], "ops")
        body.append(
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="26" class="node"/>'
            f'<text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle">{escape(said)}</text>'
            f'<text x="{x:.0f}" y="{y + 42:.0f}" text-anchor="middle">'
            f"{escape(each.labels.get('title', ''))}</text>"
        )
    return svg(filled, "".join(body), height)


def series_look(filled: Filled, each: Drawn, index: int) -> tuple[str, str]:
    """Colour and dash of a line: as its override says, else the next of the palette."""
    field = settings(filled.panel, each.name)
    color = mapping(field.get("color"))
    style = field.get("custom.lineStyle")
    dash = mapping(style).get("dash")
    pattern = " ".join(str(part) for part in _numbers(dash))
    if word(color, "mode") == "fixed":
        return word(color, "fixedColor"), pattern
    turn = index % len(palette.SERIES)
    return palette.SERIES[turn], " ".join(str(part) for part in palette.DASHES[turn])


_ARROW: Final = (
    '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="3" orient="auto">'
    '<path d="M0,0 L7,3 L0,6 z" fill="currentColor"/></marker></defs>'
)


def _numbers(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _x(filled: Filled, time: float, left: float) -> float:
    return left + (time - filled.start) / (filled.end - filled.start) * (width_of(filled) - left)


def _axis(filled: Filled, low: float, high: float, bottom: float) -> str:
    unit = word(filled.panel.defaults, "unit")
    days = filled.end - filled.start > 2 * _DAY_SECONDS
    form = "%d %b" if days else "%H:%M"
    times = "".join(
        f'<text x="{_LEFT + share * (width_of(filled) - _LEFT - 34):.0f}" y="{bottom + 14:.0f}">'
        f"{datetime.fromtimestamp(filled.start + share * (filled.end - filled.start), UTC):{form}}"
        "</text>"
        for share in (0.0, 0.5, 1.0)
    )
    half = with_unit((low + high) / 2, unit)
    return (
        f'<text x="0" y="14">{escape(with_unit(high, unit))}</text>'
        f'<text x="0" y="{(bottom + 14) / 2:.0f}">{escape(half)}</text>'
        f'<text x="0" y="{bottom:.0f}">{escape(with_unit(low, unit))}</text>'
        f'<line x1="{_LEFT}" x2="{width_of(filled)}" y1="{(bottom + 8) / 2:.0f}" '
        f'y2="{(bottom + 8) / 2:.0f}" class="grid-line"/>'
        f'<line x1="{_LEFT}" x2="{width_of(filled)}" y1="{bottom:.0f}" y2="{bottom:.0f}" '
        f'class="axis"/>{times}'
    )


def _limits(
    filled: Filled, edges: Sequence[tuple[float, str]], y: Callable[[float], float]
) -> Iterator[str]:
    """A dashed line for each limit, named where the name of a higher one leaves room."""
    right, above = width_of(filled), -math.inf
    unit = word(filled.panel.defaults, "unit")
    for edge, color in sorted(edges, reverse=True):
        at = y(edge)
        yield (
            f'<line x1="{_LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}" stroke="{color}" '
            'stroke-dasharray="8 4" class="limit"/>'
        )
        beside = at - 4 if at > _LETTER_PX else at + _LETTER_PX
        if beside - above >= _LETTER_PX:
            above, said = beside, escape(f"limit {with_unit(edge, unit)}")
            yield f'<text x="{right}" y="{beside:.1f}" text-anchor="end">{said}</text>'


def _line(filled: Filled, each: Drawn, index: int, y: Callable[[float], float]) -> str:
    color, dash = series_look(filled, each, index)
    points = " ".join(
        f"{_x(filled, time, _LEFT):.1f},{y(value):.1f}"
        for time, value in each.points
        if math.isfinite(value)
    )
    dots = ""
    if len(each.points) == 1:
        time, value = each.points[0]
        x = _x(filled, time, _LEFT)
        dots = f'<circle cx="{x:.1f}" cy="{y(value):.1f}" r="3" fill="{color}"/>'
    return (
        f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2" '
        f'stroke-dasharray="{dash}"/>{dots}'
    )


def _row_label(row: int, name: str) -> str:
    return f'<text x="0" y="{row * _ROW + 17}">{escape(shortened(name, _LABEL_LETTERS))}</text>'


def _box(x: float, row: int, wide: float, node: Node, value: float) -> str:
    mapped = worded(node, value)
    color = mapped[1] if mapped else color_of(node, value) or palette.BLUE
    said = told(node, value)
    short = said if wide > _INSIDE_PX * len(said) + 8 else _SIGNS.get(color, "")
    label = ""
    if short and wide > _INSIDE_PX * len(short) + 8:
        label = (
            f'<text x="{x + 4:.1f}" y="{row * _ROW + 17}" class="inside" '
            f'style="fill:{palette.ink_on(color)}">{escape(short)}</text>'
        )
    return (
        f'<rect x="{x:.1f}" y="{row * _ROW + 3}" width="{wide:.1f}" height="{_ROW - 6}" '
        f'fill="{color}"><title>{escape(said)}</title></rect>{label}'
    )


def _runs(each: Drawn) -> list[tuple[int, int, float]]:
    """Equal neighbours as one: start, end, value."""
    runs: list[tuple[int, int, float]] = []
    for time, value in each.points:
        shown = round(value, 6)
        if runs and runs[-1][2] == shown:
            runs[-1] = (runs[-1][0], time, shown)
        else:
            runs.append((time, time, shown))
    return runs


def _edge(start: tuple[float, float], end: tuple[float, float], each: Drawn) -> str:
    (x1, y1), (x2, y2) = start, end
    length = math.hypot(x2 - x1, y2 - y1) or 1.0
    trim = 28 / length
    ax, ay = x1 + (x2 - x1) * trim, y1 + (y2 - y1) * trim
    bx, by = x2 - (x2 - x1) * trim, y2 - (y2 - y1) * trim
    said = with_unit(each.points[-1][1], "ops")
    return (
        f'<line x1="{ax:.0f}" y1="{ay:.0f}" x2="{bx:.0f}" y2="{by:.0f}" class="edge" '
        'marker-end="url(#tip)"/>'
        f'<text x="{(ax + bx) / 2:.0f}" y="{(ay + by) / 2 - 4:.0f}">{escape(said)}</text>'
    )
