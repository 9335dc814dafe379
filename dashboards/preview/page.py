"""One static page: every dashboard with its panels, light or dark as the reader prefers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib import resources
from typing import Final

from dashboards import palette
from dashboards.preview import charts
from dashboards.preview.collect import Drawn, Filled
from dashboards.preview.fields import color_of, settings, title_of, told, with_unit, word_for
from dashboards.proving.reading import Dashboard, mapping, word

_UNIT_PX: Final = 32
_HEADER_PX: Final = 30
_LEGEND_PX: Final = 18
_LEGEND_ROWS: Final = 6
_LINK: Final = re.compile(r"^- \[([^\]]+)\]\((https?://[^)\s]+)\)(.*)$")
_WORDS: Final = {"good": "✓ good", "watch": "● watch", "bad": "▲ bad"}


def page(boards: Sequence[tuple[Dashboard, Sequence[Filled]]], about: str) -> str:
    """The whole page, self-contained.

    Args:
        boards: Dashboards, each with its filled panels in the order of the file.
        about: Where the data come from and which moment is shown.
    """
    body = "".join(_board(board, filled) for board, filled in boards)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Dashboards, previewed</title><style>{_css()}</style></head><body>"
        f'<p class="note"><b>This is not Grafana.</b> It is a drawing of the generated '
        f"dashboards for review; Grafana draws them in its own way. {escape(about)}</p>"
        f"{body}</body></html>\n"
    )


def _css() -> str:
    return resources.files("dashboards.preview").joinpath("page.css").read_text("utf-8")


def _board(board: Dashboard, filled: Sequence[Filled]) -> str:
    main = [each for each in filled if each.panel.collapsed_in is None]
    folded = {row.panel.identity: row for row in main if _is_folded(row, filled)}
    open_cells = "".join(_cell(each, 0) for each in main if each.panel.identity not in folded)
    rows = "".join(
        _folded(row, [each for each in filled if each.panel.collapsed_in == identity])
        for identity, row in folded.items()
    )
    return (
        f"<h1>{escape(word(board.node, 'title'))}</h1>"
        f'<div class="dim">{escape(word(board.node, "description"))}</div>'
        f'<div class="grid">{open_cells}</div>{rows}'
    )


def _is_folded(row: Filled, filled: Sequence[Filled]) -> bool:
    return any(each.panel.collapsed_in == row.panel.identity for each in filled)


def _folded(row: Filled, inside: Sequence[Filled]) -> str:
    top = min(each.panel.place[1] for each in inside)
    cells = "".join(_cell(each, top) for each in inside)
    return (
        f"<details><summary>{escape(row.panel.title)}</summary>"
        f'<div class="grid">{cells}</div></details>'
    )


def _cell(filled: Filled, top: int) -> str:
    x, y, width, height = filled.panel.place
    at = f"grid-column:{x + 1}/span {width};grid-row:{y - top + 1}/span {height}"
    if filled.panel.kind == "row":
        return f'<h2 style="{at}">{escape(filled.panel.title)}</h2>'
    pixels = height * _UNIT_PX - _HEADER_PX - 20
    about = escape(word(filled.panel.node, "description"), quote=True)
    return (
        f'<div class="cell" style="{at}"><div class="panel" '
        f'data-panel="{filled.panel.identity}" data-kind="{escape(filled.panel.kind)}">'
        f'<h3 title="{about}">{escape(filled.panel.title)}</h3>'
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
    rows = min(len(filled.series), _LEGEND_ROWS)
    return charts.lines(filled, max(60, height - rows * _LEGEND_PX)) + _legend(filled)


def _stat(filled: Filled, _: int) -> str:
    parts = []
    for each in filled.series:
        field = settings(filled.panel, each.name)
        value = each.points[-1][1]
        color = color_of(field, value)
        name = f'<span class="dim">{escape(each.name)}</span> ' if len(filled.series) > 1 else ""
        said = _WORDS.get(_verdict(filled, color), "")
        parts.append(
            f'<div class="big" style="color:{color}">{name}{escape(told(field, value))}</div>'
            f'<div class="dim">{said}</div>'
        )
    return "".join(parts)


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
    most = max(abs(each.points[-1][1]) for each in filled.series) or 1.0
    rows = []
    for each in filled.series:
        field = settings(filled.panel, each.name)
        value = each.points[-1][1]
        share = max(1.0, abs(value) / most * 100)
        color = color_of(field, value)
        rows.append(
            f"<tr><td>{escape(each.name)}</td><td style='width:60%'>"
            f'<div class="bar" style="width:{share:.0f}%;background:{color}"></div></td>'
            f"<td>{escape(told(field, value))}</td></tr>"
        )
    return f"<table>{''.join(rows)}</table>"


def _legend(filled: Filled) -> str:
    rows = []
    for index, each in enumerate(filled.series):
        color, dash = charts.series_look(filled, each, index)
        unit = word(filled.panel.defaults, "unit")
        rows.append(
            '<tr><td><svg viewBox="0 0 30 6" class="key"><line x1="0" x2="30" y1="3" y2="3" '
            f'stroke="{color}" stroke-width="3" stroke-dasharray="{dash}"/></svg></td>'
            f"<td>{escape(each.name)}</td>"
            f"<td>{escape(with_unit(each.points[-1][1], unit))}</td></tr>"
        )
    return f'<table class="legend">{"".join(rows)}</table>'


def _table(filled: Filled, _: int) -> str:
    rows: dict[tuple[tuple[str, str], ...], dict[str, Drawn]] = {}
    for each in filled.series:
        labels = tuple(sorted((k, v) for k, v in each.labels.items() if k != "__name__"))
        several = len(filled.panel.targets) > 1
        rows.setdefault(labels, {})[f"Value #{each.ref}" if several else "Value"] = each
    names = sorted({key for pairs in rows for key, _ in pairs})
    values = sorted({name for columns in rows.values() for name in columns}, reverse=True)
    head = "".join(
        f"<th>{escape(title_of(settings(filled.panel, name), name))}</th>"
        for name in (*names, *values)
    )
    body = "".join(
        f"<tr>{''.join(_label_cell(filled, dict(pairs).get(name, ''), name) for name in names)}"
        f"{''.join(_value_cell(filled, columns.get(name), name) for name in values)}</tr>"
        for pairs, columns in rows.items()
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _label_cell(filled: Filled, text: str, name: str) -> str:
    said, color = word_for(settings(filled.panel, name), text)
    return f'<td style="color:{color}">{escape(said)}</td>'


def _value_cell(filled: Filled, each: Drawn | None, name: str) -> str:
    if each is None:
        return "<td></td>"
    field = settings(filled.panel, name)
    value = each.points[-1][1]
    colored = "custom.cellOptions" in field
    color = color_of(field, value) if colored else ""
    return f'<td style="color:{color}">{escape(told(field, value))}</td>'


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
    "table": _table,
    "timeseries": _lines,
}
"""How each kind is drawn; of the others, the stores of logs and traces, nothing is known here."""
