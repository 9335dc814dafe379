"""One small class per kind of panel, on grafanalib's `Panel`.

grafanalib's own panel classes write JSON that Grafana's schema rejects; its base class is
sound. `Viz` adds what every panel here has and drops what Grafana no longer knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import attr
from grafanalib import core

from dashboards import palette
from dashboards.layout import Place, Size
from dashboards.notation import Json, JsonValue
from dashboards.query import MIXED, PROMETHEUS, Query

_LEGACY: Final = ("editable", "error", "height", "minSpan", "span")
_TITLE_CHARACTERS: Final = 80
"""Longer titles are cut by Grafana's header; the full words stand in the description."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the description of a panel says: three sentences, in this order.

    Attributes:
        what: What is shown.
        judge: What is good and what is bad.
        then: What to do when it is bad.
    """

    what: str
    judge: str
    then: str

    def text(self) -> str:
        """The description."""
        return f"{self.what}\n\n**Good or bad:** {self.judge}\n\n**Next:** {self.then}"


@dataclass(frozen=True, slots=True)
class Step:
    """From `value` on, `color` holds; None stands for minus infinity."""

    color: str
    value: float | None


NEUTRAL: Final = (Step(palette.BLUE, None),)
"""For what is neither good nor bad."""


@dataclass(frozen=True, slots=True)
class Link:
    """A way on: from the panel's corner, or from one of its values."""

    title: str
    url: str

    def of_panel(self) -> Json:
        """As Grafana wants it in a panel's `links`."""
        return {
            "asDropdown": False,
            "icon": "external link",
            "includeVars": False,
            "keepTime": False,
            "tags": [],
            "targetBlank": True,
            "title": self.title,
            "tooltip": "",
            "type": "link",
            "url": self.url,
        }

    def of_value(self) -> Json:
        """As Grafana wants it in a field's `links`."""
        return {"targetBlank": True, "title": self.title, "url": self.url}


@dataclass(frozen=True, slots=True)
class State:
    """A range of values that carries a word and a colour; None is open."""

    low: float | None
    high: float | None
    word: str
    color: str

    def mapping(self, index: int) -> Json:
        """As one of Grafana's value mappings."""
        bounds: Json = {"result": {"text": self.word, "color": self.color, "index": index}}
        bounds["from"] = self.low
        bounds["to"] = self.high
        return {"type": "range", "options": bounds}


@dataclass(frozen=True, slots=True)
class Override:
    """Properties of the fields that `matcher` finds (byName, byRegexp, byFrameRefID)."""

    matcher: str
    name: str
    properties: tuple[tuple[str, JsonValue], ...]

    def to_json_data(self) -> Json:
        """As Grafana wants it in `fieldConfig.overrides`."""
        return {
            "matcher": {"id": self.matcher, "options": self.name},
            "properties": [{"id": key, "value": value} for key, value in self.properties],
        }


# grafanalib ships no types, so its classes are Any to both checkers.
@attr.s(auto_attribs=True, kw_only=True)
class Viz(core.Panel):  # type: ignore[misc]
    """A panel. Give `title`, `key`, `words`, `none` and `queries`; the rest has defaults.

    Attributes:
        key: What it is within its dashboard; its id is computed from it.
        words: Its description.
        none: Shown where no value is; says why there is none.
        queries: What it asks.
        unit: Unit id of Grafana, ``percentunit``, ``s``, ``short``.
        size: What it asks of the layout.
        steps: Colours by value, the base first.
        states: Words by value, beside the colours.
        see: Links in the corner.
        value_links: Links at each value.
    """

    kind: ClassVar[str] = ""
    size: ClassVar[Size] = Size(8, 8)

    key: str
    words: Words
    none: str = ""
    queries: Sequence[Query] = ()
    unit: str = "short"
    decimals: int | None = None
    low: float | None = None
    high: float | None = None
    steps: Sequence[Step] = NEUTRAL
    states: Sequence[State] = ()
    color_mode: str = "thresholds"
    see: Sequence[Link] = ()
    value_links: Sequence[Link] = ()
    overrides: Sequence[Override] = ()
    wish: Size | None = None
    min_interval: str | None = None

    def options(self) -> Json:
        """The options of this kind of panel."""
        return {}

    def custom(self) -> Json | None:
        """The field options of this kind of panel, if it has any."""
        return None

    def wanted(self) -> Size:
        """What it asks of the layout."""
        return self.wish or self.size

    def source(self) -> Json:
        """The data source: that of its queries, or Grafana's mix of several."""
        sources = [query.source for query in self.queries]
        if not sources:
            return PROMETHEUS
        return sources[0] if all(other == sources[0] for other in sources) else MIXED

    def placed(self, identity: int, place: Place) -> Json:
        """The panel as JSON, with its id, at its place."""
        panel = self.to_json_data()
        panel["id"] = identity
        panel["gridPos"] = {"x": place.x, "y": place.y, "w": place.width, "h": place.height}
        return panel

    def to_json_data(self) -> Json:
        """The panel as Grafana's schema has it; None where Grafana's default holds."""
        panel: Json = self.panel_json(
            {
                "type": self.kind,
                "options": self.options(),
                "datasource": self.source(),
                "description": self.words.text(),
                "fieldConfig": {
                    "defaults": self._defaults(),
                    "overrides": [override.to_json_data() for override in self.overrides],
                },
                "hideTimeOverride": None,
                "interval": self.min_interval,
                "links": [link.of_panel() for link in self.see] or None,
                "maxDataPoints": None,
                "targets": [query.to_json_data() for query in self.queries] or None,
                "title": self._title(),
                "transformations": self.transformations or None,
                "transparent": None,
            }
        )
        for name in _LEGACY:
            panel.pop(name, None)
        return panel

    def _title(self) -> str:
        title: str = self.title
        short = title if len(title) <= _TITLE_CHARACTERS else title[: _TITLE_CHARACTERS - 1] + "…"
        return short

    def _defaults(self) -> Json:
        return {
            "color": {"mode": self.color_mode},
            "custom": self.custom(),
            "decimals": self.decimals,
            "links": [link.of_value() for link in self.value_links] or None,
            "mappings": [state.mapping(index) for index, state in enumerate(self.states)],
            "max": self.high,
            "min": self.low,
            "noValue": self.none,
            "thresholds": {
                "mode": "absolute",
                "steps": [{"color": step.color, "value": step.value} for step in self.steps],
            },
            "unit": self.unit,
        }


