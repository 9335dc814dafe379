"""One static page: every dashboard with its panels, light or dark as the reader prefers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib import resources
from typing import Final

from dashboards import palette
from dashboards.preview import charts
from dashboards.preview.collect import Filled
from dashboards.preview.fields import (
    chosen_words,
    color_of,
    settings,
    told,
    with_choices,
    with_unit,
)
from dashboards.preview.tables import table
from dashboards.proving.reading import Dashboard, mapping, word

_UNIT_PX: Final = 32
_MARGIN_PX: Final = 80
_TITLE_PX: Final = 70
_FOLDED_PX: Final = 31
_HEADER_PX: Final = 30
_LEGEND_PX: Final = 18
_LEGEND_ROWS: Final = 5
_KEY_PX: Final = 50
_LETTER_PX: Final = 6
_VALUE_LETTERS: Final = 9
_LINK: Final = re.compile(r"^- \[([^\]]+)\]\((https?://[^)\s]+)\)(.*)$")
_WORDS: Final = {"good": "✓ good", "watch": "● watch", "bad": "▲ bad"}


def page(boards: Sequence[tuple[Dashboard, Sequence[Filled]]], about: str) -> str:
    """The whole page, self-contained.

    Args:
        boards: Dashboards, each with its filled panels in the order of the file.
        about: Where the data come from and which moment is shown.
    """
    body = "".join(_board(board, filled) for board, filled in boards)
    height = _MARGIN_PX + sum(_height(filled) for _, filled in boards)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Dashboards, previewed</title><style>{_css()}</style></head>"
        f'<body data-height="{height}">'
        f'<p class="note"><b>This is not Grafana.</b> It is a drawing of the generated '
        f"dashboards for review; Grafana draws them in its own way. {escape(about)}</p>"
        f"{body}</body></html>\n"
    )


def _height(filled: Sequence[Filled]) -> int:
    """Pixels of a dashboard whose folded rows are folded, its title included."""
    main = [each.panel for each in filled if each.panel.collapsed_in is None]
    bottom = max((panel.place[1] + panel.place[3] for panel in main), default=0)
    inside = {each.panel.collapsed_in for each in filled} - {None}
    return _TITLE_PX + (bottom - len(inside)) * _UNIT_PX + len(inside) * _FOLDED_PX


def _css() -> str:
    return resources.files("dashboards.preview").joinpath("page.css").read_text("utf-8")


def _board(board: Dashboard, filled: Sequence[Filled]) -> str:
    main = [each for each in filled if each.panel.collapsed_in is None]
    chosen = chosen_words(board)

    def titles(text: str) -> str:
        return with_choices(text, chosen)

    folded = {row.panel.identity: row for row in main if _is_folded(row, filled)}
    open_cells = "".join(
        _cell(each, 0, titles) for each in main if each.panel.identity not in folded
    )
    rows = "".join(
        _folded(row, [e for e in filled if e.panel.collapsed_in == identity], titles)
        for identity, row in folded.items()
    )
    return (
        f"<h1>{escape(word(board.node, 'title'))}</h1>"
        f'<div class="dim">{escape(word(board.node, "description"))}</div>'
        f'<div class="grid">{open_cells}</div>{rows}'
    )


def _is_folded(row: Filled, filled: Sequence[Filled]) -> bool:
    return any(each.panel.collapsed_in == row.panel.identity for each in filled)


def _folded(row: Filled, inside: Sequence[Filled], titles: Callable[[str], str]) -> str:
    top = min(each.panel.place[1] for each in inside)
    cells = "".join(_cell(each, top, titles) for each in inside)
    return (
        f"<details><summary>{escape(titles(row.panel.title))}</summary>"
        f'<div class="grid">{cells}</div></details>'
    )


def _cell(filled: Filled, top: int, titles: Callable[[str], str]) -> str:
    x, y, width, height = filled.panel.place
    at = f"grid-column:{x + 1}/span {width};grid-row:{y - top + 1}/span {height}"
    if filled.panel.kind == "row":
        return f'<h2 style="{at}">{escape(titles(filled.panel.title))}</h2>'
    pixels = height * _UNIT_PX - _HEADER_PX - 20
    about = escape(word(filled.panel.node, "description"), quote=True)
    return (
        f'<div class="cell" style="{at}"><div class="panel" '
        f'data-panel="{filled.panel.identity}" data-kind="{escape(filled.panel.kind)}">'
        f'<h3 title="{about}">{escape(titles(filled.panel.title))}</h3>'
        f"{_content(filled, pixels)}</div></div>"
    )


def _content(filled: Filled, height: int) -> str:
    kind = filled.panel.kind
    if kind == "text":
        return f'<div class="scroll">{_markdown(filled)}</div>'
    if filled.refused:
        return f'<div class="none">{escape(filled.refused)}</div>'
    draw = _KINDS.get(kind)
    if draw is None or not filled.series:
        return f'<div class="none">{escape(word(filled.panel.defaults, "noValue"))}</div>'
    return draw(filled, height)


def _lines(filled: Filled, height: int) -> str:
    rows = _legend_rows(filled)
    return charts.lines(filled, max(60, height - rows * _LEGEND_PX)) + _legend(filled)


def _stat(filled: Filled, _: int) -> str:
    parts = []
    full = word(mapping(filled.panel.node.get("options")), "colorMode") == "background"
    for each in filled.series:
        field = settings(filled.panel, each.name)
        value = each.points[-1][1]
        color = color_of(field, value)
        name = f'<span class="dim">{escape(each.name)}</span> ' if len(filled.series) > 1 else ""
        said = _WORDS.get(_verdict(filled, color), "")
        fill = f"background:{color};color:{palette.ink_on(color)}" if color and full else ""
        parts.append(
            f'<div class="one" style="{fill}">'
            f'<div class="big" style="{"" if fill else f"color:{color}"}">{name}'
            f'{escape(told(field, value))}</div><div class="word">{said}</div></div>'
        )
    return f'<div class="stat">{"".join(parts)}</div>'


def _verdict(filled: Filled, color: str) -> str:
    from_colors: Mapping[str, str] = {
        palette.GOOD: "good",
        palette.WATCH: "watch",
        palette.BAD: "bad",
    }
    steps = mapping(filled.panel.defaults.get("thresholds")).get("steps")
    judged = isinstance(steps, list) and len(steps) > 1
    return from_colors.get(color, "") if judged else ""


def _bars(filled: Filled, _: int) -> str:
    most = _longest(filled)
    rows = []
    for each in filled.series:
        field = settings(filled.panel, each.name)
        value = each.points[-1][1]
        share = min(100.0, max(1.0, abs(value) / most * 100))
        color = color_of(field, value)
        rows.append(
            f"<tr><td>{escape(each.name)}</td><td style='width:60%'>"
            f'<div class="bar" style="width:{share:.0f}%;background:{color}"></div></td>'
            f"<td>{escape(told(field, value))}</td></tr>"
        )
    return f"<table>{''.join(rows)}</table>"


def _longest(filled: Filled) -> float:
    """What a full bar means: the panel's maximum, all of a share, else the largest value."""
    end = filled.panel.defaults.get("max")
    if isinstance(end, int | float):
        return float(end)
    if word(filled.panel.defaults, "unit") == "percentunit":
        return 1.0
    return max(abs(each.points[-1][1]) for each in filled.series) or 1.0


