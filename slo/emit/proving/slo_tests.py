"""The tests of one SLO: it fires in time at each tier, and is silent whenever it should be.

A test is short. A young series has a young history, so a window of three days fills in
minutes; times are computed for exactly that history. Alerts are read from the series
`ALERTS`: all labels must be as promised, annotations are for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, gcd, isqrt
from typing import Final

from slo import names
from slo.emit.proving.scenario import GROUPS, Feed, Phase, metric
from slo.emit.yaml import Value
from slo.exact import Duration
from slo.model import AlertRule, Slo, Tier, TierForm
from slo.policy import gate_seconds
from slo.rules.burn import IDLE
from slo.rules.terms import SLOW_FROM, reads_raw
from slo.rules.words import filled

_MINUTE: Final = 60
_WINDOW: Final = 300
"""Seconds that the shortest window looks back, and that a sum of such rates trails."""
_TOLD: Final = 900
"""Seconds until it is told that traffic or the signal is gone: a window, and ten minutes more."""
_BUSY: Final = Fraction(1000)
_LONG_HOLD: Final = Duration.parse("1h")
"""Tiers that hold longer have tests of their own, in coarser steps; at the threshold it is
enough that they start to wait."""
_SHORT_RESET: Final = 900
_ONE: Final = Fraction(1)
_BELOW: Final = Fraction(9, 10)
_ABOVE: Final = Fraction(11, 10)


@dataclass(frozen=True, slots=True)
class Subject:
    """An SLO under test, its rules, and what its tests have in common.

    Attributes:
        step: Seconds between evaluations.
    """

    slo: Slo
    rules: tuple[AlertRule, ...]
    feed: Feed
    step: int

    @classmethod
    def of(cls, slo: Slo, rules: tuple[AlertRule, ...], step: Duration) -> Subject:
        """Find out how `slo` can be fed."""
        return cls(slo, rules, Feed(slo), int(step.total_seconds))

    def coarse(self, step: Duration) -> Subject:
        """The same in larger steps."""
        return replace(self, step=int(step.total_seconds))

    def ceil(self, seconds: Fraction | int) -> int:
        """The first evaluation at or after `seconds`."""
        return ceil(Fraction(seconds) / self.step) * self.step

    @property
    def healthy(self) -> int:
        """Seconds of good traffic before something happens: two windows of five minutes."""
        return self.ceil(2 * _WINDOW)

    def after(self, seconds: int, steps: int) -> int:
        """`seconds` and some steps more, at an evaluation."""
        return self.ceil(seconds + steps * self.step)

    def series(
        self, phases: Sequence[Phase], group: str = GROUPS[0], *, errors: bool = True
    ) -> list[Value]:
        """The input of one budget, a sample at each evaluation or each minute."""
        return self.feed.series(phases, group, step=self.sample, errors=errors)

    @property
    def sample(self) -> int:
        """Seconds between samples, a part of the step: a rate over five minutes needs several."""
        return self.step if self.step <= _MINUTE else gcd(self.step, _MINUTE)

    def tier_rules(self) -> Iterator[tuple[Tier, AlertRule]]:
        """The burn alerts with their tiers."""
        for rule in self.rules:
            if rule.tier is not None:
                yield rule.tier, rule

    def rule(self, name: str) -> AlertRule | None:
        """The SLO's rule called `name` that belongs to no tier, if it has one."""
        for rule in self.rules:
            if rule.name == name and rule.tier is None:
                return rule
        return None


def slo_tests(subject: Subject) -> Iterator[Value]:
    """The tests of the SLO that an hour is enough for."""
    yield _signal(subject)
    if not subject.slo.alerting.tiers:
        return
    if any(_is_short(tier) for tier in subject.slo.alerting.tiers):
        yield _outage(subject)
    for tier, rule in subject.tier_rules():
        yield _just_below(subject, tier, rule)
        yield _just_above(subject, tier, rule)
    if all(tier.min_bad_events > 1 for tier in subject.slo.alerting.tiers):
        yield _few_events(subject)


def long_tests(subject: Subject) -> Iterator[Value]:
    """The tests of tiers that hold for hours, for coarse steps: they last as long as the hold."""
    for tier, rule in subject.tier_rules():
        if not _is_short(tier):
            yield _held(subject, tier, rule)


