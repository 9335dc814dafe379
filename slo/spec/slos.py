"""`kind: SLO` and `kind: Class`: one entry becomes one resolved SLO."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from operator import itemgetter
from typing import Final
from zoneinfo import ZoneInfo

from slo.diagnostic import Diagnostic, Level, Span
from slo.exact import Duration, Ratio
from slo.model import Alerting, Calendar, Rolling, Scope, Severity, Slo
from slo.names import slo_id
from slo.policy import (
    Ground,
    Plan,
    Policy,
    PolicyName,
    PolicyOptions,
    TierChange,
    builtin,
    period_seconds,
    tiers,
    trusted,
)
from slo.spec.check import required
from slo.spec.context import Context, Document
from slo.spec.fields import Fields, overlaid
from slo.spec.problems import nearest
from slo.spec.shapes import CALENDAR_PERIODS, SLO_SPEC
from slo.spec.sli import Case, sli
from slo.spec.windows import rolling_length

_ONE_PERCENT: Final = Fraction(1, 100)
_DEEP: Final = frozenset({"alerting", "traffic", "labels"})


def read_slo(document: Document, context: Context) -> Slo | None:
    """The SLO of `document`; None after its problems were reported."""
    problems = context.problems
    before = problems.errors
    metadata = document.metadata
    chain = _chain(document, context)
    spec = _completed(document, chain)
    sound = all(each.sound for each in (document, *chain))
    required(spec.mapping, SLO_SPEC, document.place, problems)
    service = metadata.text("service")
    own = slo_id(service, document.name)
    by = tuple(sorted(set(spec.texts("by"))))
    objective, window = spec.percent("objective"), read_window(spec, context)
    case = Case(
        slo_id=own,
        by=by,
        step=context.settings.intervals.fast,
        scrape=context.settings.intervals.scrape,
        member=lambda scalar: context.slos.get(context.slo(scalar, service)),
        problems=problems,
    )
    found = sli(spec, case)
    owner = context.team(spec, "owner", document)
    alerting = _alerting(spec, objective, window, service, context)
    if not sound or problems.errors > before or not (found and objective and window and alerting):
        return None
    return Slo(
        slo_id=own,
        name=document.name,
        service=service,
        title=metadata.text("title") or document.name.replace("-", " ").capitalize(),
        description=spec.text("description"),
        objective=objective,
        window=window,
        sli=found,
        by=by,
        alerting=alerting,
        owner=owner,
        labels={**spec.pairs("labels"), **metadata.pairs("labels")},
        events_per_second=spec.child("traffic").number("events_per_second"),
        scope=Scope(spec.text("scope", Scope.SERVICE)),
        root_cause=spec.text("root_cause") or own,
        catalog_id=spec.text("catalog"),
        place=document.place,
    )


def identity(document: Document) -> str:
    """The id of the SLO that `document` states."""
    return slo_id(document.metadata.text("service"), document.name)


def completed(document: Document, context: Context) -> Fields:
    """The spec of `document`, with what its classes say."""
    return _completed(document, _chain(document, context))


def check_class(document: Document, context: Context) -> None:
    """Report what a class says that no SLO could use, even if none uses it yet."""
    _chain(document, context)
    read_window(document.spec, context)


def read_window(spec: Fields, context: Context) -> Rolling | Calendar | None:
    """The window of an SLO, by default that of the settings."""
    scalar = spec.scalar("window")
    if scalar is not None:
        length = rolling_length(spec, context.problems)
        return None if length is None else Rolling(length)
    if not spec.has("window"):
        return Rolling(context.settings.default_window)
    window = spec.child("window")
    period, zone = window.text("calendar"), window.text("timezone", "UTC")
    if not known_zone(zone):
        text = f"no time zone is called {zone!r}"
        hint = "write an IANA name: Europe/Berlin, UTC"
        context.problems.error("SLO026", text, window.place("timezone"), hint)
        return None
    return Calendar(period, zone) if period in CALENDAR_PERIODS else None


def known_zone(name: str) -> bool:
    """Whether `name` is an IANA time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _completed(document: Document, chain: Sequence[Document]) -> Fields:
    """The spec, completed from its class and the classes behind it."""
    mapping = document.spec.mapping
    for base in chain:
        mapping = overlaid(mapping, base.spec.mapping, _DEEP)
    return Fields(mapping)


def _chain(document: Document, context: Context) -> list[Document]:
    """The classes of `document`, the nearest first."""
    chain: list[Document] = []
    current = document
    while current.spec.has("class"):
        scalar = current.spec.scalar("class")
        name = scalar.text if scalar else ""
        base = context.classes.get(name)
        if base is None:
            if scalar is not None:
                text = f"no Class is called {name!r}"
                hint = nearest(name, context.classes) or "add a document of kind Class"
                context.problems.error("SLO021", text, scalar.span, hint)
            break
        if base in chain or base is document:
            names = " -> ".join(each.name for each in (*chain, base))
            text = f"classes build on each other in a circle: {names}"
            context.problems.error("SLO023", text, current.spec.place("class"))
            break
        chain.append(base)
        current = base
    return chain


