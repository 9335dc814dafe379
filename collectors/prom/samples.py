"""From values to samples: cumulative buckets, and numbers as Prometheus writes them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import zip_longest
from typing import Final

from collectors.prom.values import Exponential, Histogram, Number, Value

_LONGEST_PLAIN: Final = 6
"""Digits from which on Go writes an exponent: strconv.FormatFloat with 'g' and -1."""


def samples(name: str, value: Value) -> Iterator[tuple[str, str, str, float]]:
    """Every sample of a value: series name, extra label and its value (or empty), number."""
    if isinstance(value, Number):
        yield name, "", "", float(value.value)
        return
    if isinstance(value, Histogram):
        passed = 0
        for bound, count in zip(value.bounds, value.counts, strict=False):
            passed += count
            yield f"{name}_bucket", "le", bound_text(bound, open_metrics=False), float(passed)
        yield f"{name}_bucket", "le", "+Inf", float(value.count)
    elif isinstance(value, Exponential):
        for bound, count in cumulative(value):
            yield f"{name}_bucket", "le", bound_text(bound, open_metrics=False), float(count)
    else:
        for quantile, at in value.quantiles:
            yield name, "quantile", bound_text(quantile, open_metrics=False), at
    if value.sum is not None:
        yield f"{name}_sum", "", "", value.sum
    yield f"{name}_count", "", "", float(value.count)


def cumulative(value: Exponential) -> Iterator[tuple[float, int]]:
    """Upper bounds and what is at or below them; the last bound is infinite.

    A bound of a negative bucket is the end nearer to zero. Buckets between the first and
    the last that are empty are given too, so that the bounds change seldom. Bounds too
    large or too small to differ as doubles are given once, with the count of the last.
    """
    pairs = list(_cumulative(value))
    for pair, after in zip_longest(pairs, pairs[1:]):
        if after is None or pair[0] != after[0]:
            yield pair


def _cumulative(value: Exponential) -> Iterator[tuple[float, int]]:
    passed = 0
    if value.negative:
        for index in range(max(value.negative), min(value.negative) - 1, -1):
            passed += value.negative.get(index, 0)
            yield -_bound(index, value.scale), passed
    passed += value.zero_count
    if value.zero_count or value.negative:
        yield value.zero_threshold, passed
    if value.positive:
        for index in range(min(value.positive), max(value.positive) + 1):
            passed += value.positive.get(index, 0)
            yield _bound(index + 1, value.scale), passed
    yield math.inf, value.count


def _bound(index: int, scale: int) -> float:
    try:
        return math.pow(2.0, math.ldexp(index, -scale))
    except OverflowError:
        return math.inf


def number(value: float) -> str:
    """A sample's value, exact."""
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)


@lru_cache(maxsize=4096)
def bound_text(value: float, *, open_metrics: bool) -> str:
    """The value of `le` or `quantile` as the OpenTelemetry Collector, in Go, writes it.

    It is matched as text in queries: ``1`` and ``1e+06`` in the text format, ``1.0`` and
    ``1e+06`` in OpenMetrics.
    """
    if math.isnan(value) or math.isinf(value):
        return number(value)
    sign, digits, exponent = Decimal(repr(float(value))).normalize().as_tuple()
    if not isinstance(exponent, int):
        return number(value)
    point = len(digits) + exponent - 1
    if value != 0 and not -4 <= point < _LONGEST_PLAIN:
        mantissa = "".join(str(digit) for digit in digits)
        head = mantissa[0] + (f".{mantissa[1:]}" if len(mantissa) > 1 else "")
        return f"{'-' if sign else ''}{head}e{'+' if point >= 0 else '-'}{abs(point):02}"
    text = f"{Decimal(repr(float(value))).normalize():f}"
    return f"{text}.0" if open_metrics and "." not in text else text