def _held(subject: Subject, tier: Tier, rule: AlertRule) -> Value:
    """A total outage keeps the alert pending for all of its hold, and fires it then."""
    fires = subject.ceil(subject.healthy + _fire_seconds(subject, tier))
    waits = int((subject.healthy + tier.hold.total_seconds) // subject.step * subject.step)
    phases = [
        Phase(subject.healthy, _BUSY),
        Phase(fires - subject.healthy, _BUSY, subject.feed.worst),
    ]
    checks = [
        _silent(subject, subject.healthy),
        _expect(_alerts(rule, "firing"), waits),
        _fires(rule, waits, subject, "pending"),
        _fires(rule, fires, subject),
    ]
    return _test(subject, f"{tier.name}, held", subject.series(phases), checks)


def _signal(subject: Subject) -> Value:
    """Good events only, then none, then no series at all."""
    idle, lost = subject.rule(IDLE), subject.rule(names.SIGNAL_LOST)
    healthy, gone = subject.healthy, subject.after(_TOLD, 2)
    quiet = subject.after(_TOLD, 6) if idle else subject.after(_WINDOW, 4)
    phases = [
        Phase(healthy, _BUSY),
        Phase(quiet, Fraction(0)),
        Phase(gone, Fraction(0), gone=True),
    ]
    errors_name, ratio_name = f"{names.SLI_ERRORS}:rate5m", names.error_ratio("5m")
    errors = metric(errors_name, {"slo_id": subject.slo.slo_id})
    ratio = metric(ratio_name, {"slo_id": subject.slo.slo_id})
    quiet_end = healthy + quiet
    checks = [
        _expect(errors, healthy, (_identity(subject, errors_name), 0)),
        _expect(ratio, healthy, (_identity(subject, ratio_name), 0)),
        _silent(subject, healthy),
        _expect(ratio, quiet_end),
        _fires(idle, quiet_end, subject) if idle else _silent(subject, quiet_end),
    ]
    if lost is not None:
        checks.append(_expect(_alerts(lost, "firing"), quiet_end + 540))
    if lost is not None and not subject.feed.lasting:
        checks.append(_fires(lost, quiet_end + gone, subject))
    inputs = subject.series(phases, errors=False)
    return _test(subject, "no errors, no traffic, no signal", inputs, checks)


def _outage(subject: Subject) -> Value:
    """All events turn bad: every tier fires in its time, for this budget only."""
    start = subject.healthy
    tiers = [(tier, rule) for tier, rule in subject.tier_rules() if _is_short(tier)]
    fired = [(rule, subject.ceil(start + _fire_seconds(subject, tier))) for tier, rule in tiers]
    end = max(moment for _, moment in fired)
    resets = [
        (rule, subject.ceil(end + seconds))
        for tier, rule in tiers
        if (seconds := _reset_seconds(subject, tier)) <= _SHORT_RESET
    ]
    tail = max((moment for _, moment in resets), default=end) - end
    phases = [Phase(start, _BUSY), Phase(end - start, _BUSY, subject.feed.worst)]
    if tail:
        phases.append(Phase(tail, _BUSY))
    inputs = subject.series(phases)
    if subject.slo.by:
        healthy = [Phase(end + tail, 10 * _BUSY)]
        inputs.extend(subject.series(healthy, GROUPS[1]))
    checks = [_silent(subject, start)]
    checks.extend(_fires(rule, moment, subject) for rule, moment in fired)
    checks.extend(_expect(_alerts(rule), moment) for rule, moment in resets)
    return _test(subject, "total outage", inputs, checks)


def _just_below(subject: Subject, tier: Tier, rule: AlertRule) -> Value:
    bad = tier.threshold.value * _BELOW
    seconds = subject.after(_WINDOW, 6)
    phases = [Phase(seconds, _traffic(tier), bad)]
    checks = [_expect(_alerts(rule), seconds)]
    return _test(subject, f"{tier.name}, just below", subject.series(phases), checks)


def _just_above(subject: Subject, tier: Tier, rule: AlertRule) -> Value:
    threshold = tier.threshold.value
    bad = min(threshold * _ABOVE, (threshold + subject.feed.worst) / 2)
    waits = tier.hold if _is_short(tier) else Duration(0)
    needs = _WINDOW + _lag(subject, tier) + waits.total_seconds
    seconds = subject.ceil(needs)
    phases = [Phase(seconds, _traffic(tier), bad)]
    state = "firing" if waits == tier.hold else "pending"
    checks = [_fires(rule, seconds, subject, state)]
    return _test(subject, f"{tier.name}, just above", subject.series(phases), checks)


def _few_events(subject: Subject) -> Value:
    """Everything is bad, and it is too little to wake somebody.

    Beside it a busy budget has bad events in plenty, and keeps its objective.
    """
    seconds = subject.healthy
    rate = min(
        tier.min_bad_events
        / 2
        / max(gate_seconds(tier) if tier.form is TierForm.SUSTAINED else 0, seconds)
        for tier in subject.slo.alerting.tiers
    )
    checks = [_silent(subject, seconds)]
    if subject.feed.worst == 1:
        ratio = _identity(subject, names.error_ratio("5m"))
        checks.append(_expect(f"round({ratio}, 0.001)", seconds, (_identity(subject), 1)))
    inputs = subject.series([Phase(seconds, rate, subject.feed.worst)])
    if subject.slo.by:
        some = min(tier.threshold.value for tier in subject.slo.alerting.tiers) / 2
        inputs.extend(subject.series([Phase(seconds, 100 * _BUSY, some)], GROUPS[1]))
    return _test(subject, "few events, all bad", inputs, checks)


def _is_short(tier: Tier) -> bool:
    return tier.hold <= _LONG_HOLD


def _fire_seconds(subject: Subject, tier: Tier) -> Fraction:
    """Seconds of a total outage within which `tier` fires, after `subject.healthy` good ones.

    Bad events are counted from a rate over five minutes, which rises evenly: their sum grows
    with the square of the time.
    """
    worst, threshold = subject.feed.worst, tier.threshold.value
    windows = [tier.long, tier.short or tier.long]
    young = threshold * subject.healthy / (worst - threshold)
    slowest = max(min(threshold * w.total_seconds / worst, young) for w in windows)
    counted = isqrt(ceil(2 * _WINDOW * tier.min_bad_events / (worst * _BUSY))) + 1
    return slowest + counted + _lag(subject, tier) + tier.hold.total_seconds


def _lag(subject: Subject, tier: Tier) -> int:
    """What sampling, steps and sums of smoothed rates add at most."""
    lag = 2 * subject.step
    if not reads_raw(subject.slo, tier.long):
        lag += _WINDOW
    if tier.long >= SLOW_FROM:
        lag += _WINDOW
    return lag


def _reset_seconds(subject: Subject, tier: Tier) -> Fraction:
    """Seconds after which `tier` is silent again when all events are good again."""
    window = tier.short or tier.long
    smoothed = 0 if reads_raw(subject.slo, window) else _WINDOW
    return window.total_seconds + smoothed + tier.keep_firing_for.total_seconds + 2 * subject.step


def _traffic(tier: Tier) -> Fraction:
    """Events per second at which the minimum of bad events is no obstacle within a minute."""
    return max(_BUSY, tier.min_bad_events / (tier.threshold.value * 60))


def _alerts(rule: AlertRule, state: str = "") -> str:
    """The query for the states of one rule's alerts; any state when none is named."""
    chosen = {"alertname": rule.name, "slo_id": rule.labels["slo_id"]}
    if "slo_tier" in rule.labels:
        chosen["slo_tier"] = rule.labels["slo_tier"]
    if state:
        chosen["alertstate"] = state
    return metric("ALERTS", chosen)


def _silent(subject: Subject, seconds: int) -> Value:
    """Nothing is pending or firing for this SLO."""
    return _expect(metric("ALERTS", {"slo_id": subject.slo.slo_id}), seconds)


def _fires(rule: AlertRule, seconds: int, subject: Subject, state: str = "firing") -> Value:
    """Exactly one alert of `rule`, with every label that is promised."""
    by = dict.fromkeys(rule.by, GROUPS[0])
    labels = {key: filled(text) for key, text in rule.labels.items()}
    for label, value in by.items():
        for key, text in labels.items():
            labels[key] = text.replace(f"{{{{ $labels.{label} }}}}", value)
    shown = {
        **labels,
        **by,
        "slo_id": subject.slo.slo_id,
        "alertname": rule.name,
        "alertstate": state,
    }
    return _expect(_alerts(rule, state), seconds, (metric("ALERTS", shown), 1))


def _expect(query: str, seconds: int, *samples: tuple[str, int]) -> Value:
    """What `query` returns at that time."""
    return {
        "expr": query,
        "eval_time": Duration.seconds(seconds).promql(),
        "exp_samples": [{"labels": labels, "value": value} for labels, value in samples],
    }


def _identity(subject: Subject, series: str = "") -> str:
    """The recorded `series` of the budget under test."""
    labels = {"slo_id": subject.slo.slo_id, **subject.feed.labels(GROUPS[0])}
    return metric(series, labels)


def _test(subject: Subject, name: str, inputs: list[Value], checks: list[Value]) -> Value:
    return {
        "name": f"{subject.slo.slo_id}: {name}",
        "interval": f"{subject.sample}s",
        "input_series": inputs,
        "promql_expr_test": checks,
    }
