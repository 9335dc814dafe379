"""Every form of an SLI becomes the same two things: bad events and all events per second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Final

from slo.exact import Duration
from slo.model import Sli, SliKind, Slo, SpansMatch
from slo.names import SLI_EVENTS
from slo.promql import canonical, compact, operand, parse, unguarded, without_zero
from slo.source import Entry, Scalar
from slo.spec.composite import composite
from slo.spec.expressions import covers, instant_vector, rate_template
from slo.spec.fields import Fields
from slo.spec.latency import latency
from slo.spec.lint import born_later, falls_back, inverted, inverted_gauge, scarce, sides
from slo.spec.problems import Problems
from slo.spec.ratio import ratio
from slo.spec.slices import bad_when, slices

EVENTS: Final = ("good", "bad", "total")
MOST_LABELS: Final = 4
MOST_SETS: Final = 1000
"""Label sets of an SLO that the collector tells unless it is configured otherwise."""
LONGEST_VALUE: Final = 128
_OUTCOME: Final = "outcome"


@dataclass(frozen=True, slots=True)
class Case:
    """What an SLI needs to know of its SLO.

    Attributes:
        step: Length of a time slice: the interval of the fast rules.
        scrape: How often its series are scraped.
        member: The SLO that a name means; None after the problem was reported.
    """

    slo_id: str
    by: tuple[str, ...]
    step: Duration
    scrape: Duration
    member: Callable[[Scalar], Slo | None]
    problems: Problems


def sli(spec: Fields, case: Case) -> Sli | None:
    """The SLI of an SLO; None after its problems were reported."""
    forms = spec.child("sli")
    given = [entry for entry in forms.mapping.entries if entry.key.text in READERS]
    if len(given) != 1:
        return None
    entry = given[0]
    return READERS[entry.key.text](forms.child(entry.key.text), entry, case)


def _events(fields: Fields, entry: Entry, case: Case) -> Sli | None:
    given = [key for key in EVENTS if fields.has(key)]
    if len(given) != 2:
        got = ", ".join(given) or "none"
        text = f"sli.events needs two of good, bad and total, got {got}"
        case.problems.error("SLO018", text, entry.key.span)
    rates: dict[str, str] = {}
    for key in given:
        scalar = fields.scalar(key)
        rate = scalar and rate_template(scalar, case.by, case.problems)
        if rate:
            rates[key] = rate
    if len(given) != 2 or len(rates) != 2:
        return None
    rates = _unadorned(rates, case.by)
    for key in given:
        if key != "total":
            _lint(fields, key, rates, case.problems)
    good, bad, total = (operand(rates[key]) if key in rates else "" for key in EVENTS)
    if not bad:
        # No good event yet means that all were bad, not that nothing can be said.
        bad = f"{total} - ({good} or 0 * {total})"
    if not total:
        total = f"({good} or 0 * {bad}) + ({bad} or 0 * {good})"
    return Sli(SliKind.EVENTS, canonical(bad), canonical(total))


def _unadorned(rates: Mapping[str, str], by: tuple[str, ...]) -> dict[str, str]:
    """`rates` without what hides that something is gone, or makes idle look like gone.

    The rules fill in a zero where there is something, and divide by nothing that is zero.
    """
    found = dict(rates)
    if not by:
        found |= {
            key: compact(without_zero(parse(text))) for key, text in rates.items() if " or " in text
        }
    total = found.get("total", "")
    if " > 0" in total or " != 0" in total:
        found["total"] = compact(unguarded(parse(total)))
    return found


def _lint(fields: Fields, key: str, rates: Mapping[str, str], problems: Problems) -> None:
    part, place = parse(rates[key]), fields.place(key)
    problems.lint(inverted(part, bad=key == "bad"), place)
    if "total" not in rates:
        return
    total = parse(rates["total"])
    problems.lint(sides(part, total), place)
    if " or " in rates["total"]:
        problems.lint(falls_back(total), fields.place("total"))
    if key == "good":
        for code, text, hint in born_later(part, total):
            problems.notice(code, text, place, hint)


def _latency(fields: Fields, _entry: Entry, case: Case) -> Sli | None:
    return latency(fields, case.by, case.problems)


def _gauge(fields: Fields, _entry: Entry, case: Case) -> Sli | None:
    scalar = fields.scalar("expr")
    comparison = bad_when(fields, case.problems)
    expr = None if scalar is None else instant_vector(scalar, case.problems)
    if expr is None or scalar is None or not covers(expr, scalar, case.by, case.problems):
        return None
    if comparison is None:
        return None
    case.problems.lint(scarce(expr, case.scrape), scalar.span)
    case.problems.lint(inverted_gauge(expr, comparison), fields.place("bad_when"))
    errors, total = slices(compact(expr), comparison, case.by, case.step)
    return Sli(SliKind.GAUGE, errors, total)


def _ratio(fields: Fields, _entry: Entry, case: Case) -> Sli | None:
    return ratio(fields, case.by, case.step, case.problems)


def _spans(fields: Fields, _entry: Entry, case: Case) -> Sli | None:
    bad = fields.child("bad")
    named = fields.pairs("labels")
    match = SpansMatch(
        service=fields.text("service"),
        span_name=fields.text("span_name") or None,
        attributes=fields.pairs("attributes"),
        bad_status=bad.flag("status", default=True),
        bad_attributes=bad.pairs("attributes"),
        bad_above=bad.duration("above"),
        labels={label: named.get(label, label) for label in case.by},
        values={
            label: tuple(sorted(set(values)))
            for label in case.by
            if (values := fields.child("values").texts(label))
        },
    )
    if not _labels_fit(fields, case):
        return None
    if not (match.bad_status or match.bad_attributes or match.bad_above):
        text = "no span can be bad: status is off, and neither attributes nor above is given"
        case.problems.error("SLO018", text, fields.place("bad"))
        return None
    if always := match.attributes.items() & match.bad_attributes.items():
        key, value = min(always)
        text = f"every event is bad: {key} must be {value!r} to match, and that is bad"
        case.problems.error("SLO018", text, fields.place("bad"))
        return None
    by = f" by ({', '.join(case.by)}) " if case.by else ""
    series = f'{SLI_EVENTS}{{slo_id="{case.slo_id}"'
    errors = canonical(f'sum{by}(rate({series},outcome="bad"}}[$window]))')
    return Sli(SliKind.SPANS, errors, canonical(f"sum{by}(rate({series}}}[$window]))"), match)


def _labels_fit(fields: Fields, case: Case) -> bool:
    """Whether the collector can tell the SLO's budgets apart by what the file says."""
    before = case.problems.errors
    for key in ("labels", "values"):
        for entry in fields.child(key).mapping.entries:
            if entry.key.text not in case.by:
                text = f"{key} names {entry.key.text}, which by does not"
                hint = f"add {entry.key.text} to by, or take it out here"
                case.problems.error("SLO057", text, entry.key.span, hint)
    for label in case.by:
        for scalar in fields.child("values").scalars(label):
            if not 0 < len(scalar.text.strip()) <= LONGEST_VALUE:
                text = f"a label value has 1 to {LONGEST_VALUE} characters, got {scalar.text!r:.40}"
                case.problems.error("SLO057", text, scalar.span)
    if _OUTCOME in case.by:
        text = f"the collector's counters have a label {_OUTCOME} already"
        hint = f"name the label otherwise: labels: {{result: {_OUTCOME}}}"
        case.problems.error("SLO057", text, fields.mapping.span, hint)
    if len(case.by) > MOST_LABELS:
        text = f"sli.spans takes {MOST_LABELS} labels in by, got {len(case.by)}"
        case.problems.error("SLO057", text, fields.mapping.span)
    sets = prod(len(fields.child("values").texts(label)) for label in case.by)
    if case.by and sets > MOST_SETS:
        text = f"values make {sets} budgets, the collector tells {MOST_SETS}"
        case.problems.error("SLO057", text, fields.place("values"))
    return case.problems.errors == before


def _composite(fields: Fields, _entry: Entry, case: Case) -> Sli | None:
    return composite(fields, case.by, case.step, case.member, case.problems)


READERS: Final[Mapping[str, Callable[[Fields, Entry, Case], Sli | None]]] = MappingProxyType(
    {
        "events": _events,
        "latency": _latency,
        "gauge": _gauge,
        "ratio": _ratio,
        "spans": _spans,
        "composite": _composite,
    }
)
