"""`kind: Settings`."""

from __future__ import annotations

from typing import Final

from slo.model import LogStore, TraceStore
from slo.spec.forms import Choice, Key, Label, Length, MapOf, Name, Shape, Text

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
                    Key("scrape", Length(), "between scrapes, at most 2m"),
                    Key("fast", Length(), "of the fast rule groups"),
                    Key("slow", Length(), "of the slow rule groups, at most 4m"),
                ),
            ),
            "how often things happen",
        ),
        Key(
            "severities",
            Shape(
                "severities",
                (
                    Key("page", Text(), "of alerts that wake a person; default page"),
                    Key("ticket", Text(), "of alerts that wait; default ticket"),
                ),
            ),
            "your own values of the label severity",
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
