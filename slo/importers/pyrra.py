"""pyrra's resource ServiceLevelObjective: ratio, latency, native latency and bool gauge.

Source: pyrra, API `pyrra.dev/v1alpha1`, ServiceLevelObjectiveSpec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

import promql_parser as pp

from slo.importers.native import (
    Draft,
    labels,
    mapping,
    named,
    named_by,
    percent,
    scalar,
)
from slo.importers.part import Part
from slo.importers.pyrra_alerts import off, policy
from slo.importers.queries import selector
from slo.promql import compact
from slo.source import Entry, Mapping, Scalar

VERSION: Final = "pyrra.dev/v1alpha1"
_KIND: Final = "ServiceLevelObjective"
_PREFIX: Final = "pyrra.dev/"
_OPERATORS: Final = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}
_FORMS: Final = ("ratio", "latency", "latencyNative", "bool_gauge")


def read(document: Part) -> Iterator[Draft]:
    """The SLO of one document."""
    document.take("apiVersion")
    document.take("status")
    kind = document.needed("kind")
    if kind is not None and kind.text != _KIND:
        document.report.malformed(f"kind must be {_KIND}, got {kind.text!r}", kind.span)
        document.take("spec")
        document.take("metadata")
        return
    metadata, spec = document.child("metadata"), document.child("spec")
    if metadata is None or spec is None:
        document.report.malformed("the document needs metadata and spec", document.span)
        return
    draft = _slo(metadata, spec)
    if draft is not None:
        yield draft


def _slo(metadata: Part, spec: Part) -> Draft | None:
    name, target, window = metadata.needed("name"), spec.needed("target"), spec.needed("window")
    for key in ("performanceOverAccuracy", "ruleOutput", "partial_response_strategy"):
        spec.lose(key, "our rules are the same for every ruler")
    found = _sli(spec)
    alerts = off(spec)
    own = _labels(metadata)
    service = _service(metadata)
    if name is None or target is None or window is None or found is None:
        return None
    sli, by = found
    called = named(name, metadata.report)
    own_policy = None if alerts else policy(f"pyrra-{service.text}-{called.text}", window, spec)
    if own_policy is not None:
        alerts = named_by(own_policy)
    return Draft(
        name=called,
        service=service,
        objective=percent(target, spec.report),
        sli=sli,
        description=spec.scalar("description"),
        labels=own,
        window=window,
        by=by,
        alerting=alerts,
        policy=own_policy,
    )


def _service(metadata: Part) -> Scalar:
    """The service of an SLO, which pyrra does not name: the namespace is nearest."""
    namespace = metadata.scalar("namespace")
    service = namespace or scalar("default", metadata.span)
    metadata.report.changed(f"the service is the namespace, {service.text!r}", service.span)
    return named(service, metadata.report, "service")


def _labels(metadata: Part) -> tuple[Entry, ...]:
    """Those that pyrra puts on its rules: the ones under its prefix, without it."""
    found: list[Entry] = []
    node = metadata.node.get("labels")
    for entry in node.entries if isinstance(node, Mapping) else ():
        if entry.key.text.startswith(_PREFIX):
            bare = replace(entry.key, text=entry.key.text.removeprefix(_PREFIX))
            found.append(Entry(bare, entry.value))
        else:
            text = f"label {entry.key.text} is not kept: pyrra does not put it on its rules"
            metadata.report.changed(text, entry.key.span)
    metadata.take("labels")
    if metadata.has("annotations"):
        text = "annotations are not kept: pyrra does not put them on its rules"
        metadata.report.changed(text, metadata.place("annotations"))
    # The rest is what Kubernetes knows the object by.
    for key in [entry.key.text for entry in metadata.node.entries]:
        metadata.take(key)
    at = metadata.span
    prefixed = mapping(at, {"labels": Mapping(tuple(found), at)})
    return labels(Part(prefixed, "metadata", metadata.report))


def _sli(spec: Part) -> tuple[Mapping, tuple[Scalar, ...]] | None:
    indicator = spec.child("indicator")
    if indicator is None:
        spec.report.malformed("spec needs indicator", spec.span)
        return None
    given = [form for form in _FORMS if indicator.has(form)]
    form = indicator.child(given[0]) if len(given) == 1 else None
    if form is None:
        if len(given) != 1:
            text = f"indicator needs exactly one of {', '.join(_FORMS)}"
            spec.report.malformed(text, indicator.span)
            for each in given:
                indicator.take(each)
        return None
    by = form.texts("grouping")
    sli = _READERS[given[0]](form)
    return None if sli is None else (sli, by)


def _metric(form: Part, key: str) -> tuple[Scalar, pp.VectorSelector] | None:
    """The series under `key`.metric; under metric itself where `key` is empty."""
    part = form.child(key) if key else form
    if part is None:
        form.report.malformed(f"{form.what} needs {key}", form.span)
        return None
    given = part.needed("metric")
    found = None if given is None else selector(given, form.report)
    return None if given is None or found is None else (given, found)


def _rate(given: Scalar, series: pp.VectorSelector) -> Scalar:
    return scalar(f"sum(rate({compact(series)}[$window]))", given.span)


def _ratio(form: Part) -> Mapping | None:
    errors, total = _metric(form, "errors"), _metric(form, "total")
    if errors is None or total is None:
        return None
    events = mapping(form.span, {"bad": _rate(*errors), "total": _rate(*total)})
    return mapping(form.span, {"events": events})


def _latency(form: Part) -> Mapping | None:
    """A bucket beside its own count is our latency, which knows every spelling of `le`."""
    success, total = _metric(form, "success"), _metric(form, "total")
    if success is None or total is None:
        return None
    at = form.span
    bound = [each for each in _matchers(success[1]) if each.name == "le"]
    rest = _spelt(each for each in _matchers(success[1]) if each.name != "le")
    base = (success[1].name or "").removesuffix("_bucket")
    whole = base and (success[1].name, total[1].name) == (f"{base}_bucket", f"{base}_count")
    exact = len(bound) == 1 and bound[0].op == pp.MatchOp.Equal
    if not exact:
        form.report.malformed("success needs one matcher le=", success[0].span)
        return None
    if whole and rest == _spelt(_matchers(total[1])) and not _shifted(success[1], total[1]):
        threshold = scalar(bound[0].value, success[0].span)
        return mapping(at, {"latency": _histogram(form, base, threshold, rest)})
    form.report.changed("le is matched as it is written", success[0].span)
    events = mapping(at, {"good": _rate(*success), "total": _rate(*total)})
    return mapping(at, {"events": events})


def _native(form: Part) -> Mapping | None:
    total, latency = _metric(form, "total"), form.needed("latency")
    if total is None or latency is None:
        return None
    at, series = form.span, total[1]
    if not series.name or _shifted(series):
        form.report.impossible("a native histogram is named, without offset", total[0].span)
        return None
    found = _histogram(form, series.name, latency, _spelt(_matchers(series)), native=True)
    return mapping(at, {"latency": found})


def _histogram(
    form: Part, name: str, threshold: Scalar, matchers: str, *, native: bool = False
) -> Mapping:
    at = form.span
    return mapping(
        at,
        {
            "histogram": scalar(name, at),
            "native": scalar("true", at) if native else None,
            "threshold": threshold,
            "selector": scalar(matchers, at) if matchers else None,
        },
    )


def _gauge(form: Part) -> Mapping | None:
    found = _metric(form, "")
    if found is None:
        return None
    given, series = found
    gauge = {"expr": scalar(compact(series), given.span), "bad_when": scalar("== 0", given.span)}
    return mapping(form.span, {"gauge": mapping(form.span, gauge)})


def _matchers(series: pp.VectorSelector) -> list[pp.Matcher]:
    return [each for each in series.matchers.matchers if each.name != "__name__"]


def _spelt(matchers: Iterable[pp.Matcher]) -> str:
    """The matchers as they stand in braces, sorted."""
    found = []
    for each in matchers:
        value = each.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        found.append(f'{each.name}{_OPERATORS[str(each.op)]}"{value}"')
    return ",".join(sorted(found))


def _shifted(*series: pp.VectorSelector) -> bool:
    return any(each.offset is not None or each.at is not None for each in series)


_READERS: Final[dict[str, Callable[[Part], Mapping | None]]] = {
    "ratio": _ratio,
    "latency": _latency,
    "latencyNative": _native,
    "bool_gauge": _gauge,
}
