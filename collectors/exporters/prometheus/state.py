"""All series of the endpoint: OTLP points go in, families of series come out.

A pure function of the batches applied, in order: expiry is counted on their steady time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ScopeMetrics

from collectors.component import Batch
from collectors.exporters.prometheus.config import PrometheusConfig
from collectors.prom import labels
from collectors.prom.kinds import (
    Described,
    Kind,
    Point,
    describe,
    series_names,
    value_of,
)
from collectors.prom.labels import TARGET_INFO
from collectors.prom.values import Number, Value
from slo.catalog.naming import Instrument, prometheus_name, unit_words

_NO_RECORDED_VALUE: Final = 1  # DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
_PURGES_PER_EXPIRATION: Final = 10
_LONGEST: Final = 1 << 16
"""Characters of the labels of a series, and of the words of a metric: of a request they may be
millions, and every snapshot and scrape has them."""

_RESERVED: Final = {Kind.HISTOGRAM: "le", Kind.SUMMARY: "quantile"}


class LeftOut(StrEnum):
    """Why a point is not shown; the label `reason` of the counter."""

    OUT_OF_ORDER = "out_of_order"
    SECOND_WRITER = "second_writer"
    OVERFLOW = "overflow"
    COLLISION = "collision"
    UNNAMED = "unnamed"
    MALFORMED = "malformed"
    NO_DATA = "no_data"
    TOO_LONG = "too_long"


@dataclass(slots=True)
class Series:
    """One label set of a family, and its newest point.

    Attributes:
        start_ns: Unix time at which the counting began; a newer one is a reset.
        time_ns: Unix time of the newest point.
        seen_ns: Steady time of the batch that brought it.
    """

    start_ns: int
    time_ns: int
    seen_ns: int
    value: Value


@dataclass(slots=True)
class Family:
    """All series of one name.

    Attributes:
        name: In Prometheus, `_total` included.
        source: The OpenTelemetry name that it comes from.
        series: By label text.
    """

    name: str
    kind: Kind
    unit: str
    help: str
    source: str
    series: dict[str, Series] = field(default_factory=dict[str, Series])

    def names(self) -> tuple[str, ...]:
        """Every series name that the family uses."""
        return series_names(self.name, self.kind)


@dataclass(slots=True)
class Info:
    """The `target_info` of one target."""

    text: str
    seen_ns: int


@dataclass(slots=True)
class State:
    """Everything that the endpoint shows.

    Attributes:
        families: By name in Prometheus.
        infos: `target_info` by identity, so that a restarted target replaces its own.
        now_ns: Steady time of the newest batch.
        series_count: Series in all families.
        purged_ns: Steady time of the last search for dead series.
        left_out: Points that are not shown, by reason, since the last look.
        second_writer: A series that two senders write, for the log; empty if none was seen.
    """

    config: PrometheusConfig
    families: dict[str, Family] = field(default_factory=dict[str, Family])
    infos: dict[str, Info] = field(default_factory=dict[str, Info])
    now_ns: int = 0
    series_count: int = 0
    purged_ns: int = 0
    left_out: Counter[LeftOut] = field(default_factory=Counter[LeftOut])
    second_writer: str = ""
    _owners: dict[str, str] = field(default_factory=dict[str, str])

    def apply(self, batch: Batch) -> None:
        """Fold `batch` in.

        Raises:
            DecodeError: It is not a metrics request; nothing has changed.
        """
        request = ExportMetricsServiceRequest.FromString(batch.payload)
        self.now_ns = max(self.now_ns, batch.steady_ns)
        for resource_metrics in request.resource_metrics:
            target = labels.target(resource_metrics.resource, self.config.resource_constant_labels)
            has_room = target.key in self.infos or self._has_room_for_infos
            if target.info and len(target.info) <= _LONGEST and has_room:
                self.infos[target.key] = Info(target.info, self.now_ns)
            for scope_metrics in resource_metrics.scope_metrics:
                self._apply_scope(scope_metrics, target)
        self._purge_if_due()

    @property
    def _has_room_for_infos(self) -> bool:
        """Targets come from the network, as series do, and are bounded by the same number."""
        return len(self.infos) < self.config.max_series

    def _apply_scope(self, scope_metrics: ScopeMetrics, target: labels.Target) -> None:
        weak = dict(target.promoted)
        if not self.config.without_scope_info:
            weak |= labels.scope_labels(scope_metrics.scope)
        around = _Labels(weak, {**self.config.const_labels, **target.identity})
        for metric in scope_metrics.metrics:
            self._apply_metric(metric, around)

    def _apply_metric(self, metric: Metric, around: _Labels) -> None:
        described = describe(metric)
        if described is None:
            self.left_out[LeftOut.NO_DATA] += 1
            return
        if not described.points:
            return
        if max(map(len, (metric.name, metric.unit, metric.description))) > _LONGEST:
            self.left_out[LeftOut.TOO_LONG] += len(described.points)
            return
        family = self._family(metric, described)
        if isinstance(family, LeftOut):
            self.left_out[family] += len(described.points)
            return
        for point in described.points:
            self._apply_point(family, point, around, delta=described.delta)
        if not family.series:  # none of them was taken: the name is free
            self.drop(family)

    def _family(self, metric: Metric, described: Described) -> Family | LeftOut:
        """The family of a metric, or why there is none.

        Two metrics that Prometheus would show under one name cannot both be shown: the
        first that came keeps the name until it expires.
        """
        name = self._name(metric, described.instrument)
        if not name:
            return LeftOut.UNNAMED
        family = self.families.get(name)
        if family is not None:
            same = family.kind is described.kind and family.source == metric.name
            return family if same else LeftOut.COLLISION
        names = series_names(name, described.kind)
        if name == TARGET_INFO or any(taken in self._owners for taken in names):
            return LeftOut.COLLISION
        unit = "_".join(unit_words(metric.unit))
        family = Family(name, described.kind, unit, metric.description, metric.name)
        self.families[name] = family
        self._owners.update(dict.fromkeys(names, name))
        return family

    def _name(self, metric: Metric, instrument: Instrument) -> str:
        name = prometheus_name(metric.name, metric.unit, instrument)
        if not metric.name or name in {"", "total", "ratio"}:
            return ""
        return f"{self.config.namespace}_{name}" if self.config.namespace else name

    def _apply_point(self, family: Family, point: Point, around: _Labels, *, delta: bool) -> None:
        text = _label_text(family.kind, point, around)
        if len(text) > _LONGEST:
            self.left_out[LeftOut.TOO_LONG] += 1
            return
        known = family.series.get(text)
        if point.flags & _NO_RECORDED_VALUE:
            if known is not None:
                del family.series[text]
                self.series_count -= 1
            return
        value = value_of(point)
        if value is None or not _countable(family.kind, value):
            self.left_out[LeftOut.MALFORMED] += 1
            return
        start, time = point.start_time_unix_nano, point.time_unix_nano
        if known is None:
            if self.series_count >= self.config.max_series:
                self.left_out[LeftOut.OVERFLOW] += 1
                return
            self.series_count += 1
            family.series[text] = Series(start, time, self.now_ns, value)
            return
        if delta:
            known.value = known.value.plus(value)
            known.time_ns, known.seen_ns = max(known.time_ns, time), self.now_ns
        elif _is_second(known, start, time):
            self.left_out[LeftOut.SECOND_WRITER] += 1
            self.second_writer = f"{family.name}{{{text}}}"
        elif _is_late(known, start, time):
            self.left_out[LeftOut.OUT_OF_ORDER] += 1
        else:
            known.value, known.start_ns, known.time_ns = value, start, time
            known.seen_ns = self.now_ns

    def alive(self, seen_ns: int, now_ns: int) -> bool:
        """Whether what was seen at `seen_ns` is still shown at `now_ns`."""
        expiration = self.config.metric_expiration
        return not expiration or now_ns - seen_ns < expiration

    def _purge_if_due(self) -> None:
        expiration = self.config.metric_expiration
        if not expiration or self.now_ns - self.purged_ns < expiration // _PURGES_PER_EXPIRATION:
            return
        self.purged_ns = self.now_ns
        for family in list(self.families.values()):
            dead = [
                text
                for text, series in family.series.items()
                if not self.alive(series.seen_ns, self.now_ns)
            ]
            for text in dead:
                del family.series[text]
            self.series_count -= len(dead)
            if not family.series:
                self.drop(family)
        for identity, info in list(self.infos.items()):
            if not self.alive(info.seen_ns, self.now_ns):
                del self.infos[identity]

    def drop(self, family: Family) -> None:
        """Take `family` out, and give its names free."""
        del self.families[family.name]
        for name in family.names():
            self._owners.pop(name, None)

    def adopt(self, family: Family) -> None:
        """Put `family` in as it is; for restoring a snapshot."""
        self.families[family.name] = family
        self._owners.update(dict.fromkeys(family.names(), family.name))
        self.series_count += len(family.series)


@dataclass(frozen=True, slots=True)
class _Labels:
    """What goes around a point's own labels: `weak` gives way to them, `strong` does not."""

    weak: Mapping[str, str]
    strong: Mapping[str, str]