def _alerting(
    spec: Fields,
    objective: Ratio | None,
    window: Rolling | Calendar | None,
    service: str,
    context: Context,
) -> Alerting | None:
    fields = spec.child("alerting")
    depends_on = context.causes(fields, "depends_on", service)
    policy = _policy(fields, context)
    if policy is None or not _known_tiers(fields, policy, context):
        return None
    # Below one percent it was told already: a share stands where percent are meant.
    if objective is None or window is None or not _ONE_PERCENT <= objective.value < 1:
        return None
    traffic = spec.child("traffic").number("events_per_second")
    plan = _planned(policy, objective, window, _options(fields), traffic, context)
    place = spec.place("objective")
    context.problems.extend(
        [Diagnostic(note.code, note.level, note.text, place, note.help) for note in plan.notes]
    )
    changed = tuple(note.text for note in plan.notes if note.level is Level.WARNING)
    return Alerting(
        policy.name,
        plan.tiers,
        fields.text("idle", "ok"),
        depends_on,
        changed,
        fields.text("signal_lost", "ticket"),
    )


def _planned(
    policy: Policy,
    objective: Ratio,
    window: Rolling | Calendar,
    options: PolicyOptions,
    traffic: Fraction | None,
    context: Context,
) -> Plan:
    """The tiers under these promises: made once, since hundreds of SLOs make the same ones."""
    changes = tuple(sorted(options.changes.items(), key=itemgetter(0)))
    stated = (options.form, options.severities, options.off, options.min_events, changes)
    key = (policy.name, objective, window, stated, traffic)
    known = context.plans.get(key)
    if known is None:
        period = Duration(int(period_seconds(window) * 1000))
        known = context.plans[key] = trusted(
            tiers(policy, objective, period, options=options, events_per_second=traffic),
            Ground(
                objective.budget,
                traffic,
                context.settings.intervals.scrape,
                options.min_events is not None,
            ),
        )
    return known


def _policy(fields: Fields, context: Context) -> Policy | None:
    """The policy that is named, the user's own before a shipped one."""
    name = fields.text("policy") or context.settings.default_policy
    own = context.policies.get(name)
    if own is not None:
        return own
    if name in tuple(PolicyName):
        return builtin(PolicyName(name))
    place: Span | None = fields.place("policy") if fields.has("policy") else None
    text = f"no policy is called {name!r}"
    hint = nearest(name, {*PolicyName, *context.policies})
    if name not in context.broken_policies:
        context.problems.error("SLO027", text, place, hint)
    return None


def _known_tiers(fields: Fields, policy: Policy, context: Context) -> bool:
    """Whether the form and the tiers that the SLO names are in its policy."""
    form = fields.text("form") or policy.default_form
    if form not in policy.forms:
        text = f"policy {policy.name} has no form {form!r}"
        context.problems.error("SLO027", text, fields.place("form"), nearest(form, policy.forms))
        return False
    names = [template.name for template in policy.forms[form]]
    changed = fields.child("tiers").mapping.entries
    for scalar in (*fields.scalars("off"), *(entry.key for entry in changed)):
        if scalar.text not in names:
            text = f"policy {policy.name} has no tier {scalar.text!r}"
            context.problems.error("SLO027", text, scalar.span, nearest(scalar.text, names))
    changes = _changes(fields)
    called = [changes.get(name, TierChange()).name or name for name in names]
    if len(set(called)) < len(called):
        text = "two tiers would have one name"
        context.problems.error("SLO027", text, fields.place("tiers"), "name them apart")
        return False
    return True


def _changes(fields: Fields) -> dict[str, TierChange]:
    tiers = fields.child("tiers")
    found: dict[str, TierChange] = {}
    for entry in tiers.mapping.entries:
        change = tiers.child(entry.key.text)
        found[entry.key.text] = TierChange(
            name=change.text("name") or None,
            hold=change.duration("for"),
            keep_firing_for=change.duration("keep_firing_for"),
        )
    return found


def _options(fields: Fields) -> PolicyOptions:
    named = frozenset(
        Severity(word) for word in fields.texts("severities") if word in tuple(Severity)
    )
    return PolicyOptions(
        form=fields.text("form"),
        severities=named or frozenset(Severity),
        off=frozenset(fields.texts("off")),
        min_events=fields.number("min_events"),
        changes=_changes(fields),
    )
