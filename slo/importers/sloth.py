"""sloth's `prometheus/v1`, as a file and as the resource PrometheusServiceLevel.

The two differ in the spelling of their keys only. sloth's windows and factors are those of
our sre-multiwindow; its plugins are programs in Go, and are named in the report.

Source: sloth, "Specifications", prometheus/v1 and sloth.slok.dev/v1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from slo.diagnostic import Span
from slo.importers.native import Draft, alerting, labels, mapping, merged, named, percent, scalar
from slo.importers.part import Part
from slo.importers.queries import grouping, windowed
from slo.policy import PolicyName
from slo.source import Entry, Mapping, Scalar

PLAIN: Final = "prometheus/v1"
KUBERNETES: Final = "sloth.slok.dev/v1"
_KIND: Final = "PrometheusServiceLevel"
_PERIOD: Final = "30d"
"""sloth's default; a run of it may set another, which no file tells."""
_PAGES: Final = frozenset({"fast", "slow"})
_TICKETS: Final = frozenset({"trend", "drift"})


@dataclass(frozen=True, slots=True)
class _Words:
    """How one of the two forms spells its keys."""

    error: str
    total: str
    ratio: str
    page: str
    ticket: str


_SNAKE: Final = _Words(
    "error_query", "total_query", "error_ratio_query", "page_alert", "ticket_alert"
)
_CAMEL: Final = _Words("errorQuery", "totalQuery", "errorRatioQuery", "pageAlert", "ticketAlert")


def read(document: Part) -> Iterator[Draft]:
    """The SLOs of one document."""
    if document.has("apiVersion"):
        spec = _resource(document)
        words = _CAMEL
    else:
        document.take("version")
        spec, words = document, _SNAKE
    service = None if spec is None else spec.needed("service")
    if spec is None or service is None:
        return
    spec.lose("slo_plugins", "plugins are programs in Go")
    spec.lose("sloPlugins", "plugins are programs in Go")
    common = labels(spec)
    slos = spec.children("slos")
    if not slos:
        spec.report.malformed("slos names none", spec.place("slos"))
    for slo in slos:
        draft = _slo(slo, named(service, spec.report, "service"), common, words)
        if draft is not None:
            yield draft


def _resource(document: Part) -> Part | None:
    document.take("apiVersion")
    kind = document.needed("kind")
    if kind is not None and kind.text != _KIND:
        document.report.malformed(f"kind must be {_KIND}, got {kind.text!r}", kind.span)
        return None
    metadata = document.child("metadata")
    if metadata is not None:
        # What Kubernetes knows the object by says nothing of the SLOs in it.
        for key in [entry.key.text for entry in metadata.node.entries]:
            metadata.take(key)
    document.take("status")
    spec = document.child("spec")
    if spec is None and not document.has("spec"):
        document.report.malformed("the document needs spec", document.span)
    return spec


def _slo(slo: Part, service: Scalar, common: tuple[Entry, ...], words: _Words) -> Draft | None:
    name, objective = slo.needed("name"), slo.needed("objective")
    slo.lose("plugins", "plugins are programs in Go")
    found = _sli(slo, words)
    alerts = _alerting(slo, words)
    own = labels(slo)
    description = slo.scalar("description")
    if name is None or objective is None or found is None:
        return None
    sli, by = found
    return Draft(
        name=named(name, slo.report),
        service=service,
        objective=percent(objective, slo.report),
        sli=sli,
        description=description,
        labels=merged(common, own),
        window=scalar(_PERIOD, name.span),
        by=by,
        alerting=alerts,
    )


def _sli(slo: Part, words: _Words) -> tuple[Mapping, tuple[Scalar, ...]] | None:
    sli = slo.child("sli")
    if sli is None:
        if not slo.has("sli"):
            slo.report.malformed("an SLO needs sli", slo.span)
        return None
    if sli.has("plugin"):
        sli.take("plugin")
        text = "an SLI plugin is a program in Go that makes the queries up"
        sli.report.impossible(text, sli.place("plugin"), "write the queries it makes as events")
        return None
    events, raw = sli.child("events"), sli.child("raw")
    if (events is None) == (raw is None):
        sli.report.malformed("sli needs one of events, raw and plugin", sli.span)
        return None
    if raw is not None:
        ratio = raw.needed(words.ratio)
        return None if ratio is None else _ratio(windowed(ratio), raw.span)
    return None if events is None else _events(events, words)


def _ratio(query: Scalar, at: Span) -> tuple[Mapping, tuple[Scalar, ...]]:
    return mapping(at, {"ratio": mapping(at, {"bad": query})}), grouping([query])


def _events(events: Part, words: _Words) -> tuple[Mapping, tuple[Scalar, ...]] | None:
    error, total = events.needed(words.error), events.needed(words.total)
    if error is None or total is None:
        return None
    at = events.span
    bad, every = windowed(error), windowed(total)
    form = mapping(at, {"bad": bad, "total": every})
    return mapping(at, {"events": form}), grouping([bad, every])


def _alerting(slo: Part, words: _Words) -> Mapping | None:
    """The two alerts of sloth are the four windows of our policy; the outage tier is ours alone."""
    part = slo.child("alerting")
    kept = _PAGES | _TICKETS
    if part is None:
        return alerting(slo.span, kept, PolicyName.SRE_MULTIWINDOW)
    part.lose("name", "alerts are called after service and SLO")
    part.lose("labels", "alerts carry the labels of the SLO, and their own")
    part.lose("annotations", "ours say what burns, how fast and what is left")
    for key, tiers in ((words.page, _PAGES), (words.ticket, _TICKETS)):
        alert = part.child(key)
        if alert is None:
            continue
        if alert.flag("disable", default=False):
            kept -= tiers
        alert.lose("labels", "severity and slo_tier tell the alerts apart")
        alert.lose("annotations", "ours say what burns, how fast and what is left")
    return alerting(part.span, kept, PolicyName.SRE_MULTIWINDOW)