def _legend(filled: Filled) -> str:
    unit = word(filled.panel.defaults, "unit")
    items = []
    for index, each in enumerate(filled.series):
        color, dash = charts.series_look(filled, each, index)
        items.append(
            '<span><svg viewBox="0 0 30 6" class="key"><line x1="0" x2="30" y1="3" y2="3" '
            f'stroke="{color}" stroke-width="3" stroke-dasharray="{dash}"/></svg>'
            f"{escape(each.name)} <b>{escape(with_unit(each.points[-1][1], unit))}</b></span>"
        )
    return f'<div class="legend">{"".join(items)}</div>'


def _legend_rows(filled: Filled) -> int:
    """Lines that the legend needs, as wide as its letters are on average."""
    wide = sum(_KEY_PX + _LETTER_PX * (len(each.name) + _VALUE_LETTERS) for each in filled.series)
    return min(_LEGEND_ROWS, math.ceil(wide / charts.width_of(filled)))


def _markdown(filled: Filled) -> str:
    text = word(mapping(filled.panel.node.get("options")), "content")
    parts = []
    for line in text.splitlines():
        found = _LINK.match(line)
        if found:
            name, url, rest = found.groups()
            parts.append(
                f'<div><a href="{escape(url, quote=True)}">{escape(name)}</a>{escape(rest)}</div>'
            )
        else:
            parts.append(f"<div>{escape(line)}</div>")
    return "".join(parts)


_KINDS: Final[Mapping[str, Callable[[Filled, int], str]]] = {
    "bargauge": _bars,
    "heatmap": charts.heat,
    "nodeGraph": charts.graph,
    "stat": _stat,
    "state-timeline": lambda filled, _: charts.bands(filled),
    "status-history": lambda filled, _: charts.boxes(filled),
    "table": lambda filled, _: table(filled),
    "timeseries": _lines,
}
"""How each kind is drawn; of the others, the stores of logs and traces, nothing is known here."""