def _countable(kind: Kind, value: Value) -> bool:
    """Whether a counter's number can have been counted: at least 0, and finite.

    One NaN would stay in a sum of deltas for ever, and in every rate and budget over it.
    """
    if kind is not Kind.COUNTER or not isinstance(value, Number):
        return True
    return math.isfinite(value.value) and value.value >= 0


def _is_second(known: Series, start_ns: int, time_ns: int) -> bool:
    """Whether a point is of an older counting that went on when the known one had begun.

    One sender ends its counting before it begins another: two of them share the labels.
    """
    return 0 < start_ns < known.start_ns < time_ns


def _is_late(known: Series, start_ns: int, time_ns: int) -> bool:
    """Whether a point is older than the one known, or of a counting that has ended since.

    A start of 0 is unknown, and says nothing.
    """
    if start_ns and known.start_ns and start_ns != known.start_ns:
        return start_ns < known.start_ns
    return time_ns < known.time_ns


def _label_text(kind: Kind, point: Point, around: _Labels) -> str:
    """The label text of a point; an attribute that Prometheus needs for itself steps aside."""
    own = labels.label_values(point.attributes)
    reserved = _RESERVED.get(kind, "")
    if reserved in own:
        own[f"exported_{reserved}"] = own.pop(reserved)
    return labels.render({**around.weak, **own, **around.strong})