_LAST: Final[Json] = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_TOOLTIP: Final[Json] = {"mode": "multi", "sort": "desc"}


def _legend(calcs: Sequence[str], mode: str = "table") -> Json:
    return {"calcs": list(calcs), "displayMode": mode, "placement": "bottom", "showLegend": True}


@attr.s(auto_attribs=True, kw_only=True)
class Stat(Viz):
    """One number, large, with its recent course behind it where the query is a range."""

    kind: ClassVar[str] = "stat"
    size: ClassVar[Size] = Size(6, 5)

    background: bool = False
    text_mode: str = "auto"

    def options(self) -> Json:
        """The last value; its colour on the number, or on the whole tile."""
        return {
            "colorMode": "background" if self.background else "value",
            "graphMode": "area",
            "justifyMode": "auto",
            "orientation": "auto",
            "percentChangeColorMode": "standard",
            "reduceOptions": _LAST,
            "showPercentChange": False,
            "textMode": self.text_mode,
            "wideLayout": True,
        }


@attr.s(auto_attribs=True, kw_only=True)
class Lines(Viz):
    """Values over time, limits drawn as dashed lines.

    Attributes:
        limits: Draw the steps as lines.
        stacked: Put the series on top of each other; for parts of a whole only.
        log_scale: Logarithmic axis, base 10, for values over several magnitudes.
    """

    kind: ClassVar[str] = "timeseries"
    size: ClassVar[Size] = Size(12, 8)

    limits: bool = False
    stacked: bool = False
    log_scale: bool = False
    calcs: Sequence[str] = ("lastNotNull", "max")

    def options(self) -> Json:
        """A legend that is a table, so that a name and a number stand beside each colour."""
        return {"legend": _legend(self.calcs), "tooltip": _TOOLTIP}

    def custom(self) -> Json:
        """How the lines are drawn."""
        scale: Json = {"type": "log", "log": 10} if self.log_scale else {"type": "linear"}
        return {
            "drawStyle": "line",
            "fillOpacity": 30 if self.stacked else 0,
            "lineWidth": 2,
            "scaleDistribution": scale,
            "showPoints": "auto",
            "spanNulls": False,
            "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if self.limits else "off"},
        }


@attr.s(auto_attribs=True, kw_only=True)
class Bars(Viz):
    """A bar per name, the name and the number written beside it."""

    kind: ClassVar[str] = "bargauge"
    size: ClassVar[Size] = Size(8, 8)

    def options(self) -> Json:
        """Lying bars, so that long names stay legible."""
        return {
            "displayMode": "basic",
            "legend": _legend((), "list") | {"showLegend": False},
            "maxVizHeight": 60,
            "minVizHeight": 16,
            "minVizWidth": 8,
            "namePlacement": "left",
            "orientation": "horizontal",
            "reduceOptions": _LAST,
            "showUnfilled": True,
            "sizing": "auto",
            "valueMode": "text",
        }


