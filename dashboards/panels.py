"""One small class per kind of panel: its options, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import attr

from dashboards import palette
from dashboards.layout import Size
from dashboards.notation import Json
from dashboards.panel import Viz

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
