"""The text that Prometheus reads, in its own format or in OpenMetrics.

Source: Prometheus, "Exposition formats" 0.0.4; OpenMetrics 1.0.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.exporters.prometheus.state import Family, Series, State
from collectors.prom.kinds import Kind
from collectors.prom.labels import TARGET_INFO
from collectors.prom.samples import bound_text, cumulative, number
from collectors.prom.values import Exemplar, Exponential, Histogram, Number, Summary

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_HELP_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n"})
_OPEN_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


def text_format(state: State, now_ns: int) -> str:
    """Everything alive at `now_ns` (steady) in Prometheus's text format."""
    return _document(state, now_ns, open_metrics=False)


def open_metrics(state: State, now_ns: int) -> str:
    """Everything alive at `now_ns` (steady) in OpenMetrics, with exemplars."""
    return _document(state, now_ns, open_metrics=True) + "# EOF\n"


def _document(state: State, now_ns: int, *, open_metrics: bool) -> str:
    lines: list[str] = []
    lines.extend(_infos(state, now_ns, open_metrics=open_metrics))
    writer = _Writer(open_metrics=open_metrics, timestamps=state.config.send_timestamps)
    for name in sorted(state.families):
        family = state.families[name]
        alive = [
            (text, series)
            for text, series in family.series.items()
            if state.alive(series.seen_ns, now_ns)
        ]
        if alive:
            lines.extend(writer.family(family, alive))
    return "".join(f"{line}\n" for line in lines)


def _infos(state: State, now_ns: int, *, open_metrics: bool) -> Iterator[str]:
    alive = [info.text for info in state.infos.values() if state.alive(info.seen_ns, now_ns)]
    if not alive:
        return
    name = TARGET_INFO.removesuffix("_info") if open_metrics else TARGET_INFO
    yield f"# HELP {name} Target metadata"
    yield f"# TYPE {name} {'info' if open_metrics else 'gauge'}"
    for text in alive:
        yield f"{TARGET_INFO}{{{text}}} 1"


class _Writer:
    """Lines of one document."""

    def __init__(self, *, open_metrics: bool, timestamps: bool) -> None:
        self._open_metrics = open_metrics
        self._timestamps = timestamps

    def family(self, family: Family, alive: list[tuple[str, Series]]) -> Iterator[str]:
        """The head of a family and its series."""
        name = family.name
        if self._open_metrics and family.kind is Kind.COUNTER:
            name = name.removesuffix("_total")
        escapes = _OPEN_ESCAPES if self._open_metrics else _HELP_ESCAPES
        if family.help:
            yield f"# HELP {name} {family.help.translate(escapes)}"
        yield f"# TYPE {name} {family.kind}"
        if self._open_metrics and family.unit and name.endswith(f"_{family.unit}"):
            yield f"# UNIT {name} {family.unit}"
        for text, series in alive:
            yield from self._series(family.name, text, series)

    def _series(self, name: str, text: str, series: Series) -> Iterator[str]:
        value, stamp = series.value, self._stamp(series.time_ns)
        if isinstance(value, Number):
            exemplar = self._exemplar(value.exemplar) if name.endswith("_total") else ""
            yield f"{_labelled(name, text)} {number(value.value)}{stamp}{exemplar}"
            return
        if isinstance(value, Histogram):
            yield from self._histogram(name, text, value, stamp)
        elif isinstance(value, Exponential):
            for bound, count in cumulative(value):
                labels = _with(text, "le", bound_text(bound, open_metrics=self._open_metrics))
                yield f"{name}_bucket{{{labels}}} {count}{stamp}"
        else:
            for quantile, at in value.quantiles:
                labels = _with(
                    text, "quantile", bound_text(quantile, open_metrics=self._open_metrics)
                )
                yield f"{name}{{{labels}}} {number(at)}{stamp}"
        if self._open_metrics and not _sum_allowed(value):
            return
        if value.sum is not None:
            yield f"{_labelled(f'{name}_sum', text)} {number(value.sum)}{stamp}"
        yield f"{_labelled(f'{name}_count', text)} {value.count}{stamp}"

    def _histogram(self, name: str, text: str, value: Histogram, stamp: str) -> Iterator[str]:
        passed = 0
        for index, (bound, count) in enumerate(zip(value.bounds, value.counts, strict=False)):
            passed += count
            labels = _with(text, "le", bound_text(bound, open_metrics=self._open_metrics))
            exemplar = self._exemplar(value.exemplars.get(index))
            yield f"{name}_bucket{{{labels}}} {passed}{stamp}{exemplar}"
        exemplar = self._exemplar(value.exemplars.get(len(value.bounds)))
        yield f"{name}_bucket{{{_with(text, 'le', '+Inf')}}} {value.count}{stamp}{exemplar}"

    def _stamp(self, time_ns: int) -> str:
        if not self._timestamps or not time_ns:
            return ""
        milliseconds = time_ns // 1_000_000
        if self._open_metrics:
            return f" {milliseconds // 1000}.{milliseconds % 1000:03}"
        return f" {milliseconds}"

    def _exemplar(self, exemplar: Exemplar | None) -> str:
        if exemplar is None or not self._open_metrics:
            return ""
        span = f',span_id="{exemplar.span_id}"' if exemplar.span_id else ""
        stamp = f" {exemplar.time_ns / 1e9:.3f}" if exemplar.time_ns else ""
        return f' # {{trace_id="{exemplar.trace_id}"{span}}} {number(exemplar.value)}{stamp}'


def _sum_allowed(value: Histogram | Exponential | Summary) -> bool:
    """Whether OpenMetrics has a sum for this, and with it a count.

    It has neither where buckets may hold negative numbers, since such a sum can fall.
    """
    if isinstance(value, Exponential) and value.negative:
        return False
    if isinstance(value, Histogram) and value.bounds and value.bounds[0] < 0:
        return False
    return value.sum is not None


def _labelled(name: str, text: str) -> str:
    return f"{name}{{{text}}}" if text else name


def _with(text: str, name: str, value: str) -> str:
    return f'{text},{name}="{value}"' if text else f'{name}="{value}"'
