"""The names that Prometheus shows for OpenTelemetry metrics and attributes.

One function decides, for the collector's scrape endpoint, for the catalogue and for
every expression: a name is computed, never written down twice.

Source: OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility", OTLP
metric points to Prometheus, metric metadata and metric attributes; unit words as in
github.com/prometheus/otlptranslator, which the OpenTelemetry Collector uses.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

_UNITS: Final = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "%": "percent",
    "1": "",
}
_PER: Final = {
    "s": "second",
    "min": "minute",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}
_ANNOTATION: Final = re.compile(r"\{[^}]*\}")
_NOT_IN_METRIC: Final = re.compile(r"[^A-Za-z0-9:]+")
_NOT_IN_LABEL: Final = re.compile(r"[^A-Za-z0-9]+")


class Instrument(StrEnum):
    """What measures; the values stand in `metrics.yaml`.

    A monotonic OTLP sum is a counter, any other cumulative sum is an up-down counter.
    """

    COUNTER = "counter"
    UP_DOWN_COUNTER = "updowncounter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


def prometheus_name(name: str, unit: str, kind: Instrument) -> str:
    """The metric name in Prometheus, `_total` included, histogram suffixes not.

    Args:
        name: As the instrument was created: ``mas.agent.actions``.
        unit: UCUM as the instrument was created: ``s``, ``{action}``, ``By/s``; may be empty.
        kind: Decides on `_total` and `_ratio`.

    Returns:
        ``mas_agent_actions_total``. A unit word that the name already holds is not
        repeated; text in braces is dropped; unit ``1`` adds ``ratio`` to gauges only.
    """
    words = [word for word in _NOT_IN_METRIC.split(name) if word]
    for word in unit_words(unit):
        if word not in words:
            words.append(word)
    if kind is Instrument.COUNTER:
        words = [*(word for word in words if word != "total"), "total"]
    elif kind is Instrument.GAUGE and unit.strip() == "1":
        words = [*(word for word in words if word != "ratio"), "ratio"]
    text = "_".join(words)
    return f"_{text}" if text[:1].isdigit() else text


def prometheus_series(name: str, unit: str, kind: Instrument) -> tuple[str, ...]:
    """Every series name that the metric has: a histogram has three, others one."""
    base = prometheus_name(name, unit, kind)
    if kind is Instrument.HISTOGRAM:
        return (f"{base}_bucket", f"{base}_count", f"{base}_sum")
    return (base,)


def prometheus_label(key: str) -> str:
    """The label name of an attribute: ``gen_ai.agent.name`` is ``gen_ai_agent_name``.

    What Prometheus does not allow becomes one underscore; a leading digit is guarded by
    ``key_``, and a leading single underscore too, as the Collector does: what starts with
    two is Prometheus's own and stays.
    """
    if key.startswith("__") and key.endswith("__"):
        return key
    text = _NOT_IN_LABEL.sub("_", key)
    if text[:1].isdigit():
        return f"key_{text}"
    return f"key{text}" if text.startswith("_") else text


def unit_words(unit: str) -> tuple[str, ...]:
    """The words that `unit` adds to a name: ``By/s`` gives ``bytes``, ``per_second``."""
    bare = _ANNOTATION.sub("", unit).strip()
    top, _, bottom = bare.partition("/")
    words = (_word(top, _UNITS), _word(bottom, _PER))
    return tuple(
        f"per_{word}" if is_bottom else word
        for is_bottom, word in zip((False, True), words, strict=True)
        if word
    )


def _word(text: str, known: dict[str, str]) -> str:
    """One side of a unit in words, sanitised; empty adds nothing."""
    text = text.strip()
    return known.get(text, _NOT_IN_METRIC.sub("_", text).strip("_"))
