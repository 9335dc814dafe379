"""Which items a step is about: `include` and `exclude`, answered for all items at once.

Names and meaning are the OpenTelemetry Collector's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Annotated, Final, Literal, Self

import numpy as np
from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from collectors.component import Config, Signal
from collectors.ottl.columns import Column, Distinct, Mask, Numbers, Typed, holds
from collectors.ottl.contexts import CONTEXTS, Context, Rows
from collectors.ottl.syntax import ENUMS
from collectors.patterns import pattern
from collectors.wire.scan import Scan

Plain = StrictBool | StrictInt | StrictFloat | StrictStr
_SERVICE: Final = "service.name"
_CONTEXT_OF: Final = {Signal.TRACES: "span", Signal.LOGS: "log_record", Signal.METRICS: "metric"}
_TEXTS: Final = {
    "span_names": "name",
    "log_bodies": "body",
    "log_severity_texts": "severity_text",
    "metric_names": "name",
}


def context_of(signal: Signal) -> Context:
    """The paths of the items of `signal`."""
    return CONTEXTS[_CONTEXT_OF[signal]]


class PairConfig(Config):
    """An attribute that must be there, and the value that it must have if one is given."""

    key: Annotated[str, Field(min_length=1)]
    value: Plain | None = None


class LibraryConfig(Config):
    """An instrumentation scope; without a version any version."""

    name: Annotated[str, Field(min_length=1)]
    version: str | None = None


class SeverityConfig(Config):
    """Log records of at least this severity, and those without one if wanted."""

    min: Annotated[int, Field(ge=0, le=24)] = 0
    match_undefined: bool = False


def _kind(text: str) -> str:
    if not text.startswith("SPAN_KIND_") or text not in ENUMS:
        msg = f"must be a span kind such as SPAN_KIND_SERVER, got {text!r}"
        raise ValueError(msg)
    return text


class MatchConfig(Config):
    """Which items: every property that is given must match, by one of its entries.

    Of `attributes` and `resources` every entry must match.
    """

    match_type: Literal["strict", "regexp"]
    services: list[str] = Field(default_factory=list[str])
    span_names: list[str] = Field(default_factory=list[str])
    span_kinds: list[Annotated[str, AfterValidator(_kind)]] = Field(default_factory=list[str])
    log_bodies: list[str] = Field(default_factory=list[str])
    log_severity_texts: list[str] = Field(default_factory=list[str])
    log_severity_number: SeverityConfig | None = None
    metric_names: list[str] = Field(default_factory=list[str])
    attributes: list[PairConfig] = Field(default_factory=list[PairConfig])
    resources: list[PairConfig] = Field(default_factory=list[PairConfig])
    libraries: list[LibraryConfig] = Field(default_factory=list[LibraryConfig])

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.given():
            msg = "must name at least one property to match"
            raise ValueError(msg)
        if self.match_type == "regexp":
            for text in self._patterns():
                pattern(text)
        return self

    def given(self) -> tuple[str, ...]:
        """The properties that are given."""
        names = [name for name in type(self).model_fields if name != "match_type"]
        return tuple(name for name in names if getattr(self, name))

    def strange_to(self, signal: Signal) -> tuple[str, ...]:
        """The properties that items of `signal` do not have."""
        return tuple(name for name in self.given() if name not in PROPERTIES[signal])

    def _patterns(self) -> list[str]:
        pairs = [of.value for of in (*self.attributes, *self.resources)]
        return [
            *self.services,
            *self.span_names,
            *self.log_bodies,
            *self.log_severity_texts,
            *self.metric_names,
            *(value for value in pairs if isinstance(value, str)),
            *(of.name for of in self.libraries),
        ]


PROPERTIES: Final = {
    Signal.TRACES: {"services", "span_names", "span_kinds", "attributes", "resources", "libraries"},
    Signal.LOGS: {
        "log_bodies",
        "log_severity_texts",
        "log_severity_number",
        "attributes",
        "resources",
        "libraries",
    },
    Signal.METRICS: {"metric_names", "resources", "libraries"},
}


class StrangeProperty(ValueError):  # noqa: N818 - said of a property
    """A match block names what the items of a signal do not have."""


class Selection:
    """The items that are included and not excluded."""

    def __init__(
        self, include: MatchConfig | None, exclude: MatchConfig | None, signal: Signal
    ) -> None:
        """Take both blocks; without any, every item is meant.

        Raises:
            StrangeProperty: One of them names what items of `signal` do not have.
        """
        for name, block in (("include", include), ("exclude", exclude)):
            if block is not None and (strange := block.strange_to(signal)):
                msg = f"{name}.{strange[0]} is not for {signal}"
                raise StrangeProperty(msg)
        self._context = context_of(signal)
        self._include = None if include is None else Matcher(include, signal)
        self._exclude = None if exclude is None else Matcher(exclude, signal)

    def __call__(self, scanned: Scan) -> Mask:
        """Which entries of a request are meant."""
        meant: Mask = np.ones(len(scanned.entries), np.bool_)
        rows = self._context.rows(scanned)
        if self._include is not None:
            meant &= self._include(rows)
        if self._exclude is not None:
            meant &= ~self._exclude(rows)
        return meant


class Matcher:
    """A match block."""

    def __init__(self, config: MatchConfig, signal: Signal) -> None:
        self._config = config
        self._context = context_of(signal)

    def __call__(self, rows: Rows) -> Mask:
        """Which of `rows` every property matches that is given."""
        return reduce(np.logical_and, [self._property(name, rows) for name in self._config.given()])

    def _property(self, name: str, rows: Rows) -> Mask:
        config = self._config
        if name in _TEXTS:
            return self._any_text(getattr(config, name), self._read(rows, _TEXTS[name]))
        match name:
            case "services":
                column = self._read(rows, "resource.attributes", _SERVICE)
                return self._any_text(config.services, column)
            case "span_kinds":
                wanted = {ENUMS[kind] for kind in config.span_kinds}
                return _where(self._read(rows, "kind"), lambda value: value in wanted)
            case "log_severity_number":
                return self._severe(rows)
            case "libraries":
                return self._any_library(config.libraries, rows)
            case _:
                path = "attributes" if name == "attributes" else "resource.attributes"
                return self._all_pairs(getattr(config, name), rows, path)

    def _read(self, rows: Rows, path: str, key: str = "") -> Column:
        return self._context.paths[path](rows, key)

    def _any_text(self, wanted: Sequence[str], column: Column) -> Mask:
        tests = [self._test(text) for text in wanted]
        return _where(column, lambda value: any(test(value) for test in tests))

    def _severe(self, rows: Rows) -> Mask:
        severity = self._config.log_severity_number
        least = severity.min if severity else 0
        takes_none = bool(severity and severity.match_undefined)
        return _where(
            self._read(rows, "severity_number"),
            lambda value: takes_none if value == 0 else isinstance(value, int) and value >= least,
        )

    def _any_library(self, libraries: Sequence[LibraryConfig], rows: Rows) -> Mask:
        names, versions = self._read(rows, "scope.name"), self._read(rows, "scope.version")
        found: Mask = np.zeros(len(rows.at), np.bool_)
        for library in libraries:
            mine = _where(names, self._test(library.name))
            if library.version is not None:
                mine &= _where(versions, self._test(library.version))
            found |= mine
        return found

    def _all_pairs(self, pairs: Sequence[PairConfig], rows: Rows, path: str) -> Mask:
        found: Mask = np.ones(len(rows.at), np.bool_)
        for pair in pairs:
            column = self._read(rows, path, pair.key)
            wanted = pair.value
            if wanted is None:
                found &= _where(column, lambda value: value is not None)
            else:
                found &= _where(column, self._test(wanted))
        return found

    def _test(self, wanted: Typed) -> Callable[[Typed], bool]:
        if self._config.match_type == "regexp" and isinstance(wanted, str):
            like = pattern(wanted)
            return lambda value: isinstance(value, str) and like.search(value) is not None
        return lambda value: holds(value, "==", wanted)


def _where(column: Column, test: Callable[[Typed], bool]) -> Mask:
    if isinstance(column, Numbers):
        distinct, place = np.unique(column.values, return_inverse=True)
        column = Distinct(place, tuple(distinct.tolist()))
    return column.where(test)
