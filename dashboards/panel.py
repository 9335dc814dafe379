"""What every panel has: words, colours by value, links, queries; on grafanalib's `Panel`.

grafanalib's own panel classes write JSON that Grafana's schema rejects; its base class is
sound. `Viz` adds what every panel here has and drops what Grafana no longer knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, cast

import attr
from grafanalib import core

from dashboards import palette
from dashboards.layout import Place, Size
from dashboards.notation import Json, JsonValue, shortened
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
    title: str
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
    transformations: Sequence[Json] = ()

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
        overrides: list[JsonValue] = [override.to_json_data() for override in self.overrides]
        own: Json = {
            "type": self.kind,
            "options": self.options(),
            "datasource": self.source(),
            "description": self.words.text(),
            "fieldConfig": {
                "defaults": self._defaults(),
                "overrides": overrides,
            },
            "hideTimeOverride": None,
            "interval": self.min_interval,
            "links": [link.of_panel() for link in self.see] or None,
            "maxDataPoints": None,
            "targets": [query.to_json_data() for query in self.queries] or None,
            "title": self._title(),
            "transformations": list(self.transformations) or None,
            "transparent": None,
        }
        panel = cast("Json", self.panel_json(own))
        for name in _LEGACY:
            panel.pop(name, None)
        return panel

    def _title(self) -> str:
        return shortened(self.title, _TITLE_CHARACTERS)

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
