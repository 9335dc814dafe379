"""SLOs of OpenSLO: one of ours for each objective, and a composite where indicators differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from slo.exact import decimal
from slo.importers.native import Draft, labels, mapping, named, percent, scalar, share
from slo.importers.openslo.alerts import alerts
from slo.importers.openslo.indicators import METHODS, Slices, indicator, slices
from slo.importers.openslo.windows import window
from slo.importers.openslo.world import World, inner, sort
from slo.importers.part import Part
from slo.importers.report import Report
from slo.source import Entry, Mapping, Node, Scalar
from slo.source import Sequence as Items

_DIGITS: Final = 6
"""Of a mean of objectives in percent; more would feign what nobody promised."""
_INLINE: Final = ("indicator", "sli")
_REFERRED: Final = ("indicatorRef", "sliRef")


@dataclass(frozen=True, slots=True)
class _Common:
    """What all objectives of an SLO share."""

    name: Scalar
    service: Scalar
    title: Scalar | None
    description: Scalar | None
    labels: tuple[Entry, ...]
    window: Node | None
    method: str
    alerting: Mapping | None
    policy: Mapping | None


def read(documents: Sequence[Part], report: Report) -> Iterator[Draft]:
    """The SLOs among `documents`; the other kinds are what they refer to."""
    world, slos = sort(documents, report)
    for document in slos:
        yield from _slo(document, world)
    world.leave()


def _slo(document: Part, world: World) -> Iterator[Draft]:
    metadata = document.child("metadata")
    name = None if metadata is None else metadata.scalar("name")
    title = None if metadata is None else metadata.scalar("displayName")
    own = labels(metadata)
    if metadata is not None:
        metadata.lose("annotations", "nothing of ours carries them")
    description = _description(document)
    spec = inner(document)
    if spec is None or name is None:
        return
    common = _common(spec, world, (name, title, description, own))
    objectives = spec.children("objectives")
    if not objectives:
        world.report.malformed("objectives names none", spec.place("objectives"))
    drafts: list[tuple[Part, Draft]] = []
    for number, objective in enumerate(objectives, 1):
        alone = len(objectives) == 1
        called = name if alone else _called(name, objective, number)
        sli = _indicator(spec, objective, world)
        draft = None if common is None else _draft(common, called, objective, sli, world)
        if draft is not None:
            # The policy of all objectives stands beside the first of them.
            policy = None if common is None or drafts else common.policy
            titled = draft if alone else _titled(draft, objective, number)
            draft = replace(titled, policy=policy)
            drafts.append((objective, draft))
            yield drafts[-1][1]
    if common is not None and len(objectives) > 1 and len(drafts) == len(objectives):
        yield from _composite(common, drafts, world)


def _description(document: Part) -> Scalar | None:
    spec = document.child("spec")
    return None if spec is None else spec.scalar("description")


def _common(
    spec: Part,
    world: World,
    who: tuple[Scalar, Scalar | None, Scalar | None, tuple[Entry, ...]],
) -> _Common | None:
    name, title, description, own = who
    service, method = spec.needed("service"), spec.scalar("budgetingMethod")
    length = window(spec, world.report)
    if method is not None and method.text not in METHODS:
        text = f"budgetingMethod must be one of {', '.join(METHODS)}, got {method.text!r}"
        world.report.malformed(text, method.span)
        return None
    if service is None:
        return None
    called, of = named(name, world.report), named(service, world.report, "service")
    alerting, policy = alerts(spec, world, f"openslo-{of.text}-{called.text}")
    return _Common(
        name=called,
        service=of,
        title=title,
        description=description,
        labels=own,
        window=length,
        method=METHODS[0] if method is None else method.text,
        alerting=alerting,
        policy=policy,
    )


def _called(name: Scalar, objective: Part, number: int) -> Scalar:
    """The name of one objective of several: that of the SLO, and its own or its number."""
    own = objective.text("displayName")
    return scalar(f"{name.text}-{own or number}", objective.span)


def _titled(draft: Draft, objective: Part, number: int) -> Draft:
    """The title of one objective of several."""
    if draft.title is None:
        return draft
    own = objective.text("displayName") or number
    return replace(draft, title=scalar(f"{draft.title.text} ({own})", draft.title.span))


def _indicator(spec: Part, objective: Part, world: World) -> Part | None:
    """The spec of the SLI of `objective`: its own, or that of the SLO."""
    for part in (objective, spec):
        if part.has("ratioMetrics"):
            return part
        for key in _REFERRED:
            reference = part.scalar(key)
            if reference is not None:
                return world.spec("SLI", reference)
        for key in _INLINE:
            inline = part.child(key)
            if inline is not None:
                return inline if inline.has("thresholdMetric") else inner(inline)
    world.report.malformed("an SLO needs an indicator, or a reference to one", spec.span)
    return None


def _draft(
    common: _Common, called: Scalar, objective: Part, sli: Part | None, world: World
) -> Draft | None:
    objective.take("displayName")
    objective.take("compositeWeight")
    promised = _objective(objective, world)
    how = slices(common.method, objective, world)
    found = None if sli is None or how is None else _sli(sli, objective, how, world)
    if promised is None or found is None:
        return None
    return Draft(
        name=named(called, world.report),
        service=common.service,
        objective=promised,
        sli=found,
        title=common.title,
        description=common.description,
        labels=common.labels,
        window=common.window,
        alerting=common.alerting,
    )


def _sli(sli: Part, objective: Part, how: Slices, world: World) -> Mapping | None:
    if sli is objective:
        # v1alpha states a ratio, and a value that has no use, within the objective.
        objective.take("value")
    return indicator(sli, objective, how, world)


def _objective(objective: Part, world: World) -> Scalar | None:
    target, in_percent = objective.scalar("target"), objective.scalar("targetPercent")
    if (target is None) == (in_percent is None):
        text = "an objective needs one of target and targetPercent"
        world.report.malformed(text, objective.span)
        return None
    if target is not None:
        return percent(target, world.report, 100)
    return None if in_percent is None else percent(in_percent, world.report)


def _composite(
    common: _Common, drafts: Sequence[tuple[Part, Draft]], world: World
) -> Iterator[Draft]:
    """The whole of an SLO whose objectives have indicators of their own."""
    own = (*_INLINE, *_REFERRED)
    if not any(objective.has(key) for objective, _ in drafts for key in own):
        return
    weights = [_weight(objective, world) for objective, _ in drafts]
    promised = sum(
        (
            weight * Fraction(draft.objective.text)
            for weight, (_, draft) in zip(weights, drafts, strict=True)
        ),
        Fraction(0),
    )
    at = common.name.span
    text = (
        "a composite names no objective of its own: the mean of its parts is taken; "
        "a weight is what one event of a part is worth"
    )
    world.report.lost(text, at, "convert it, and state the objective that is meant")
    of = [
        mapping(
            draft.name.span,
            {
                "slo": scalar(f"{draft.service.text}-{draft.name.text}", draft.name.span),
                "weight": scalar(decimal(weight), objective.span),
            },
        )
        for weight, (objective, draft) in zip(weights, drafts, strict=True)
    ]
    members = mapping(at, {"of": Items(tuple(of), at), "method": scalar("weighted", at)})
    yield Draft(
        name=common.name,
        service=common.service,
        objective=scalar(decimal(round(promised / sum(weights), _DIGITS)), at),
        sli=mapping(at, {"composite": members}),
        title=common.title,
        description=common.description,
        labels=common.labels,
        window=common.window,
        alerting=common.alerting,
    )


def _weight(objective: Part, world: World) -> Fraction:
    weight = share(objective.scalar("compositeWeight"), world.report)
    if weight is not None and weight <= 0:
        text = f"compositeWeight must be above 0, got {decimal(weight)}"
        world.report.malformed(text, objective.place("compositeWeight"))
        return Fraction(1)
    return Fraction(1) if weight is None else weight
