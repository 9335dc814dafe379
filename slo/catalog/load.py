"""The metric catalogue, typed: what `metrics.yaml` says and what follows from it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict, Field

from slo.catalog.naming import Instrument, prometheus_label, prometheus_name, prometheus_series


class Source(StrEnum):
    """Who counts.

    AGENT: the agent itself. OBSERVER: one process that watches others. DEPLOYER: the
    pipeline that deploys. COLLECTOR: the collector, about itself. THROTTLE: `sloctl throttle
    serve`, about itself.
    """

    AGENT = "agent"
    OBSERVER = "observer"
    DEPLOYER = "deployer"
    COLLECTOR = "collector"
    THROTTLE = "throttle"


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute and how many values it may take.

    Attributes:
        values: All values that it can have; empty where they are the user's.
        bound: Most values that are allowed, at least 1.
    """

    key: str
    meaning: str
    values: tuple[str, ...]
    bound: int

    @property
    def label(self) -> str:
        """Its name in Prometheus."""
        return prometheus_label(self.key)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as its instrument is created.

    Attributes:
        catalog_id: The row it serves: M1 to M10, F1 to F5, R1 to R4, X or S.
        unit: UCUM; never ``1``, a custom unit in braces.
        buckets: Upper edges of a histogram, ascending, without infinity; else empty.
        owner: Name of a team.
        zero: What `zero_sets` multiplies out.
    """

    name: str
    catalog_id: str
    instrument: Instrument
    unit: str
    meaning: str
    owner: str
    source: Source
    attributes: tuple[Attribute, ...]
    buckets: tuple[float, ...]
    zero: tuple[Mapping[str, tuple[str, ...]], ...]

    @property
    def prometheus(self) -> str:
        """The name in Prometheus: ``mas_agent_actions_total``."""
        return prometheus_name(self.name, self.unit, self.instrument)

    @property
    def series(self) -> tuple[str, ...]:
        """Every series name; a histogram's are ``_bucket``, ``_count`` and ``_sum``."""
        return prometheus_series(self.name, self.unit, self.instrument)

    @property
    def labels(self) -> Mapping[str, Attribute]:
        """Its attributes by their names in Prometheus."""
        return {attribute.label: attribute for attribute in self.attributes}

    def zero_sets(self, known: Mapping[str, tuple[str, ...]]) -> Iterator[dict[str, str]]:
        """Every label set that exists from the start.

        Args:
            known: Values of the open attributes that this process can speak of, and of
                closed ones that it wants to narrow (its own role; nothing at all).

        Yields:
            Complete label sets; nothing while an open attribute is not in `known`.
        """
        for narrowed in self.zero or ({},):
            choices = [
                [(attribute.key, value) for value in _choices(attribute, narrowed, known)]
                for attribute in self.attributes
            ]
            yield from (dict(pairs) for pairs in itertools.product(*choices))


def _choices(
    attribute: Attribute,
    narrowed: Mapping[str, tuple[str, ...]],
    known: Mapping[str, tuple[str, ...]],
) -> tuple[str, ...]:
    """The values of `attribute` to start with."""
    key = attribute.key
    return known[key] if key in known else narrowed.get(key, attribute.values)


@dataclass(frozen=True, slots=True)
class MetricCatalog:
    """All metrics, their attributes, and what the resource adds to every series."""

    metrics: tuple[Metric, ...]
    attributes: tuple[Attribute, ...]
    resource: tuple[Attribute, ...]

    def metric(self, name: str) -> Metric:
        """The metric called `name` in OpenTelemetry.

        Raises:
            KeyError: The catalogue has none of that name.
        """
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(name)

    def by_series(self) -> Mapping[str, Metric]:
        """Every series name in Prometheus, and the metric it belongs to."""
        return {series: metric for metric in self.metrics for series in metric.series}


class _AttributeEntry(BaseModel):
    """One entry of `attributes` or `resource`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    key: str
    meaning: str
    values: tuple[str, ...] = ()
    bound: int | None = Field(default=None, ge=1)


class _MetricEntry(BaseModel):
    """One entry of `metrics`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    id: str
    instrument: Instrument
    unit: str
    meaning: str
    owner: str
    source: Source
    attributes: tuple[str | dict[str, tuple[str, ...]], ...]
    buckets: tuple[float, ...] = ()
    zero: tuple[dict[str, tuple[str, ...]], ...] = ()


class _File(BaseModel):
    """The whole of `metrics.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    version: int = Field(ge=1, le=1)
    resource: tuple[_AttributeEntry, ...]
    attributes: tuple[_AttributeEntry, ...]
    metrics: tuple[_MetricEntry, ...]


def load(text: str) -> MetricCatalog:
    """Read a catalogue from YAML.

    Raises:
        ValueError: Not the format, or a metric names an attribute that is not declared.
    """
    file = _File.model_validate(yaml.safe_load(text))
    attributes = {entry.key: _attribute(entry) for entry in file.attributes}
    return MetricCatalog(
        metrics=tuple(_metric(entry, attributes) for entry in file.metrics),
        attributes=tuple(attributes.values()),
        resource=tuple(_attribute(entry) for entry in file.resource),
    )


@cache
def metrics() -> MetricCatalog:
    """The built-in catalogue."""
    return load(resources.files("slo.catalog").joinpath("metrics.yaml").read_text("utf-8"))


def _attribute(entry: _AttributeEntry) -> Attribute:
    """An attribute; a closed one is bounded by its values.

    Raises:
        ValueError: Neither values nor a bound.
    """
    bound = entry.bound or len(entry.values)
    if not bound:
        msg = f"attribute {entry.key} needs values or a bound"
        raise ValueError(msg)
    return Attribute(key=entry.key, meaning=entry.meaning, values=entry.values, bound=bound)


def _metric(entry: _MetricEntry, attributes: Mapping[str, Attribute]) -> Metric:
    """A metric with its attributes resolved."""
    return Metric(
        name=entry.name,
        catalog_id=entry.id,
        instrument=entry.instrument,
        unit=entry.unit,
        meaning=entry.meaning,
        owner=entry.owner,
        source=entry.source,
        attributes=tuple(_resolve(entry, item, attributes) for item in entry.attributes),
        buckets=entry.buckets,
        zero=entry.zero,
    )


def _resolve(
    entry: _MetricEntry, item: str | dict[str, tuple[str, ...]], known: Mapping[str, Attribute]
) -> Attribute:
    """The declared attribute behind `item`, narrowed where it is a mapping.

    Raises:
        ValueError: It is not declared, or is given a value that it cannot have.
    """
    key, values = (item, ()) if isinstance(item, str) else next(iter(item.items()))
    declared = known.get(key)
    if declared is None:
        msg = f"metric {entry.name} has attribute {key}, which is not declared"
        raise ValueError(msg)
    if not values:
        return declared
    if surplus := set(values) - set(declared.values):
        msg = f"metric {entry.name} gives {key} the values {sorted(surplus)}, not declared"
        raise ValueError(msg)
    return Attribute(key=key, meaning=declared.meaning, values=values, bound=len(values))
