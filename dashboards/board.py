"""A dashboard: sections of panels, the variables they use, and the ways between dashboards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import attr
from grafanalib import core

from dashboards import palette
from dashboards.layout import COLUMNS, HEADER_HEIGHT, flow
from dashboards.notation import Json, JsonValue, stable_id, text
from dashboards.panel import Viz
from dashboards.query import PROMETHEUS

TAG: Final = "fleetslo"
"""Every dashboard has it; the links between them search for it."""
SCHEMA_VERSION: Final = 39
"""Newest that Grafana 10 takes and oldest that Grafana 13 leaves as it is."""
_LEGACY: Final = (
    "__inputs",
    "gnetId",
    "hideControls",
    "id",
    "rows",
    "sharedCrosshair",
    "style",
    "version",
)
_CROSSHAIR: Final = 1
_ON_TIME_RANGE: Final = 2
_ALPHABETICAL: Final = 1


@dataclass(frozen=True, slots=True)
class SourceVariable:
    """Which instance of a kind of store is asked."""

    kind: str

    @property
    def name(self) -> str:
        """The variable's name, ``loki_datasource``."""
        return f"{self.kind}_datasource"

    def to_json_data(self) -> Json:
        """As Grafana wants it."""
        return {
            "label": f"{self.kind.capitalize()} data source",
            "name": self.name,
            "query": self.kind,
            "type": "datasource",
        }


@dataclass(frozen=True, slots=True)
class LabelVariable:
    """The values of a label, to choose from; all of them at first.

    Attributes:
        series: PromQL selector whose label values are offered.
        many: Several may be chosen; else exactly one.
        first: What is chosen at first; empty for all.
    """

    name: str
    label: str
    series: str
    of: str
    description: str
    many: bool = True
    first: str = ""

    def to_json_data(self) -> Json:
        """As Grafana wants it."""
        query = f"label_values({self.series}, {self.of})"
        variable: Json = {
            "datasource": PROMETHEUS,
            "definition": query,
            "description": self.description,
            "label": self.label,
            "name": self.name,
            "query": query,
            "refresh": _ON_TIME_RANGE,
            "sort": _ALPHABETICAL,
            "type": "query",
        }
        if self.first:
            variable["current"] = {"text": self.first, "value": self.first}
        if self.many:
            variable["multi"] = True
            variable["includeAll"] = True
            variable["allValue"] = ".+"
            if not self.first:
                variable["current"] = {"text": "All", "value": "$__all"}
        return variable


@dataclass(frozen=True, slots=True)
class TextVariable:
    """What somebody types or a link fills in."""

    name: str
    label: str
    description: str

    def to_json_data(self) -> Json:
        """As Grafana wants it."""
        return {
            "current": {"text": "", "value": ""},
            "description": self.description,
            "label": self.label,
            "name": self.name,
            "query": "",
            "type": "textbox",
        }


Variable = SourceVariable | LabelVariable | TextVariable


@dataclass(frozen=True, slots=True)
class Mark:
    """Moments and spans that are marked in every panel over time.

    Attributes:
        expr: PromQL; where it has a value, a mark is drawn, neighbours joined to one span.
        shown: Drawn at first; else one click away.
    """

    name: str
    expr: str
    color: str
    title: str
    text: str = ""
    tags: str = ""
    shown: bool = True

    def to_json_data(self) -> Json:
        """As Grafana wants it."""
        return {
            "datasource": PROMETHEUS,
            "enable": self.shown,
            "expr": self.expr,
            "iconColor": self.color,
            "name": self.name,
            "step": "60s",
            "tagKeys": self.tags or None,
            "textFormat": self.text or None,
            "titleFormat": self.title,
        }


@dataclass(frozen=True, slots=True)
class Section:
    """Panels below a header.

    Attributes:
        key: Stable within the dashboard; the header's id is computed from it.
        title: The header; empty for panels without one, at the top.
        closed: The header is folded, and its panels ask nothing until it is opened.
        repeat: Variable for each value of which the section is repeated; empty for none.
    """

    key: str
    title: str
    panels: tuple[Viz, ...]
    closed: bool = False
    repeat: str = ""


# grafanalib ships no types, so its classes are Any to both checkers.
@attr.s(auto_attribs=True, kw_only=True)
class Board(core.Dashboard):  # type: ignore[misc]
    """A dashboard of one view; `text` is the whole file."""

    title: str
    description: str
    uid: str
    view: str
    start: str
    tags: Sequence[str]
    refresh: str
    sections: Sequence[Section]
    variables: Sequence[Variable]
    marks: Sequence[Mark]
    many: bool = False

    def to_json_data(self) -> Json:
        """The dashboard as Grafana's schema has it; None where Grafana's default holds."""
        board = cast("Json", super().to_json_data())
        for name in _LEGACY:
            board.pop(name, None)
        board |= {
            "annotations": {"list": [_BUILT_IN, *(mark.to_json_data() for mark in self.marks)]},
            "editable": False,
            "fiscalYearStartMonth": 0,
            "graphTooltip": _CROSSHAIR,
            "links": [_siblings(dropdown=self.many)],
            "panels": self._panels(),
            "schemaVersion": SCHEMA_VERSION,
            "tags": [TAG, *self.tags],
            "templating": {"list": [variable.to_json_data() for variable in self.variables]},
            "time": {"from": self.start, "to": "now"},
            "timepicker": {},
            "timezone": "browser",
        }
        return board

    def text(self) -> str:
        """The file."""
        return text(self.to_json_data())

    def _panels(self) -> list[JsonValue]:
        panels: list[JsonValue] = []
        taken: set[int] = set()
        top = 0
        for section in self.sections:
            placed, bottom = self._placed(section, top + bool(section.title), taken)
            if section.title:
                header = self._header(section, top, taken)
                header["panels"] = placed if section.closed else []
                panels.append(header)
                bottom = top + HEADER_HEIGHT if section.closed else bottom
            if not section.closed:
                panels.extend(placed)
            top = bottom
        return panels

    def _placed(self, section: Section, top: int, taken: set[int]) -> tuple[list[JsonValue], int]:
        places, bottom = flow([panel.wanted() for panel in section.panels], top)
        placed: list[JsonValue] = [
            panel.placed(self._identity(f"{section.key}/{panel.key}", taken), place)
            for panel, place in zip(section.panels, places, strict=True)
        ]
        return placed, bottom

    def _header(self, section: Section, top: int, taken: set[int]) -> Json:
        return {
            "collapsed": section.closed,
            "gridPos": {"h": HEADER_HEIGHT, "w": COLUMNS, "x": 0, "y": top},
            "id": self._identity(section.key, taken),
            "repeat": section.repeat or None,
            "title": section.title,
            "type": "row",
        }

    def _identity(self, key: str, taken: set[int]) -> int:
        identity = stable_id(self.view, key)
        while identity in taken:
            identity += 1
        taken.add(identity)
        return identity


_BUILT_IN: Final[Json] = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": palette.SKY,
    "name": "Annotations & Alerts",
    "type": "dashboard",
}


def _siblings(*, dropdown: bool) -> Json:
    return {
        "asDropdown": dropdown,
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "tags": [TAG],
        "targetBlank": False,
        "title": "Other views" if dropdown else "",
        "tooltip": "The same time and choices in another view",
        "type": "dashboards",
        "url": "",
    }
