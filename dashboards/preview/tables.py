"""Tables: rows joined by their labels, columns as the panel names and orders them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from dashboards import palette
from dashboards.preview.collect import Drawn, Filled
from dashboards.preview.fields import color_of, settings, title_of, told, word_for
from dashboards.proving.reading import Node, mapping, nodes, number, word

_SHOWN_VALUE: Final = "${__value.text}"
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Row:
    labels: Labels
    values: Mapping[str, Drawn]


def table(filled: Filled) -> str:
    """The rows of all queries, merged where their labels agree."""
    rows = _rows(filled)
    columns = _columns(filled, rows)
    head = "".join(f"<th>{escape(title_of(settings(filled.panel, c), c))}</th>" for c in columns)
    body = "".join(
        f"<tr>{''.join(_cell(filled, row, column) for column in columns)}</tr>"
        for row in _sorted(filled, rows, columns)
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _rows(filled: Filled) -> list[_Row]:
    several = len(filled.panel.targets) > 1
    found: dict[tuple[tuple[str, str], ...], dict[str, Drawn]] = {}
    for each in filled.series:
        labels = tuple(sorted((k, v) for k, v in each.labels.items() if k != "__name__"))
        found.setdefault(labels, {})[f"Value #{each.ref}" if several else "Value"] = each
    return [_Row(dict(labels), values) for labels, values in found.items()]


def _columns(filled: Filled, rows: Sequence[_Row]) -> list[str]:
    """Labels by name, then values by query, unless the panel orders or leaves out some."""
    labels = sorted({name for row in rows for name in row.labels})
    several = len(filled.panel.targets) > 1
    values = [f"Value #{target.ref}" if several else "Value" for target in filled.panel.targets]
    left_out, order = _organized(filled.panel.node)
    kept = [name for name in dict.fromkeys([*labels, *values]) if name not in left_out]
    return sorted(kept, key=lambda name: order.get(name, len(kept)))


def _organized(panel: Node) -> tuple[frozenset[str], Mapping[str, int]]:
    """What the panel's `organize` leaves out, and the places that it gives."""
    left_out: frozenset[str] = frozenset()
    order: dict[str, int] = {}
    for each in nodes(panel.get("transformations")):
        options = mapping(each.get("options"))
        if word(each, "id") == "organize":
            left_out |= frozenset(mapping(options.get("excludeByName")))
            places = mapping(options.get("indexByName"))
            order |= {name: number(places, name) for name in places}
    return left_out, order


def _sorted(filled: Filled, rows: Sequence[_Row], columns: Sequence[str]) -> Iterator[_Row]:
    wanted = nodes(mapping(filled.panel.node.get("options")).get("sortBy"))
    titles = {title_of(settings(filled.panel, name), name): name for name in columns}
    column = titles.get(word(wanted[0], "displayName")) if wanted else None
    if column is None:
        yield from rows
        return
    falling = wanted[0].get("desc") is True

    def size(row: _Row) -> float:
        each = row.values.get(column)
        value = each.points[-1][1] if each else math.nan
        return math.inf if math.isnan(value) else -value if falling else value

    yield from sorted(rows, key=size)


def _cell(filled: Filled, row: _Row, column: str) -> str:
    field = settings(filled.panel, column)
    each = row.values.get(column)
    if each is None:
        said, color = word_for(field, row.labels.get(column, ""))
        links = (
            nodes(field.get("links"))
            if field.get("links") != filled.panel.defaults.get("links")
            else ()
        )
        return f'<td style="color:{color}">{_linked(links, said)}</td>'
    value = each.points[-1][1]
    color = color_of(field, value) if "custom.cellOptions" in field else ""
    style = f"background:{color};color:{palette.ink_on(color)}" if color else ""
    return f'<td class="number" style="{style}">{escape(told(field, value))}</td>'


def _linked(links: Sequence[Node], said: str) -> str:
    """The text, as a link where the panel makes it one by its value alone."""
    for link in links:
        url = word(link, "url").replace(_SHOWN_VALUE, said)
        if "$" not in url and url.startswith(("http://", "https://")):
            return f'<a href="{escape(url, quote=True)}">{escape(said)}</a>'
    return escape(said)
