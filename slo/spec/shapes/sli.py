"""What an SLI may say: every form of counting."""

from __future__ import annotations

from typing import Final

from slo.spec.forms import (
    Choice,
    Flag,
    Key,
    Label,
    Length,
    LengthOrNumber,
    ListOf,
    MapOf,
    Number,
    ScalarOr,
    Shape,
    Text,
)
from slo.spec.shapes.common import PROMQL

EVENTS: Final = Shape(
    "sli.events",
    (
        Key("good", PROMQL, "good events per second"),
        Key("bad", PROMQL, "bad events per second"),
        Key("total", PROMQL, "all events per second"),
    ),
)
LATENCY: Final = Shape(
    "sli.latency",
    (
        Key("histogram", Text(), "a histogram, named without _bucket", required=True),
        Key("native", Flag(), "it is a native histogram; default false"),
        Key(
            "threshold",
            LengthOrNumber(),
            "good at or below; a bucket bound unless native",
            required=True,
        ),
        Key("selector", Text(), "label matchers, as in braces"),
    ),
)
GAUGE: Final = Shape(
    "sli.gauge",
    (
        Key("expr", PROMQL, "an instant vector without $window", required=True),
        Key("bad_when", Text(), "a comparison with a number: == 0", required=True),
    ),
)
RATIO: Final = Shape(
    "sli.ratio",
    (
        Key("good", PROMQL, "share of good events"),
        Key("bad", PROMQL, "share of bad events"),
    ),
    one_of=("good", "bad"),
)
SPANS: Final = Shape(
    "sli.spans",
    (
        Key("service", Text(), "resource attribute service.name", required=True),
        Key("span_name", Text(), "name of the span"),
        Key("attributes", MapOf(Text()), "span attributes that must match"),
        Key(
            "bad",
            Shape(
                "sli.spans.bad",
                (
                    Key("status", Flag(), "a span with status error is bad; default true"),
                    Key("attributes", MapOf(Text()), "a span with any of these is bad"),
                    Key("above", Length(), "a span that takes longer is bad"),
                ),
            ),
            "what makes a span a bad event",
        ),
        Key(
            "labels",
            MapOf(Text(), Label()),
            "the attribute of each label of by; default: of its own name",
        ),
        Key(
            "values",
            MapOf(ListOf(Text()), Label()),
            "label values that are told at zero before the first such span",
        ),
    ),
)
COMPOSITE: Final = Shape(
    "sli.composite",
    (
        Key(
            "of",
            ListOf(
                ScalarOr(
                    Text(),
                    Shape(
                        "sli.composite.of",
                        (
                            Key("slo", Text(), "id or name of an SLO", required=True),
                            Key("weight", Number(), "what one of its events is worth; default 1"),
                        ),
                    ),
                )
            ),
            "the SLOs that it is made of",
            required=True,
        ),
        Key("method", Choice(("weighted", "all", "minimum")), "how they are put together"),
    ),
)
SLI: Final = Shape(
    "sli",
    (
        Key("events", EVENTS, "two of good, bad and total"),
        Key("latency", LATENCY, "a histogram and a threshold"),
        Key("gauge", GAUGE, "time slices of a gauge"),
        Key("ratio", RATIO, "a share that is already divided"),
        Key("spans", SPANS, "spans that the collector counts"),
        Key("composite", COMPOSITE, "of other SLOs"),
    ),
    one_of=("events", "latency", "gauge", "ratio", "spans", "composite"),
)
