"""`kind: SLO` and `kind: Class`."""

from __future__ import annotations

from typing import Final

from slo.model import Scope
from slo.spec.forms import (
    Choice,
    Key,
    Label,
    Length,
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
from slo.spec.shapes.common import CALENDAR_PERIODS, CAUSES, IDLE, LABELS, SEVERITY
from slo.spec.shapes.sli import SLI

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
        Key("severities", ListOf(SEVERITY), "only tiers of these; default both"),
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
        Key("signal_lost", Choice(IDLE), "what it means when nothing is measured; default ticket"),
        Key("depends_on", CAUSES, "SLOs and Alerts that cause this one"),
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
SLO_PARTIAL: Final = tuple(Key(key.name, key.form, key.doc) for key in _SLO_KEYS)
CLASS_SPEC: Final = Shape(
    "spec",
    (
        *(key for key in SLO_PARTIAL if key.name != "objectives"),
        Key("labels", LABELS, "labels of every SLO of the class"),
    ),
)