@attr.s(auto_attribs=True, kw_only=True)
class Table(Viz):
    """Rows with a column per label; `sort` names the column, the largest first."""

    kind: ClassVar[str] = "table"
    size: ClassVar[Size] = Size(12, 8)

    sort: str = ""

    def options(self) -> Json:
        """A header, and rows sorted by one column."""
        return {
            "cellHeight": "sm",
            "frameIndex": 0,
            "showHeader": True,
            "sortBy": [{"displayName": self.sort, "desc": True}] if self.sort else None,
        }

    def custom(self) -> Json:
        """Plain cells that can be opened."""
        return {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}


@attr.s(auto_attribs=True, kw_only=True)
class States(Viz):
    """What holds from when to when: a band per name, the state written in it."""

    kind: ClassVar[str] = "state-timeline"
    size: ClassVar[Size] = Size(12, 8)

    def options(self) -> Json:
        """Equal neighbours are one band."""
        return {
            "alignValue": "left",
            "legend": _legend((), "list"),
            "mergeValues": True,
            "rowHeight": 0.8,
            "showValue": "auto",
            "tooltip": {"mode": "single", "sort": "none"},
        }

    def custom(self) -> Json:
        """Filled bands with a thin border."""
        return {"fillOpacity": 80, "lineWidth": 1}


@attr.s(auto_attribs=True, kw_only=True)
class History(Viz):
    """A calendar: a box per name and period, its state written in it."""

    kind: ClassVar[str] = "status-history"
    size: ClassVar[Size] = Size(24, 8)

    def options(self) -> Json:
        """Boxes that touch neither each other nor the next row."""
        return {
            "colWidth": 0.9,
            "legend": _legend((), "list"),
            "rowHeight": 0.8,
            "showValue": "auto",
            "tooltip": {"mode": "single", "sort": "none"},
        }

    def custom(self) -> Json:
        """Filled boxes with a thin border."""
        return {"fillOpacity": 80, "lineWidth": 1}


@attr.s(auto_attribs=True, kw_only=True)
class Graph(Viz):
    """Who talks to whom. Needs queries ``nodes`` and ``edges`` with Grafana's field names."""

    kind: ClassVar[str] = "nodeGraph"
    size: ClassVar[Size] = Size(24, 14)

    stat_unit: str = "short"

    def options(self) -> Json:
        """One unit on nodes and edges."""
        return {
            "edges": {"mainStatUnit": self.stat_unit},
            "nodes": {"mainStatUnit": self.stat_unit},
            "zoomMode": "cooperative",
        }


@attr.s(auto_attribs=True, kw_only=True)
class Heat(Viz):
    """A distribution over time: darker is more."""

    kind: ClassVar[str] = "heatmap"
    size: ClassVar[Size] = Size(12, 8)

    def options(self) -> Json:
        """Buckets as Prometheus has them, in one hue; exemplars as points on them."""
        return {
            "calculate": False,
            "cellGap": 1,
            "color": {
                "exponent": 0.5,
                "fill": palette.BLUE,
                "mode": "scheme",
                "reverse": False,
                "scale": "exponential",
                "scheme": "Blues",
                "steps": 64,
            },
            "exemplars": {"color": palette.VERMILLION},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "showValue": "never",
            "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": True},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": self.unit},
        }

    def custom(self) -> Json:
        """A linear axis of buckets."""
        return {"scaleDistribution": {"type": "linear"}}


@attr.s(auto_attribs=True, kw_only=True)
class Logs(Viz):
    """Log lines, the newest first."""

    kind: ClassVar[str] = "logs"
    size: ClassVar[Size] = Size(24, 10)

    def options(self) -> Json:
        """Wrapped lines with their time and details."""
        return {
            "dedupStrategy": "none",
            "enableLogDetails": True,
            "prettifyLogMessage": False,
            "showCommonLabels": False,
            "showLabels": False,
            "showLogContextToggle": True,
            "showTime": True,
            "sortOrder": "Descending",
            "wrapLogMessage": True,
        }


@attr.s(auto_attribs=True, kw_only=True)
class Trace(Viz):
    """The waterfall of one trace."""

    kind: ClassVar[str] = "traces"
    size: ClassVar[Size] = Size(24, 12)


@attr.s(auto_attribs=True, kw_only=True)
class Text(Viz):
    """Markdown that explains or links; asks nothing."""

    kind: ClassVar[str] = "text"
    size: ClassVar[Size] = Size(24, 6)

    markdown: str = ""

    def options(self) -> Json:
        """The text, as Markdown."""
        return {"content": self.markdown, "mode": "markdown"}

    def _defaults(self) -> Json:
        return {}
