"""The formats of `fleetslo/v1`, as data: every kind, every key, what it holds and means."""

from __future__ import annotations

from typing import Final

from slo.model import DestinationKind, LogStore, Scope, Severity, TraceStore
from slo.spec.forms import (
    Anything,
    Choice,
    Flag,
    Key,
    Label,
    Length,
    LengthOrNumber,
    ListOf,
    MapOf,
    Name,
    Number,
    Percent,
    ScalarOr,
    Shape,
    Text,
    WordOr,
)

API_VERSION: Final = "fleetslo/v1"
CALENDAR_PERIODS: Final = ("week", "month", "quarter", "year")
IDLE: Final = ("ok", "ticket", "page")

_PROMQL: Final = Text(promql=True)
_SEVERITY: Final = Choice(tuple(Severity))
_LABELS: Final = MapOf(Text(), Label())
_NAMES: Final = ListOf(Name())
_CAUSES: Final = ListOf(Text())

EVENTS: Final = Shape(
    "sli.events",
    (
        Key("good", _PROMQL, "good events per second"),
        Key("bad", _PROMQL, "bad events per second"),
        Key("total", _PROMQL, "all events per second"),
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
        Key("expr", _PROMQL, "an instant vector without $window", required=True),
        Key("bad_when", Text(), "a comparison with a number: == 0", required=True),
    ),
)
RATIO: Final = Shape(
    "sli.ratio",
    (
        Key("good", _PROMQL, "share of good events"),
        Key("bad", _PROMQL, "share of bad events"),
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
WINDOW: Final = ScalarOr(
    Length(),
    Shape(
        "window",
        (
            Key("calendar", Choice(CALENDAR_PERIODS), "which period", required=True),
            Key("timezone", Text(), "IANA name; default UTC"),
        ),
    ),
)
ALERTING: Final = Shape(
    "alerting",
    (
        Key("policy", Text(), "a shipped policy or one of yours"),
        Key("form", Text(), "a form of the policy; default its first"),
        Key("severities", ListOf(_SEVERITY), "only tiers of these; default both"),
        Key("off", ListOf(Text()), "tiers that are switched off"),
        Key(
            "tiers",
            MapOf(
                Shape(
                    "alerting.tiers",
                    (
                        Key("name", Name(), "another name for it"),
                        Key("for", Length(zero=True), "how long its condition must hold"),
                        Key(
                            "keep_firing_for",
                            Length(zero=True),
                            "how long it stays after the condition ended",
                        ),
                    ),
                )
            ),
            "changes to tiers of the policy, by their names",
        ),
        Key("min_events", WordOr("auto", Number()), "bad events below which a tier is silent"),
        Key("idle", Choice(IDLE), "what it means when traffic falls to zero"),
        Key("depends_on", _CAUSES, "SLOs and Alerts that cause this one"),
    ),
)
_SLO_KEYS: Final = (
    Key("description", Text(), "one or two sentences"),
    Key("class", Name(), "a Class that fills what is not said here"),
    Key("catalog", Text(), "row of the catalogue, M1 to M10"),
    Key("objective", Percent(), "percent of good events", required=True),
    Key("window", WINDOW, "a duration or a calendar period"),
    Key(
        "objectives",
        ListOf(
            Shape(
                "objectives",
                (
                    Key("name", Name(), "what is added to the name of the SLO", required=True),
                    Key("objective", Percent(), "percent of good events", required=True),
                    Key("window", WINDOW, "a duration or a calendar period"),
                    Key("description", Text(), "one or two sentences"),
                    Key("alerting", ALERTING, "when somebody is told"),
                ),
            )
        ),
        "several promises on one SLI",
    ),
    Key("sli", SLI, "what is counted", required=True),
    Key("by", ListOf(Label()), "one budget for each combination of these labels"),
    Key("alerting", ALERTING, "when somebody is told"),
    Key(
        "traffic",
        Shape("traffic", (Key("events_per_second", Number(), "the usual rate"),)),
        "what is known about the load",
    ),
    Key("owner", Name(), "a Team"),
    Key("scope", Choice(tuple(Scope)), "what it speaks about"),
    Key("root_cause", Text(), "what notifications are grouped by"),
)
SLO_SPEC: Final = Shape("spec", _SLO_KEYS)
"""An SLO together with its class: what is required must be in one of the two."""
_PARTIAL: Final = tuple(Key(key.name, key.form, key.doc) for key in _SLO_KEYS)
CLASS_SPEC: Final = Shape(
    "spec",
    (
        *(key for key in _PARTIAL if key.name != "objectives"),
        Key("labels", _LABELS, "labels of every SLO of the class"),
    ),
)
RUNBOOK: Final = Shape(
    "runbook",
    (
        Key("meaning", Text(), "what the alert says"),
        Key("impact", Text(), "who notices, and how"),
        Key("triage", ListOf(Text()), "the first steps, in order"),
        Key("mitigation", ListOf(Text()), "what ends it"),
        Key(
            "escalation",
            Shape(
                "escalation",
                (
                    Key("when", Text(), "the condition in words", required=True),
                    Key("team", Name(), "the Team that is called", required=True),
                    Key("expr", _PROMQL, "the condition as PromQL"),
                    Key("for", Length(zero=True), "how long it must hold"),
                ),
            ),
            "when the first responder is not enough",
        ),
    ),
)
ALERT_SPEC: Final = Shape(
    "spec",
    (
        Key("catalog", Text(), "R1 to R4, F1 to F5 or an own signal"),
        Key("expr", _PROMQL, "an instant vector; fires for each series", required=True),
        Key("by", ListOf(Label()), "labels of the result"),
        Key("for", Length(zero=True), "how long it must hold"),
        Key("keep_firing_for", Length(zero=True), "how long it stays after the condition ended"),
        Key("severity", _SEVERITY, "page or ticket", required=True),
        Key("owner", Name(), "a Team"),
        Key("scope", Choice(tuple(Scope)), "what it speaks about"),
        Key("root_cause", Text(), "what notifications are grouped by"),
        Key("depends_on", _CAUSES, "SLOs and Alerts that cause this one"),
        Key("summary", Text(), "one line for the notification"),
        Key("description", Text(), "some lines for the notification"),
        Key("runbook", RUNBOOK, "what the woken person does"),
    ),
)
_SETTINGS_OF_DESTINATION: Final = MapOf(Text())
DESTINATION: Final = Shape(
    "destination",
    (
        *(Key(kind, _SETTINGS_OF_DESTINATION, f"settings of {kind}") for kind in DestinationKind),
        Key("severities", ListOf(_SEVERITY), "what is sent this way; default both"),
    ),
    one_of=tuple(DestinationKind),
)
TEAM_SPEC: Final = Shape(
    "spec",
    (
        Key("members", ListOf(Text()), "people"),
        Key("escalation", _NAMES, "teams that are called next, in order"),
        Key("destinations", ListOf(DESTINATION), "how the team is reached", required=True),
        Key(
            "hours",
            Shape(
                "hours",
                (
                    Key("weekdays", Text(), "monday:friday", required=True),
                    Key("start", Text(), "09:00", required=True),
                    Key("end", Text(), "17:00", required=True),
                    Key("timezone", Text(), "IANA name; default UTC"),
                ),
            ),
            "when tickets are delivered",
        ),
    ),
)
MAINTENANCE_SPEC: Final = Shape(
    "spec",
    (
        Key("reason", Text(), "why", required=True),
        Key("owner", Name(), "a Team"),
        Key("starts", Text(), "ISO 8601 with offset", required=True),
        Key("ends", Text(), "ISO 8601 with offset", required=True),
        Key("matchers", MapOf(Text()), "labels of the alerts to mute", required=True),
        Key("excludes", _CAUSES, "SLOs whose budget leaves this time out"),
    ),
)
SETTINGS_SPEC: Final = Shape(
    "spec",
    (
        Key(
            "urls",
            Shape(
                "urls",
                tuple(
                    Key(name, Text(), f"where {name} is found")
                    for name in ("runbooks", "grafana", "prometheus", "alertmanager")
                ),
            ),
            "where a person finds things",
        ),
        Key(
            "intervals",
            Shape(
                "intervals",
                (
                    Key("scrape", Length(), "between scrapes"),
                    Key("fast", Length(), "of the fast rule groups"),
                    Key("slow", Length(), "of the slow rule groups, at most 4m"),
                ),
            ),
            "how often things happen",
        ),
        Key("external_labels", MapOf(Text(), Label()), "labels that Prometheus adds outside"),
        Key(
            "targets",
            Shape(
                "targets",
                (
                    Key("prometheus", Text(), "version, 2.42"),
                    Key("alertmanager", Text(), "version, 0.25"),
                    Key("logs", Choice(tuple(LogStore)), "where logs are searched"),
                    Key("traces", Choice(tuple(TraceStore)), "where traces are searched"),
                ),
            ),
            "what the output is for",
        ),
        Key(
            "base",
            Shape(
                "base",
                tuple(
                    Key(name, Text(), f"your own {name} configuration, relative to this file")
                    for name in ("alertmanager", "prometheus", "collector")
                ),
            ),
            "files of your own that our parts are inserted into",
        ),
        Key(
            "defaults",
            Shape(
                "defaults",
                (
                    Key("owner", Name(), "a Team"),
                    Key("policy", Text(), "a policy"),
                    Key("window", Length(), "of SLOs that name none"),
                ),
            ),
            "what SLOs and Alerts need not say",
        ),
    ),
)


def _metadata(*, camel: bool, service: bool) -> Shape:
    keys = [
        Key("name", Name(camel=camel), "what it is called", required=True),
        Key("title", Text(), "what people read"),
        Key("labels", _LABELS, "labels of one's own"),
    ]
    if service:
        keys.append(Key("service", Name(), "what it belongs to", required=True))
    return Shape("metadata", tuple(keys))


def _document(kind: str, spec: Shape | Anything, metadata: Shape) -> Shape:
    return Shape(
        kind,
        (
            Key("apiVersion", Choice((API_VERSION,)), "the version of the format", required=True),
            Key("kind", Choice((kind,)), "what the document is", required=True),
            Key("metadata", metadata, "who it is", required=True),
            Key("spec", spec, "what it says", required=True),
        ),
    )


_PLAIN: Final = _metadata(camel=False, service=False)
KINDS: Final = {
    "SLO": _document("SLO", Shape("spec", _PARTIAL), _metadata(camel=False, service=True)),
    "Alert": _document("Alert", ALERT_SPEC, _metadata(camel=True, service=True)),
    "Class": _document("Class", CLASS_SPEC, _PLAIN),
    "Team": _document("Team", TEAM_SPEC, _PLAIN),
    "Policy": _document("Policy", Anything(), _PLAIN),
    "Maintenance": _document("Maintenance", MAINTENANCE_SPEC, _PLAIN),
    "Settings": _document("Settings", SETTINGS_SPEC, _PLAIN),
}
