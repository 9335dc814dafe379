"""`kind: Alert`, `kind: Team` and `kind: Maintenance`."""

from __future__ import annotations

from typing import Final

from slo.model import DestinationKind, Scope
from slo.spec.forms import Choice, Key, Label, Length, ListOf, MapOf, Name, Shape, Text
from slo.spec.shapes.common import CAUSES, NAMES, PROMQL, SEVERITY

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
                    Key("expr", PROMQL, "the condition as PromQL"),
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
        Key("expr", PROMQL, "an instant vector; fires for each series", required=True),
        Key("by", ListOf(Label()), "labels of the result"),
        Key("for", Length(zero=True), "how long it must hold"),
        Key("keep_firing_for", Length(zero=True), "how long it stays after the condition ended"),
        Key("severity", SEVERITY, "page or ticket", required=True),
        Key("owner", Name(), "a Team"),
        Key("scope", Choice(tuple(Scope)), "what it speaks about"),
        Key("root_cause", Text(), "what notifications are grouped by"),
        Key("depends_on", CAUSES, "SLOs and Alerts that cause this one"),
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
        Key("severities", ListOf(SEVERITY), "what is sent this way; default both"),
    ),
    one_of=tuple(DestinationKind),
)
TEAM_SPEC: Final = Shape(
    "spec",
    (
        Key("members", ListOf(Text()), "people"),
        Key("escalation", NAMES, "teams that are called next, in order"),
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
        Key("excludes", CAUSES, "SLOs whose budget leaves this time out"),
        Key("keep", Length(zero=True), "how long after its end the document may stay; default 30d"),
        Key("mutes_pages_for", Length(), "how long a page may be muted; default 12h"),
    ),
)
