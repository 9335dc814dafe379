"""What SLOs count that the made-up fleet does not: series from their own expressions.

Only a user knows a user's metrics, but the selectors of an SLI tell which series mean a good
event and which a bad one. Such series are added to the story, and bend in its phases as
everything else does. Where the selectors do not tell, what the SLI's own rules would have
recorded is told instead, and everything after them is proven. So it is for metrics of the
catalogue: the fleet makes those, and more of them would be actions that nobody audited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import promql_parser as pp

from dashboards.proving.ask import instant
from dashboards.proving.history import COARSE_SECONDS, Timeline
from dashboards.proving.phases import FAILURE, Phase
from dashboards.proving.recorded import Families, Rule
from dashboards.proving.scenario import Series
from slo.catalog import metrics
from slo.emit.proving.events import event_kinds
from slo.emit.proving.scenario import GROUPS
from slo.model import Sli, SliKind
from slo.names import OBJECTIVE, SLI_ERROR_RATIO, SLI_ERRORS, SLI_TOTAL
from slo.promql import parse, result_labels, selected_metrics

_PER_SECOND: Final = 10.0
_SPENT: Final = 0.3
"""Share of the budget's pace at which a healthy SLO errs: far from every alert."""
_TOTAL: Final = f"{SLI_TOTAL}:rate5m"
_ERRORS: Final = f"{SLI_ERRORS}:rate5m"
_RECORDED: Final = SLI_TOTAL.partition(":")[0] + ":"


@dataclass(frozen=True, slots=True)
class Own:
    """An SLO on events of the user's own.

    Attributes:
        series: What it counts; empty where its selectors do not tell.
        told: Rules that read what nobody makes here; they are not run, their records are told.
        groups: Label sets of its budgets.
        bad: Share of bad events in health.
    """

    slo_id: str
    series: tuple[Series, ...]
    told: tuple[Rule, ...]
    groups: tuple[Mapping[str, str], ...]
    bad: float


def silent(url: str, rules: Sequence[Rule], time: int) -> tuple[str, ...]:
    """The SLOs of `rules` that count no event at `time` in the Prometheus at `url`."""
    return tuple(
        slo_id
        for slo_id, ours in sorted(_by_slo(rules).items())
        # What is made of other SLOs is never silent by itself: they are recorded later.
        if _reads_raw(ours[_TOTAL])
        and not any(answer.points[-1][1] > 0 for answer in instant(url, ours[_TOTAL].expr, time))
    )


def own_events(rules: Sequence[Rule], slo_ids: Sequence[str]) -> tuple[Own, ...]:
    """What the SLOs `slo_ids` count."""
    found = _by_slo(rules)
    spent: dict[str, float] = {}
    for slo_id in slo_ids:
        # Several objectives on one SLI count the same events: the strictest is kept.
        total = found[slo_id][_TOTAL].expr
        bad = _SPENT * (1 - _objective(found[slo_id]))
        spent[total] = min(bad, spent.get(total, bad))
    return tuple(
        _own(slo_id, found[slo_id], spent[found[slo_id][_TOTAL].expr]) for slo_id in slo_ids
    )


def told(own: Sequence[Own], timeline: Timeline) -> Families:
    """What the rules of `own` that are not run would have recorded over the story."""
    families: Families = {}
    for slo in own:
        for rule in slo.told:
            for group in slo.groups:
                labels = tuple(sorted({**group, **rule.labels}.items()))
                points = list(_points(rule.record, slo.bad, timeline))
                families.setdefault(rule.record, []).append((labels, points))
    return families


def _by_slo(rules: Sequence[Rule]) -> dict[str, dict[str, Rule]]:
    """Recording rules by SLO and name, of those SLOs whose events are recorded."""
    found: dict[str, dict[str, Rule]] = {}
    for rule in rules:
        if rule.record and "slo_id" in rule.labels:
            found.setdefault(rule.labels["slo_id"], {})[rule.record] = rule
    return {slo_id: ours for slo_id, ours in found.items() if _TOTAL in ours and _ERRORS in ours}


def _own(slo_id: str, ours: Mapping[str, Rule], bad: float) -> Own:
    total, errors = ours[_TOTAL], ours[_ERRORS]
    labels = sorted(result_labels(parse(total.expr)) or ())
    groups = tuple(dict.fromkeys(labels, value) for value in (GROUPS if labels else GROUPS[:1]))
    sli = Sli(SliKind.EVENTS, errors.expr, total.expr)
    series = [_series(sli, group, bad) for group in groups]
    known = metrics().by_series()
    if all(series) and not any(each.name in known for one in series for each in one):
        return Own(slo_id, tuple(each for one in series for each in one), (), groups, bad)
    raw = tuple(rule for rule in ours.values() if _reads_raw(rule) and _is_rate(rule.record))
    return Own(slo_id, (), raw, groups, bad)


def _objective(ours: Mapping[str, Rule]) -> float:
    rule = ours.get(OBJECTIVE)
    call = parse(rule.expr) if rule else None
    value = call.args[0] if isinstance(call, pp.Call) and call.args else None
    return value.val if isinstance(value, pp.NumberLiteral) else 0.99


def _series(sli: Sli, group: Mapping[str, str], bad: float) -> tuple[Series, ...]:
    """The series of one budget; none where the selectors do not tell."""
    kinds = event_kinds(sli, group)
    if kinds is None:
        return ()
    share = min(1.0, bad / float(kinds.bad.bad_share))
    raws = dict.fromkeys([*kinds.good.growth, *kinds.bad.growth])
    return tuple(
        Series(
            name=raw.metric,
            labels=tuple(sorted(raw.labels)),
            values=frozenset(),
            rate=_PER_SECOND * (1 - share) * float(kinds.good.growth.get(raw, 0)),
            counts=True,
            agent="",
            traffic=True,
            failing=_PER_SECOND * share * float(kinds.bad.growth.get(raw, 0)),
        )
        for raw in raws
    )


def _reads_raw(rule: Rule) -> bool:
    return any(not name.startswith(_RECORDED) for name in selected_metrics(parse(rule.expr)))


def _is_rate(record: str) -> bool:
    return record.startswith((f"{SLI_TOTAL}:", f"{SLI_ERRORS}:", SLI_ERROR_RATIO))


def _points(record: str, bad: float, timeline: Timeline) -> Iterator[tuple[int, float]]:
    for phase, start, end in timeline.spans():
        value = _value(record, bad, phase)
        if value is not None:
            times = range(start + COARSE_SECONDS, end + 1, COARSE_SECONDS)
            yield from ((time, value) for time in times)


def _value(record: str, bad: float, phase: Phase) -> float | None:
    """What is recorded under even traffic; ratios of no traffic do not exist."""
    share = min(1.0, bad * phase.factors.get(FAILURE, 1.0))
    if record.startswith(f"{SLI_TOTAL}:"):
        return _PER_SECOND * phase.flow
    if record.startswith(f"{SLI_ERRORS}:"):
        return _PER_SECOND * phase.flow * share
    return share if phase.flow else None
