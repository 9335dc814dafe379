"""Latency from a histogram: what is not at or below the threshold is bad.

Of a classic histogram the bucket at the threshold is counted, exactly. A native one has no
such bucket: Prometheus estimates the share within the bucket that the threshold cuts, which
at the usual resolution is off by less than a tenth of that bucket's events.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from slo.exact import Duration, decimal, number
from slo.model import Sli, SliKind
from slo.promql import PromqlError, canonical, written
from slo.spec.fields import Fields
from slo.spec.problems import Problems

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def latency(fields: Fields, by: Sequence[str], problems: Problems) -> Sli | None:
    """The SLI of `sli.latency`; None after its problems were reported.

    Without a bucket at the threshold every event counts as bad: a wrong threshold burns
    the budget at once, and does not hide as a perfect service.
    """
    histogram = _histogram(fields, problems)
    matchers = _matchers(fields, problems)
    bound = _bound(fields.text("threshold"))
    if histogram is None or matchers is None or bound is None:
        return None
    clause = f" by ({', '.join(sorted(by))}) " if by else ""
    if fields.flag("native", default=False):
        return _native(_selector(histogram, matchers), clause, bound)
    bucket = _selector(f"{histogram}_bucket", [*matchers, f'le=~"{_escaped(bound)}"'])
    total = f"sum{clause}(rate({_selector(f'{histogram}_count', matchers)}[$window]))"
    good = f"sum{clause}(rate({bucket}[$window]))"
    errors = f"{total} - ({good} or 0 * {total})"
    return Sli(SliKind.LATENCY, canonical(errors), canonical(total))


def _native(selector: str, clause: str, bound: Fraction) -> Sli:
    """Events of a native histogram, and those above `bound`.

    Source: Prometheus, "Query functions", histogram_count and histogram_fraction.
    """
    rate = f"sum{clause}(rate({selector}[$window]))"
    total = f"histogram_count({rate})"
    # Without events the fraction is no number, and a sum with one in it never is one again.
    errors = f"({total} > 0) * (1 - histogram_fraction(-Inf, {decimal(bound)}, {rate}))"
    return Sli(SliKind.LATENCY, canonical(errors), canonical(total))


def bound_pattern(bound: Fraction) -> str:
    """A regular expression for every spelling of a bucket's upper bound.

    Clients write ``1``, Prometheus 3 and OpenMetrics ``1.0``; from a million on, and
    below a ten-thousandth, both may use an exponent.

    Source: OpenMetrics, "Numbers"; Go's `strconv.FormatFloat` with format 'g'.
    """
    plain = decimal(bound)
    spellings = [plain if "." in plain else f"{plain}(.0)?"]
    if bound >= 10**6 or bound < Fraction(1, 10**4):
        mantissa, _, exponent = f"{Decimal(plain).normalize():e}".partition("e")
        spellings.append(f"{mantissa}e{exponent[0]}{exponent[1:].rjust(2, '0')}")
    return "|".join(spelling.replace("+", r"\+").replace(".", r"\.") for spelling in spellings)


def _bound(text: str) -> Fraction | None:
    """The threshold in the histogram's unit; a duration means seconds."""
    for read in (number, _seconds):
        try:
            value = read(text)
        except ValueError:
            continue
        return value if value > 0 else None
    return None


def _seconds(text: str) -> Fraction:
    return Duration.parse(text).total_seconds


def _escaped(bound: Fraction) -> str:
    return bound_pattern(bound).replace("\\", "\\\\")


def _histogram(fields: Fields, problems: Problems) -> str | None:
    name = fields.text("histogram")
    if not name:
        return None
    if _METRIC.fullmatch(name) is None:
        text = f"histogram must be the name of a metric, got {name!r}"
        problems.error("SLO017", text, fields.place("histogram"), "put matchers under selector")
        return None
    for suffix in ("_bucket", "_count", "_sum"):
        if name.endswith(suffix):
            text = f"histogram is named without {suffix}, got {name}"
            hint = f"write {name.removesuffix(suffix)}"
            problems.error("SLO017", text, fields.place("histogram"), hint)
            return None
    return name


def _matchers(fields: Fields, problems: Problems) -> list[str] | None:
    scalar = fields.scalar("selector")
    if scalar is None:
        return []
    inner = scalar.text.strip().removeprefix("{").removesuffix("}").strip().rstrip(",")
    try:
        written(f"x{{{inner}}}")
    except PromqlError as error:
        text = f"selector is not a list of label matchers: {error}"
        problems.error("SLO050", text, scalar.span, 'write name="value", other=~"a|b"')
        return None
    return [inner] if inner else []


def _selector(metric: str, matchers: Sequence[str]) -> str:
    return f"{metric}{{{','.join(matchers)}}}" if matchers else metric
